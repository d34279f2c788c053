"""A restored database is closed until each channel was compared with its platform, or an operator opens it."""

import pytest

from knowledge import quarantine as module
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.backfill import Backfill
from knowledge.jobs import Jobs
from knowledge.messages import ChannelRef
from knowledge.ports import Page
from knowledge.presence import Presence
from knowledge.quarantine import Quarantine
from knowledge.scope import Audience
from tests.talk import START, channel, described

GENERAL, BOARD = channel("general"), channel("board")


@pytest.fixture
async def quarantine(database):
    await Access(database).record_channels([described("general"), described("board")])
    await Presence(database).join(GENERAL)
    return Quarantine(database)


async def readable(database):
    return (await Access(database).scope_for(Audience(), None)).channel_names


async def test_a_database_where_it_was_made_is_open(quarantine, database):
    assert not await quarantine.is_moved()
    assert not await quarantine.enter()
    assert set(await readable(database)) == {"general", "board"}
    assert not await quarantine.is_anything_closed()


@pytest.mark.parametrize(
    "trace",
    [
        "UPDATE residence SET server = server + 1",
        "UPDATE residence SET table_oid = 'message'::regclass::oid",
        "UPDATE residence SET server = server",
        "DELETE FROM residence",
    ],
)
async def test_a_copy_is_closed_before_anybody_has_looked(quarantine, database, trace):
    await database.execute(trace)
    assert await quarantine.is_moved()
    assert await readable(database) == ()
    assert await quarantine.enter()
    assert not await quarantine.is_moved()
    assert await readable(database) == ()
    assert [ref for ref, _, _ in await quarantine.closed()] == [GENERAL, BOARD]


async def test_a_user_without_special_rights_sees_whether_it_was_restored(quarantine, database):
    await database.execute("CREATE ROLE orchard")
    await database.execute("GRANT SELECT ON residence TO orchard")
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL ROLE orchard")
        assert await (await connection.execute(module.LOOK)).fetchone() == (True,)
    await database.execute("DROP OWNED BY orchard")
    await database.execute("DROP ROLE orchard")


async def test_what_was_under_way_is_dropped_and_no_key_is_given_twice(quarantine, database):
    await Jobs(database).read(GENERAL, "reconcile", since=None)
    await database.execute(
        "INSERT INTO inbox (platform, workspace, delivery_id, kind, payload) "
        "VALUES ('test', 'tidepool', '1', 'x', '{}')"
    )
    await quarantine.mark()
    await quarantine.enter()
    assert await database.fetch("SELECT state FROM job") == [("cancelled",)]
    assert await database.fetch("SELECT payload, reason FROM inbox") == [(None, "Restored")]
    rows = await database.fetch("SELECT nextval(pg_get_serial_sequence('message', 'message_pk'))")
    assert rows[0][0] > 1_000_000_000


async def test_only_a_believed_reading_of_everything_since_the_restore_opens_a_channel(quarantine, database):
    jobs = Jobs(database)
    before = await jobs.read(GENERAL, "backfill", since=None)
    await quarantine.mark()
    await quarantine.enter()
    assert await quarantine.uncompared(["test"]) == [GENERAL]
    assert await quarantine.uncompared(["elsewhere"]) == []
    for kind, since in (("reconcile", START), ("reconcile", None)):
        job = await jobs.read(GENERAL, kind, since=since)
        assert job != before
        await database.execute(module.LEAVE, {"job": before, "settled": 90})
        assert await readable(database) == ()
        if since is not None:
            await database.execute(module.LEAVE, {"job": job, "settled": 90})
            assert await readable(database) == ()
        else:
            assert await quarantine.uncompared(["test"]) == []
            await database.execute(module.LEAVE, {"job": job, "settled": 90})
    assert await readable(database) == ("general",)


async def test_a_channel_with_words_too_young_to_be_compared_waits_for_them(quarantine, database):
    await database.execute(
        "INSERT INTO message (channel_pk, message_id, edited_ts, event_ts, body, posted_at) "
        "SELECT channel_pk, '1', 0, 0, 'ripe', now() FROM channel WHERE channel_id = 'general'"
    )
    await quarantine.mark()
    await quarantine.enter()
    assert await quarantine.uncompared(["test"]) == []
    job = await Jobs(database).read(GENERAL, "reconcile", since=None)
    await database.execute(module.LEAVE, {"job": job, "settled": 90})
    assert await readable(database) == ()
    await database.execute("UPDATE job SET state = 'done'")
    await database.execute("UPDATE message SET posted_at = now() - interval '2 minutes'")
    await database.execute("UPDATE job SET created_at = created_at - interval '100 seconds'")
    await database.execute("UPDATE channel SET quarantined_at = quarantined_at - interval '100 seconds'")
    assert await quarantine.uncompared(["test"]) == [GENERAL]


async def test_a_sweep_that_is_not_believed_leaves_the_channel_closed(quarantine, database):
    class Empty:
        async def history(self, *_):
            return Page(changes=())

    await database.execute(
        "INSERT INTO message (channel_pk, message_id, edited_ts, event_ts, body, posted_at) "
        "SELECT channel_pk, '1', 0, 0, 'ripe', '2026-01-01' FROM channel WHERE channel_id = 'general'"
    )
    await database.execute("UPDATE channel SET live_count = 1")
    await quarantine.mark()
    await quarantine.enter()
    await Jobs(database).read(GENERAL, "reconcile", since=None)
    await Backfill(database, Archive(database), {"test": Empty()}).drain()
    [(state, note)] = await database.fetch("SELECT state, note FROM job")
    assert (state, "none was deleted" in note) == ("done", True)
    assert await readable(database) == ()
    assert await quarantine.uncompared(["test"]) == []


async def test_an_operator_opens_what_nothing_can_be_compared_with(quarantine, database):
    await quarantine.mark()
    await quarantine.enter()
    assert await quarantine.release(BOARD)
    assert not await quarantine.release(BOARD)
    assert not await quarantine.release(ChannelRef("test", "tidepool", "nowhere"))
    assert await readable(database) == ("board",)
