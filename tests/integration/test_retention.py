"""What was posted too long ago is not kept; on a real PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.channel_config import ChannelConfigs
from knowledge import retention as module
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.backfill import Backfill
from knowledge.embeddings import ModelEmbeddings
from knowledge.forget import Eraser
from knowledge.importer import Importer
from knowledge.indexer import Indexer
from knowledge.jobs import Jobs
from knowledge.messages import Deleted
from knowledge.retention import Retention
from tests.fakes.history import FakeHistory
from tests.fakes.models import WordEmbedding
from tests.integration.test_archive import books
from tests.integration.test_importer import Talk
from tests.talk import START, channel, deleted, described, said

GENERAL, BOARD = channel("general"), channel("board")
LEFT_OF_THE_DEAD = """
SELECT count(*) FROM unit_line l JOIN unit u USING (unit_pk) LEFT JOIN unit_vector v USING (unit_pk)
JOIN message m USING (message_pk) WHERE m.deleted"""


@pytest.fixture
async def channels(database):
    await Access(database).record_channels([described("general"), described("board")])


@pytest.fixture
async def kept_30_days(database, channels):
    return Archive(database, Retention(database, keep_days=30))


def aged(message_id, days, text="zephyr", **more):
    """Posted so many days ago."""
    minute = (datetime.now(UTC) - timedelta(days=days) - START).total_seconds() / 60
    return said(message_id, text, minute=minute, **more)


async def stored(database):
    return {row[0] for row in await database.fetch("SELECT message_id FROM message WHERE NOT deleted")}


async def swept(database, keep_days):
    """What the sweep forgets, in its order."""
    archive, found = Archive(database), []
    async for batch in Retention(database, keep_days=keep_days).too_old():
        found.append([old.ref.message_id for old in batch])
        await archive.record([Deleted(old.ref) for old in batch])
    return found


# ---- at the door ----------------------------------------------------------------------------------------------------


async def test_what_is_too_old_is_never_kept_and_leaves_no_row(database, kept_30_days):
    recorded = await kept_30_days.record([aged("1", 31), aged("2", 29), aged("3", -1), said("4", "when?", minute=None)])
    assert (recorded.written, recorded.deleted, recorded.too_old) == (3, 0, 1)
    assert await database.fetch("SELECT message_id FROM message ORDER BY 1") == [("2",), ("3",), ("4",)]


async def test_without_a_limit_everything_is_kept(database, channels):
    assert (await Archive(database).record([aged("1", 20_000)])).too_old == 0
    assert await swept(database, 0) == []


async def test_an_edit_of_what_has_grown_old_forgets_it_at_once(database, channels, kept_30_days):
    await Archive(database).record([aged("1", 31)])
    ((key,),) = await database.fetch("SELECT message_pk FROM message")
    recorded = await kept_30_days.record([aged("1", 31, "simoom", edited=1, event=1)])
    assert (recorded.written, recorded.deleted, recorded.too_old) == (0, 1, 1)
    assert recorded.gone == (f"{key}:1",)
    assert await database.fetch("SELECT body, deleted FROM message") == [(None, True)]


async def test_a_channel_may_keep_less_than_the_others_and_never_more(database, kept_30_days):
    configs = ChannelConfigs(database)
    await configs.set(GENERAL, "keep", "7")
    await configs.set(BOARD, "keep", "365")
    old = [aged(f"{where}-{days}", days, where=where) for where in ("general", "board") for days in (6, 8, 31)]
    assert (await kept_30_days.record(old)).too_old == 3
    assert await stored(database) == {"general-6", "board-6", "board-8"}
    await configs.set(GENERAL, "keep", "default")
    assert (await kept_30_days.record(old)).written == 1


async def test_a_number_that_nobody_could_have_set_limits_nothing(database, channels):
    config = '{"keep": "7 or 1=1"}'
    await database.execute(f"INSERT INTO channel_config VALUES ('test', 'tidepool', 'general', '{config}')")
    assert (await Archive(database).record([aged("1", 900)])).written == 1


# ---- what grows old -------------------------------------------------------------------------------------------------


async def test_the_sweep_leaves_nothing_of_what_is_too_old_and_all_the_rest(database, channels, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    archive, indexer = Archive(database), Indexer(database, ModelEmbeddings(WordEmbedding()))
    talk = [aged(str(number), 40, f"zephyr number {number}") for number in range(5)]
    await archive.record([*talk, aged("young", 10), said("undated", "when?", minute=None)])
    await indexer.drain()
    assert sorted(await swept(database, 30), key=len) == [["4"], ["0", "1"], ["2", "3"]]
    await indexer.drain()
    assert await stored(database) == {"young", "undated"}
    assert await database.fetch(LEFT_OF_THE_DEAD) == [(0,)]
    kept, true, live, counted = await books(database)
    assert (kept, live) == (true, counted)
    assert await swept(database, 30) == []


async def test_the_sweep_ends_even_where_nobody_forgets_what_it_finds(database, channels, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    await Archive(database).record([aged(str(number), 40) for number in range(3)])
    assert [len(batch) async for batch in Retention(database, keep_days=30).too_old()] == [2, 1]


async def test_what_an_answer_may_have_used_of_it_is_told_with_it(database, channels):
    for edited in range(3):
        await Archive(database).record([aged("1", 40, f"zephyr {edited}", edited=edited)])
    ((key,),) = await database.fetch("SELECT message_pk FROM message")
    ((old,),) = [batch async for batch in Retention(database, keep_days=30).too_old()]
    assert (old.ref.message_id, old.keys) == ("1", (f"{key}:1", f"{key}:2", f"{key}:3"))


async def test_what_was_forgotten_does_not_come_back_when_the_limit_is_lifted(database, channels):
    archive = Archive(database)
    await archive.record([aged("1", 40)])
    await swept(database, 30)
    assert (await archive.record([aged("1", 40, "zephyr again", edited=9, event=9)])).written == 0
    assert await stored(database) == set()


async def test_a_thread_outlives_the_message_that_began_it(database, channels, kept_30_days):
    archive, indexer = Archive(database), Indexer(database, ModelEmbeddings(WordEmbedding()))
    thread = {"root": 40, "old": 35, "new": 2}
    await archive.record([aged(name, days, thread="root") for name, days in thread.items()])
    await indexer.drain()
    await swept(database, 30)
    await kept_30_days.record([aged("newer", 1, thread="root")])
    await indexer.drain()
    assert await stored(database) == {"new", "newer"}
    lines = "SELECT message_id FROM unit_line JOIN message USING (message_pk) ORDER BY line_no"
    assert await database.fetch(lines) == [("new",), ("newer",)]


async def test_a_channel_that_was_forgotten_is_passed_over(database, channels):
    archive = Archive(database)
    await archive.record([aged("1", 40), aged("2", 40, where="board")])
    await Eraser(database, archive).channel(GENERAL)
    assert await swept(database, 30) == [["2"]]


# ---- readings and imports -------------------------------------------------------------------------------------------


async def read(database, source, keep_days, *, since=None):
    """A reading of #general. Returns how far back the platform was asked."""
    asked, sound = [], source.history
    retention = Retention(database, keep_days=keep_days)

    async def history(channel, cursor, back_to):
        asked.append(back_to)
        return await sound(channel, cursor, back_to)

    source.history = history
    await Jobs(database).read(GENERAL, "backfill", since=since)
    await Backfill(database, Archive(database, retention), {"test": source}, retention=retention).drain()
    source.history = sound
    return asked


