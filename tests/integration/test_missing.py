"""What a reading does not find on the platform, on a real PostgreSQL."""

from datetime import timedelta

import pytest

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.backfill import Backfill
from knowledge.jobs import Jobs
from tests.fakes.history import FakeHistory
from tests.talk import START, channel, deleted, described, said


def talk(count):
    return [said(f"m{number}", f"words about {number}", minute=number) for number in range(count)]


class World:
    """Twenty messages of open talk and a thread of three replies, on the platform and stored."""

    def __init__(self, database):
        thread = [said("root", "who knows?", minute=50, thread="root")]
        thread += [said(f"r{number}", f"reply {number}", minute=51 + number, thread="root") for number in range(3)]
        self.source = FakeHistory(*talk(20), *thread, page_size=4)
        self.database = database
        self.jobs = Jobs(database)
        self.gone = []
        self.on_gone = self.hear

    async def hear(self, keys):
        self.gone += keys

    async def read(self, kind="reconcile", since=None):
        job_pk = await self.jobs.read(channel("general"), kind, since=since)
        await self.drain()
        return await self.jobs.job(job_pk)

    async def drain(self):
        archive = Archive(self.database)
        await Backfill(self.database, archive, {"test": self.source}, on_gone=self.on_gone).drain()

    async def say(self, *changes):
        await Archive(self.database).record(changes)

    async def stored(self):
        return {row[0] for row in await self.database.fetch("SELECT message_id FROM message WHERE NOT deleted")}


@pytest.fixture
async def world(database):
    await Access(database).record_channels([described("general")])
    made = World(database)
    await made.read("backfill")
    assert await made.stored() == made.source.ids
    return made


async def test_what_was_deleted_while_nobody_listened_is_deleted_and_reported(world, database):
    await world.say(said("m3", "better words", minute=3, edited=1))
    rows = await database.fetch("SELECT message_id, message_pk FROM message")
    pks = dict(rows)
    world.source.delete("m3", "r1")
    job = await world.read()
    assert (job.state, job.gone, job.note) == ("done", 2, "")
    assert await world.stored() == world.source.ids
    assert set(world.gone) == {f"{pks['m3']}:1", f"{pks['m3']}:2", f"{pks['r1']}:1"}
    assert await database.fetch("SELECT * FROM missing") == []
    assert await database.fetch("SELECT body FROM message WHERE deleted") == [(None,), (None,)]


async def test_a_backfill_deletes_too(world):
    world.source.delete("m3")
    assert (await world.read("backfill")).gone == 1
    assert await world.stored() == world.source.ids


@pytest.mark.parametrize(
    ("stored", "gone", "is_believed"), [(20, 10, True), (20, 11, False), (80, 16, True), (80, 17, False)]
)
async def test_more_than_a_fifth_gone_at_once_is_not_believed(database, stored, gone, is_believed):
    await Access(database).record_channels([described("general")])
    world = World(database)
    world.source = FakeHistory(*talk(stored), page_size=30)
    await world.read("backfill")
    world.source.delete(*[f"m{number}" for number in range(3, 3 + gone)])
    job = await world.read()
    assert job.state == "done"
    assert job.gone == (gone if is_believed else 0)
    assert len(await world.stored()) == stored - job.gone
    assert ("too many" in job.note) != is_believed
    assert bool(world.gone) == is_believed


async def test_an_empty_history_deletes_nothing(database):
    await Access(database).record_channels([described("general")])
    world = World(database)
    await world.say(*talk(2))
    world.source = FakeHistory()
    job = await world.read()
    assert (job.state, job.gone) == ("done", 0)
    assert "showed no messages although 2 are stored" in job.note
    assert await world.stored() == {"m0", "m1"}


async def test_a_quiet_stretch_is_no_reason_for_a_warning(world):
    job = await world.read(since=START + timedelta(days=300))
    assert (job.state, job.seen, job.note) == ("done", 0, "")


