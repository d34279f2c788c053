"""The message table on a real PostgreSQL."""

import asyncio
from collections import Counter

import psycopg
import pytest

from knowledge import archive as module
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.forget import Eraser
from knowledge.lexical import term_ids
from tests.talk import channel, deleted, described, person, said


@pytest.fixture
async def archive(database):
    await Access(database).record_channels([described("general"), described("random")])
    return Archive(database)


async def bodies(database):
    rows = await database.fetch("SELECT message_id, body FROM message ORDER BY message_id")
    return dict(rows)


async def books(database):
    """The counts as kept, and as they should be."""
    kept = {row[0]: row[1] for row in await database.fetch("SELECT term, df FROM term WHERE df <> 0")}
    true: Counter[int] = Counter()
    for (terms,) in await database.fetch("SELECT terms FROM message WHERE NOT deleted"):
        true.update(set(terms))
    live = await database.fetch("SELECT sum(live_count), sum(term_count) FROM channel")
    counted = await database.fetch(
        "SELECT count(*), coalesce(sum(cardinality(terms)), 0) FROM message WHERE NOT deleted"
    )
    return kept, dict(true), tuple(map(int, live[0])), tuple(map(int, counted[0]))


async def dirty(database):
    return {row[0] for row in await database.fetch("SELECT family FROM dirty")}


async def test_twice_changes_nothing(database, archive):
    changes = [said("1", "we drop Kafka"), said("2", "fine")]
    assert (await archive.record(changes)).written == 2
    before = await database.fetch("SELECT * FROM message ORDER BY message_pk")
    assert (await archive.record(changes)).written == 0
    assert await database.fetch("SELECT * FROM message ORDER BY message_pk") == before


async def test_the_newest_version_wins_whatever_comes_first(database, archive):
    await archive.record([said("1", "new", edited=2)])
    await archive.record([said("1", "old", edited=1)])
    await archive.record([said("1", "oldest")])
    assert await bodies(database) == {"1": "new"}


async def test_edits_of_one_second_are_told_apart_by_the_event(database, archive):
    await archive.record([said("1", "A", edited=1, event=10)])
    await archive.record([said("1", "C", edited=1, event=30)])
    await archive.record([said("1", "B", edited=1, event=20)])
    assert await bodies(database) == {"1": "C"}


async def test_an_edit_back_to_the_first_text_counts(database, archive):
    for edited, text in enumerate("ABA"):
        await archive.record([said("1", text, edited=edited)])
    await archive.record([said("1", "B", edited=1)])
    assert await database.fetch("SELECT body, rev FROM message") == [("A", 3)]


async def test_a_deletion_leaves_no_text_and_lasts(database, archive):
    await archive.record([said("1", "secret canary", edited=5)])
    recorded = await archive.record([deleted("1")])
    assert recorded.deleted == 1
    await archive.record([said("1", "secret canary", edited=9)])
    (row,) = await database.fetch("SELECT deleted, body, terms, content_hash, permalink FROM message")
    assert row == (True, None, None, None, None)


async def test_a_deletion_may_come_first(database, archive):
    await archive.record([deleted("1")])
    await archive.record([said("1", "too late")])
    assert await bodies(database) == {"1": None}


async def test_what_postgresql_cannot_keep_is_kept_without_it(database, archive):
    await archive.record([said("1", "a\0b \ud800 c")])
    assert await bodies(database) == {"1": "ab ? c"}


async def test_the_books_stay_true(database, archive):
    await archive.record([said("1", "drop Kafka Kafka"), said("2", "Kafka again"), said("3", "lunch", where="random")])
    await archive.record([said("2", "Postgres now", edited=1), deleted("3", "random")])
    await archive.record([said("4", "one more", where="random")])
    kept, true, live, counted = await books(database)
    assert kept == true
    assert live == counted
    assert kept[term_ids("Kafka")[0]] == 1


async def test_writers_at_once_keep_the_books_true(database, archive):
    async def write(worker):
        for number in range(10):
            where = "general" if (worker + number) % 2 else "random"
            await archive.record([said(str(n), f"word{n} from {worker}", where=where, edited=worker) for n in range(5)])

    await asyncio.gather(*(write(worker) for worker in range(4)))
    kept, true, live, counted = await books(database)
    assert kept == true
    assert live == counted


async def test_a_first_answer_makes_a_thread_of_both_families(database, archive):
    await archive.record([said("1", "a question")])
    await database.execute("DELETE FROM dirty")
    await archive.record([said("2", "an answer", thread="1", minute=5)])
    assert await dirty(database) == {"thread:1", "day:2026-03-02"}


async def test_the_same_text_again_marks_nothing(database, archive):
    await archive.record([said("1", "hello")])
    await database.execute("DELETE FROM dirty")
    await archive.record([said("1", "hello", edited=1)])
    assert await dirty(database) == set()


async def test_a_forgotten_channel_takes_nothing_more_until_it_is_imported_again(database, archive):
    await archive.record([said("1", "secret"), said("2", "other", where="random")])
    forgotten = await Eraser(database, archive).channel(channel("general"))
    assert forgotten is not None
    assert forgotten.messages == 1
    await archive.record([said("3", "late news")])
    assert await bodies(database) == {"2": "other"}
    kept, true, live, counted = await books(database)
    assert (kept, live) == (true, counted)
    await Access(database).record_channels([described("general")], reopen=True)
    await archive.record([said("1", "secret")])
    assert set(await bodies(database)) == {"1", "2"}


async def test_a_forgotten_person_is_gone_everywhere(database, archive):
    await archive.record([said("1", "mine"), said("2", "mine too", where="random"), said("3", "hers", who="sorrel")])
    forgotten = await Eraser(database, archive).person(person("quince"))
    assert forgotten.messages == 2
    assert len(forgotten.keys) == 2
    assert await bodies(database) == {"1": None, "2": None, "3": "hers"}


async def test_the_keys_of_a_deleted_message_name_each_of_its_revisions(database, archive):
    await archive.record([said("1", "A")])
    await archive.record([said("1", "B", edited=1)])
    (key,) = await database.fetch("SELECT message_pk FROM message")
    assert set((await archive.record([deleted("1")])).gone) == {f"{key[0]}:1", f"{key[0]}:2"}


@pytest.mark.parametrize(
    ("guard", "mutant"),
    [
        ("AND (EXCLUDED.edited_ts, EXCLUDED.event_ts) > (m.edited_ts, m.event_ts)", ""),
        ("(EXCLUDED.edited_ts, EXCLUDED.event_ts) > (m.edited_ts, m.event_ts)", "EXCLUDED.edited_ts > m.edited_ts"),
    ],
)
async def test_each_guard_of_the_upsert_is_needed(database, archive, monkeypatch, guard, mutant):
    assert guard in module.UPSERT
    monkeypatch.setattr(module, "UPSERT", module.UPSERT.replace(guard, mutant))
    orders = [
        ([said("1", "B", edited=1, event=20), said("1", "A", edited=1, event=10)], "B"),
        ([said("2", "A", edited=1, event=10), said("2", "B", edited=1, event=20)], "B"),
        ([said("3", "A"), deleted("3"), said("3", "A", edited=9)], None),
    ]
    wrong = False
    for number, (order, expected) in enumerate(orders, start=1):
        try:
            for change in order:
                await archive.record([change])
            wrong = wrong or (await bodies(database))[str(number)] != expected
        except psycopg.errors.CheckViolation:
            wrong = True
    assert wrong