async def test_the_past_is_read_as_far_back_as_it_is_kept(database, channels):
    source = FakeHistory(*(aged(str(days), days) for days in range(1, 60)))
    asked = await read(database, source, 30)
    assert await stored(database) == {str(days) for days in range(1, 30)}
    assert len(source.calls) == 10  # pages of three messages
    limit = datetime.now(UTC) - timedelta(days=30)
    assert all(abs(back_to - limit) < timedelta(minutes=5) for back_to in asked)


async def test_whoever_wants_less_gets_less(database, channels):
    since = datetime.now(UTC) - timedelta(days=5)
    assert await read(database, FakeHistory(aged("4", 4), aged("6", 6)), 30, since=since) == [since]
    assert await stored(database) == {"4"}
    assert await read(database, FakeHistory(aged("4", 4)), 0) == [None]


async def test_a_comparison_neither_brings_back_what_is_too_old_nor_takes_the_rest_for_deleted(database, channels):
    source = FakeHistory(*(aged(str(days), days) for days in range(1, 60)))
    await read(database, source, 0)
    assert len(await stored(database)) == 59
    await swept(database, 30)
    await read(database, source, 30)
    assert await stored(database) == {str(days) for days in range(1, 30)}


async def test_a_page_that_shows_what_has_grown_old_forgets_it_for_memory_and_answers_too(database, channels):
    # A page begins where the reader was told to begin; the door knows better.
    gone = []

    async def on_gone(keys):
        gone.extend(keys)

    await Archive(database).record([aged("1", 40)])
    ((key,),) = await database.fetch("SELECT message_pk FROM message")
    archive = Archive(database, Retention(database, keep_days=30))
    await Jobs(database).read(GENERAL, "backfill", since=None)
    await Backfill(database, archive, {"test": FakeHistory(aged("1", 40))}, on_gone=on_gone).drain()
    assert gone == [f"{key}:1"]
    assert await stored(database) == set()


async def test_an_import_tells_how_many_messages_are_too_old(database, kept_30_days):
    await Archive(database).record([aged("kept", 40)])
    export = Talk(described("general"), aged("1", 31), aged("2", 29), aged("kept", 40), deleted("3"))
    report = await Importer(Access(database), kept_30_days).run(export)
    assert (report.read, report.written, report.too_old) == (3, 1, 2)
    assert len(report.gone) == 1
    assert await stored(database) == {"2"}


async def test_a_door_that_lets_everything_in_would_be_caught(database, channels, monkeypatch):
    async def kept_from(_retention, _connection, _channels):
        return {}

    monkeypatch.setattr(Retention, "kept_from", kept_from)
    source = FakeHistory(aged("1", 40))
    assert await read(database, source, 30) == [None]
    assert await stored(database) == {"1"}
