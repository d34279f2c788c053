"""Orders, on a real PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest

from knowledge import jobs as jobs_module
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.backfill import Backfill
from knowledge.embeddings import ModelEmbeddings
from knowledge.forget import Eraser
from knowledge.indexer import Indexer
from knowledge.jobs import Jobs
from knowledge.reading import Readings
from tests.fakes.history import FakeHistory
from tests.talk import START, channel, described, said

GENERAL = channel("general")
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""


class NoEmbedding:
    name = "none"
    dimension = 3

    async def embed_passages(self, texts):
        return [[1.0, 0.0, 0.0] for _ in texts]

    async def embed_query(self, text):
        return [1.0, 0.0, 0.0]


@pytest.fixture
async def jobs(database):
    await Access(database).record_channels([described("general"), described("random")])
    return Jobs(database)


@pytest.mark.parametrize("closing", ["hidden_at", "removed_at"])
async def test_a_closed_or_unknown_channel_is_not_read(database, jobs, closing):
    await database.execute(f"UPDATE channel SET {closing} = now() WHERE name = 'general'")
    assert await jobs.read(GENERAL, "backfill", since=None) is None
    assert await jobs.read(channel("nowhere"), "backfill", since=None) is None
    assert await jobs.jobs() == []


async def test_an_order_that_is_running_already_is_not_doubled(jobs):
    first = await jobs.read(GENERAL, "reconcile", since=START)
    assert await jobs.read(GENERAL, "reconcile", since=START) == first
    assert await jobs.read(GENERAL, "reconcile", since=START + timedelta(days=1)) == first
    assert (await jobs.job(first)).since == START
    assert await jobs.read(GENERAL, "backfill", since=START) != first
    assert await jobs.read(channel("random"), "reconcile", since=START) != first


async def test_two_orders_at_once_are_one_job(database, jobs):
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE job IN SHARE MODE")
        orders = [asyncio.create_task(jobs.read(GENERAL, "backfill", since=None)) for _ in range(2)]
        async with asyncio.timeout(20):
            while (await database.fetch(WAITING))[0][0] < 2:
                await asyncio.sleep(0.01)
    assert len(set(await asyncio.gather(*orders))) == 1


async def test_after_its_end_the_same_order_is_a_new_job(jobs):
    first = await jobs.read(GENERAL, "backfill", since=None)
    await jobs.cancel(first)
    assert await jobs.read(GENERAL, "backfill", since=None) != first


async def test_old_comparisons_are_dropped_when_the_next_is_ordered(database, jobs):
    first, second = [await jobs.read(GENERAL, kind, since=None) for kind in ("reconcile", "backfill")]
    other = await jobs.read(channel("random"), "reconcile", since=None)
    await database.execute("UPDATE job SET state = 'done', finished_at = now() - interval '2 days'")
    third = await jobs.read(GENERAL, "reconcile", since=None)
    assert [job.job_pk for job in await jobs.jobs()] == [third, other, second]
    assert await jobs.job(first) is None


@pytest.mark.parametrize(("days", "widened"), [(0, 0), (30, 30), (40, 30)])
async def test_an_order_that_goes_farther_back_widens_the_running_one(jobs, days, widened):
    first = await jobs.read(GENERAL, "backfill", since=START + timedelta(days=30))
    assert await jobs.read(GENERAL, "backfill", since=START + timedelta(days=days)) == first
    assert (await jobs.job(first)).since == START + timedelta(days=widened)
    assert await jobs.read(GENERAL, "backfill", since=None) == first
    assert (await jobs.job(first)).since is None
    assert await jobs.read(GENERAL, "backfill", since=START) == first
    assert (await jobs.job(first)).since is None


async def test_a_widened_reading_begins_anew_and_its_old_reader_stops(database, jobs):
    source = FakeHistory(*[said(f"m{n}", "words", minute=n) for n in range(18)])

    async def widen(call, page):
        if len(source.calls) == 2:
            assert await jobs.read(GENERAL, "backfill", since=None) == first

    source.on_page = widen
    first = await jobs.read(GENERAL, "backfill", since=START + timedelta(minutes=9))
    await Backfill(database, Archive(database), {"test": source}).drain()
    job = await jobs.job(first)
    assert (job.state, job.seen, job.since) == ("done", 18, None)
    assert len(source.calls) == 2 + 6
    assert await database.fetch("SELECT count(*) FROM message") == [(18,)]


async def missed_meanwhile(database, jobs):
    """A comparison is past its first page when something newer is missed, and is to be looked for. What is kept."""
    source = FakeHistory(*[said(f"m{n}", "words", minute=n) for n in range(9)])

    async def miss(call, page):
        if len(source.calls) == 2:
            source.post(said("late", "words", minute=20))
            for _ in range(3):
                assert await jobs.read(GENERAL, "reconcile", since=START + timedelta(minutes=10)) is not None

    source.on_page = miss
    await jobs.read(GENERAL, "reconcile", since=START)
    await Backfill(database, Archive(database), {"test": source}).drain()
    assert {job.state for job in await jobs.jobs()} == {"done"}
    return [message_id for (message_id,) in await database.fetch("SELECT message_id FROM message")]


async def test_what_was_missed_while_a_comparison_ran_is_looked_for_after_it_and_once(database, jobs):
    assert "late" in await missed_meanwhile(database, jobs)
    assert len(await jobs.jobs()) == 2


async def test_a_comparison_into_which_a_later_order_is_merged_misses_it(database, jobs, monkeypatch):
    """The mutant: whatever runs is taken for one that has not begun."""
    never_begun = jobs_module.RUNNING.replace("cursor IS NOT NULL OR lease_until > now()", "false")
    monkeypatch.setattr(jobs_module, "RUNNING", never_begun)
    assert "late" not in await missed_meanwhile(database, jobs)
    assert len(await jobs.jobs()) == 1


async def test_the_later_of_two_comparisons_waits_for_the_earlier(database, jobs):
    readings = Readings(database, lease_seconds=60)
    first = await jobs.read(GENERAL, "reconcile", since=START)
    assert (await readings.claim(["test"])).job_pk == first
    second = await jobs.read(GENERAL, "reconcile", since=START)
    assert second != first
    assert await readings.claim(["test"]) is None
    other = await jobs.read(channel("random"), "reconcile", since=START)
    assert (await readings.claim(["test"])).job_pk == other
    await jobs.cancel(first)
    assert (await readings.claim(["test"])).job_pk == second


async def test_a_full_order_makes_the_running_one_full(database, jobs):
    first = await jobs.read(GENERAL, "backfill", since=START)
    assert await jobs.read(GENERAL, "backfill", since=START, full=True) == first
    assert await jobs.read(GENERAL, "backfill", since=None) == first
    assert await database.fetch("SELECT full_rebuild, since FROM job") == [(True, None)]


async def test_where_a_running_job_is_reported_is_kept(database, jobs):
    job_pk = await jobs.read(GENERAL, "backfill", since=None)
    assert await jobs.reported(GENERAL.platform, GENERAL.workspace) == []
    await jobs.report_at(job_pk, "here")
    assert await jobs.read(GENERAL, "backfill", since=None) == job_pk
    assert await jobs.reported(GENERAL.platform, GENERAL.workspace) == [(job_pk, "here")]
    assert await jobs.reported(GENERAL.platform, "another") == []
    await jobs.cancel(job_pk)
    assert await jobs.reported(GENERAL.platform, GENERAL.workspace) == []


async def test_status_shows_how_far_a_reading_is(database, jobs):
    source = FakeHistory(*[said(f"m{n}", "words", minute=n) for n in range(7)])
    source.note = "One request a minute."
    shown = []

    async def look(call, page):
        shown.append((await jobs.jobs())[0])

    source.on_page = look
    job_pk = await jobs.read(GENERAL, "backfill", since=START)
    await Backfill(database, Archive(database), {"test": source}).drain()
    assert [job.seen for job in shown] == [0, 3, 6]
    (job,) = await jobs.jobs()
    assert job == await jobs.job(job_pk)
    assert (job.kind, job.channel, job.state, job.seen, job.gone) == ("backfill", "general", "done", 7, 0)
    assert (job.note, job.since, job.total, job.left) == ("One request a minute.", START, 0, 0)
    assert job.finished_at is not None
    assert await jobs.job(job_pk + 1) is None


async def test_the_indexer_does_not_end_readings(database, jobs):
    job_pk = await jobs.read(GENERAL, "backfill", since=None)
    await Indexer(database, ModelEmbeddings(NoEmbedding())).drain()
    assert (await jobs.job(job_pk)).state == "running"


async def test_a_forgotten_channel_is_read_no_further(database, jobs):
    archive = Archive(database)
    source = FakeHistory(*[said(f"m{n}", "words", minute=n) for n in range(7)])

    async def forget(call, page):
        if len(source.calls) == 2:
            await Eraser(database, archive).channel(GENERAL)

    source.on_page = forget
    job_pk = await jobs.read(GENERAL, "backfill", since=None)
    await Backfill(database, archive, {"test": source}).drain()
    assert await database.fetch("SELECT * FROM message") == []
    await database.execute("UPDATE job SET lease_until = '-infinity'")
    assert await Readings(database, lease_seconds=60).claim(["test"]) is None
    job = await jobs.job(job_pk)
    assert (job.state, job.note) == ("cancelled", "The channel was closed.")


async def test_one_job_is_claimed_once_by_many(database, jobs):
    await jobs.read(GENERAL, "backfill", since=None)
    readings = Readings(database, lease_seconds=60)
    claimed = await asyncio.gather(*(readings.claim(["test"]) for _ in range(4)))
    assert sum(one is not None for one in claimed) == 1