async def test_only_what_a_page_covers_is_suspect(world):
    world.source.delete("m3", "r1", "m15")
    world.source.covers = False
    assert (await world.read()).gone == 0
    world.source.covers = True
    job = await world.read(since=START + timedelta(minutes=10))
    assert job.gone == 2
    assert await world.stored() == world.source.ids | {"m3"}


async def test_what_is_posted_while_a_page_is_on_its_way_is_no_suspect(world):
    async def post(call, page):
        world.source.on_page = None
        live = said("live", "just now", minute=60), said("r9", "me too", minute=61, thread="root")
        await world.say(*live)
        world.source.post(*live)

    world.source.on_page = post
    job = await world.read()
    assert (job.gone, await world.stored()) == (0, world.source.ids)


async def test_undated_messages_are_no_suspects(world):
    await world.say(said("undated", "from an old export", minute=None))
    assert (await world.read()).gone == 0
    assert "undated" in await world.stored()


async def test_other_channels_are_left_alone_and_prove_nothing(world, database):
    await Access(database).record_channels([described("random")])
    await world.say(said("twin", "not here", where="random", minute=5), said("twin", "undated", minute=None))
    world.source.delete("m3")
    assert (await world.read()).gone == 1
    assert await database.fetch("SELECT count(*) FROM message WHERE message_id = 'twin' AND NOT deleted") == [(2,)]


async def test_a_thread_that_lost_all_replies_is_emptied(world):
    world.source.delete("r0", "r1", "r2")
    assert (await world.read()).gone == 3
    assert await world.stored() == world.source.ids


async def test_a_thread_that_is_gone_altogether_goes_with_its_replies(world):
    world.source.delete("root", "r0", "r1", "r2")
    assert (await world.read()).gone == 4
    assert await world.stored() == world.source.ids


async def test_a_thread_whose_first_message_is_a_tombstone_is_emptied_too(world):
    await world.say(deleted("root"))
    world.source.delete("root", "r0", "r1", "r2")
    assert (await world.read()).gone == 3
    assert await world.stored() == world.source.ids


async def test_a_suspect_that_a_later_page_shows_is_cleared(world, database):
    async def suspect(call, page):
        world.source.on_page = None
        await database.execute("INSERT INTO missing SELECT max(job_pk), 'm2' FROM job")

    world.source.on_page = suspect
    assert (await world.read()).gone == 0
    assert "m2" in await world.stored()


async def test_deletions_cut_short_go_on_and_everybody_hears_of_each(world, database):
    world.source.delete("m3", "r1")

    async def fail(keys):
        raise RuntimeError

    world.on_gone = fail
    job = await world.read()
    assert (job.state, job.gone) == ("running", 0)
    assert world.gone == []
    await database.execute("UPDATE job SET lease_until = '-infinity'")
    world.on_gone = world.hear
    await world.drain()
    job = await world.jobs.job(job.job_pk)
    assert (job.state, job.gone, len(world.gone)) == ("done", 2, 2)
    assert await world.stored() == world.source.ids


async def test_a_cancelled_reading_deletes_nothing_and_leaves_no_suspects(world, database):
    world.source.delete("m3")

    async def cancel(call, page):
        if len(page.changes) and page.cursor is None and call.startswith("history"):
            ((job_pk,),) = await database.fetch("SELECT max(job_pk) FROM job")
            assert await world.jobs.cancel(job_pk)

    world.source.on_page = cancel
    assert (await world.read()).state == "cancelled"
    assert "m3" in await world.stored()
    assert await database.fetch("SELECT * FROM missing") == []


async def test_deletions_that_the_platform_itself_lists_are_reported_at_once(world):
    page_of = world.source.history

    async def history(where, cursor, since):
        page = await page_of(where, cursor, since)
        kept = tuple(deleted("m3") if one.message.ref.message_id == "m3" else one for one in page.changes)
        return type(page)(kept, page.cursor, page.covers, page.threads)

    world.source.history = history
    await world.read()
    assert len(world.gone) == 1
    assert "m3" not in await world.stored()
