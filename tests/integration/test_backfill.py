"""Reading a channel's past, on a real PostgreSQL and a platform in memory."""

import asyncio
import random
import time
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.backfill import PAGES_PER_TURN, Backfill
from knowledge.errors import ChannelUnreadable, SourceUnavailable
from knowledge.forget import Eraser
from knowledge.jobs import Jobs
from knowledge.reading import GIVEN_UP, STUMBLED, WAITS, Readings
from tests.fakes.history import FakeHistory
from tests.talk import channel, described, said


class CursorFirst(Archive):
    """The mutant: where to go on is committed before the page."""

    async def record(self, changes, *, then=None):
        if then is not None:
            await super().record([], then=then)
        return await super().record(changes)


def past(count, *, where="general", every=5, replies=4):
    """`count` messages, newest last; every so often one with replies, which count as messages."""
    talk = []
    while len(talk) < count:
        number = len(talk)
        root = f"{where}-{number}"
        has_thread = number % every == every - 1
        talk.append(
            said(root, f"words about {number}", where=where, minute=number, thread=root if has_thread else None)
        )
        if has_thread:
            for reply in range(min(replies, count - len(talk))):
                text = f"answer {reply} to {number}"
                minute = number + (reply + 1) / 10
                talk.append(said(f"{root}-{reply}", text, where=where, minute=minute, thread=root))
    return talk


@pytest.fixture
async def jobs(database):
    await Access(database).record_channels([described("general"), described("random")])
    return Jobs(database)


@pytest.fixture
def reader(database):
    def make(source, archive=Archive, **more):
        return Backfill(database, archive(database), {"test": source}, **more)

    return make


async def stored(database):
    return {row[0] for row in await database.fetch("SELECT message_id FROM message WHERE NOT deleted")}


async def state(jobs, job_pk):
    job = await jobs.job(job_pk)
    return job.state


async def let_all_run_again(database):
    await database.execute("UPDATE job SET lease_until = '-infinity'")


async def pause(database, job_pk):
    rows = await database.fetch(
        "SELECT extract(epoch FROM lease_until - now()) FROM job WHERE job_pk = %(job)s", {"job": job_pk}
    )
    return float(rows[0][0])


async def stopped(service):
    service.cancel()
    with suppress(asyncio.CancelledError):
        await service


async def read_with_kills(database, reader, source, archive, chance):
    """Each reader is cancelled some pages after its start, wherever it is by then."""
    pace = 0.0
    for _ in range(12):
        at_work, began, end = asyncio.Event(), time.perf_counter(), len(source.calls) + chance.randint(2, 4)

        async def on_page(call, page, at_work=at_work, began=began, end=end):
            nonlocal pace
            if len(source.calls) == end:
                pace = (time.perf_counter() - began) / 3
                at_work.set()

        source.on_page = on_page
        service = asyncio.create_task(reader(source, archive, lease_seconds=0.5).run())
        await at_work.wait()
        await asyncio.wait([service], timeout=chance.uniform(0, 2 * pace))
        await stopped(service)
    source.on_page = None
    while await database.fetch("SELECT FROM job WHERE state = 'running'"):
        await reader(source, archive).drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("archive", "survives"), [(Archive, True), (CursorFirst, False)])
async def test_no_message_is_lost_or_read_twice_wherever_readers_are_killed(
    database, jobs, reader, archive, survives, seed
):
    chance = random.Random(seed)
    source = FakeHistory(*past(400, every=chance.randint(3, 9), replies=chance.randint(1, 5)))
    source.page_size = chance.randint(2, 4)
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    await read_with_kills(database, reader, source, archive, chance)
    job = await jobs.job(job_pk)
    assert job.state == "done"
    assert (await stored(database) == source.ids) == survives
    if survives:
        assert job.seen == 400
        assert await database.fetch("SELECT max(rev), bool_and(fresh) FROM message") == [(1, True)]
        assert await database.fetch("SELECT live_count FROM channel WHERE channel_id = 'general'") == [(400,)]


async def test_five_thousand_messages_take_seconds(database, jobs, reader):
    source = FakeHistory(*past(5_000, every=20), page_size=200)
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    began = time.perf_counter()
    await reader(source).drain()
    assert time.perf_counter() - began < 30
    assert (await jobs.job(job_pk)).seen == 5_000
    assert await stored(database) == source.ids


async def test_a_reader_that_froze_may_not_write_any_more(database, jobs, reader):
    source = FakeHistory(*past(20), page_size=4)
    frozen, thawed = asyncio.Event(), asyncio.Event()

    async def freeze(call, page):
        source.on_page = None
        frozen.set()
        await thawed.wait()

    source.on_page = freeze
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    first = asyncio.create_task(reader(source).drain())
    await frozen.wait()
    await let_all_run_again(database)
    await reader(source, lease_seconds=30).drain()
    assert await state(jobs, job_pk) == "done"
    assert await stored(database) == source.ids
    await database.execute("DELETE FROM message")
    before = await database.fetch("SELECT * FROM job")
    thawed.set()
    await first
    assert await database.fetch("SELECT * FROM job") == before
    assert await stored(database) == set()


async def test_a_late_write_beside_the_successor_is_refused(database, jobs, reader):
    source = FakeHistory(*past(8, every=100), page_size=8)
    gates = [asyncio.Event(), asyncio.Event()]
    waiting = iter(gates)
    arrived = asyncio.Semaphore(0)

    async def stop(call, page):
        arrived.release()
        await next(waiting).wait()

    source.on_page = stop
    await jobs.read(channel("general"), "backfill", since=None)
    first = asyncio.create_task(reader(source).drain())
    await arrived.acquire()
    await let_all_run_again(database)
    second = asyncio.create_task(reader(source).drain())
    await arrived.acquire()
    gates[0].set()
    await first
    assert await stored(database) == set()
    gates[1].set()
    await second
    assert await stored(database) == source.ids


async def test_the_lease_is_kept_while_the_platform_makes_the_reader_wait(database, jobs, reader):
    source = FakeHistory(*past(5, every=100), page_size=5)

    async def until_renewed_twice(call, page):
        leases = set()
        async with asyncio.timeout(20):
            while len(leases) < 3:
                leases |= {row[0] for row in await database.fetch("SELECT lease_until FROM job")}
                await asyncio.sleep(0.05)

    source.on_page = until_renewed_twice
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    await reader(source, lease_seconds=0.6).drain()
    assert (await jobs.job(job_pk)).seen == 5


async def test_a_cancelled_job_stops_within_a_page_and_leaves_it_unwritten(database, jobs, reader):
    source = FakeHistory(*past(60), page_size=5)

    async def cancel(call, page):
        if len(source.calls) == 2:
            assert await jobs.cancel(job_pk)

    source.on_page = cancel
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    await reader(source).drain()
    assert len(source.calls) == 2
    assert len(await stored(database)) == 5
    assert await state(jobs, job_pk) == "cancelled"


async def test_a_channel_that_is_closed_meanwhile_is_read_no_further(database, jobs, reader):
    source = FakeHistory(*past(60), page_size=5)

    async def close(call, page):
        if len(source.calls) == 2:
            await database.execute("UPDATE channel SET hidden_at = now()")

    source.on_page = close
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    await reader(source).drain()
    assert len(await stored(database)) == 5
    await let_all_run_again(database)
    await reader(source).drain()
    assert len(source.calls) == 2
    assert await state(jobs, job_pk) == "cancelled"


async def test_a_stop_hands_the_job_on_at_once(database, jobs, reader):
    source = FakeHistory(*past(20))
    reading = asyncio.Event()

    async def hang(call, page):
        source.on_page = None
        reading.set()
        await asyncio.sleep(60)

    source.on_page = hang
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    service = asyncio.create_task(reader(source).run())
    await reading.wait()
    await stopped(service)
    await reader(source).drain()
    assert await state(jobs, job_pk) == "done"


async def test_a_stop_that_a_library_swallowed_is_heeded_after_the_page(database, jobs, reader):
    source = FakeHistory(*past(40))
    reading = asyncio.Event()

    async def swallow(call, page):
        source.on_page = None
        reading.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    source.on_page = swallow
    await jobs.read(channel("general"), "backfill", since=None)
    service = asyncio.create_task(reader(source).run())
    await reading.wait()
    service.cancel()
    await asyncio.wait([service], timeout=20)
    assert service.done()
    assert len(source.calls) == 1


async def test_a_renewal_that_swallows_its_end_keeps_nobody_waiting(database, jobs, reader, monkeypatch):
    source = FakeHistory(*past(5, every=100), page_size=5)
    renewing, real = asyncio.Event(), Readings.renew

    async def renew(self, reading):
        monkeypatch.setattr(Readings, "renew", real)
        renewing.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    async def on_page(call, page):
        await renewing.wait()

    monkeypatch.setattr(Readings, "renew", renew)
    source.on_page = on_page
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    async with asyncio.timeout(20):
        await reader(source, lease_seconds=2).drain()
    assert await state(jobs, job_pk) == "done"


async def test_an_unreadable_channel_ends_the_job_and_is_reported(database, jobs, reader):
    source, told = FakeHistory(*past(5)), []

    async def refuse(call, page):
        raise ChannelUnreadable("The bot was taken out of #general. Invite it again.")

    async def on_unreadable(ref):
        told.append(ref)
        await database.execute("UPDATE channel SET hidden_at = now()")

    source.on_page = refuse
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    await reader(source, on_unreadable=on_unreadable).drain()
    job = await jobs.job(job_pk)
    assert (job.state, job.note) == ("failed", "The bot was taken out of #general. Invite it again.")
    assert told == [channel("general")]
    assert len(source.calls) == 1


async def test_a_platform_that_is_away_is_asked_less_and_less_often_but_for_ever(database, jobs, reader):
    source = FakeHistory(*past(5))

    async def refuse(call, page):
        raise SourceUnavailable

    source.on_page = refuse
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    pauses = []
    for _ in range(12):
        await reader(source).drain()
        pauses.append(await pause(database, job_pk))
        await let_all_run_again(database)
    assert len(source.calls) == 12
    assert pauses[:5] == pytest.approx([1, 2, 4, 8, 16], abs=0.9)
    assert min(pauses[5:]) > 55
    job = await jobs.job(job_pk)
    assert (job.state, job.note) == ("running", WAITS)
    source.on_page = None
    await reader(source).drain()
    job = await jobs.job(job_pk)
    assert (job.state, job.note, job.seen) == ("done", "", 5)


async def test_a_page_that_succeeds_makes_the_next_pause_short_again(database, jobs, reader):
    source = FakeHistory(*past(30), page_size=5)

    async def falter(call, page):
        if len(source.calls) not in {4, 5}:
            raise SourceUnavailable

    source.on_page = falter
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    for _ in range(4):
        await let_all_run_again(database)
        await reader(source).drain()
    assert (await jobs.job(job_pk)).seen > 0
    assert await pause(database, job_pk) < 1.5


async def test_a_poisonous_job_is_given_up_and_stops_no_other(database, jobs, reader):
    good, source = past(30, where="random"), FakeHistory(*past(30), page_size=4)
    source.post(*good)

    async def fail(call, page):
        if call == "history general" and len(await stored(database)) > 0:
            raise ValueError("canary")

    source.on_page = fail
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    other = await jobs.read(channel("random"), "backfill", since=None)
    with capture_logs() as lines:
        await reader(source).drain()
        assert await state(jobs, other) == "done"
        assert (await jobs.job(job_pk)).note == STUMBLED
        for _ in range(9):
            await let_all_run_again(database)
            await reader(source).drain()
    assert [line["attempt"] for line in lines if line["event"] == "reading_failed"] == [1, 2, 3, 4, 5]
    job = await jobs.job(job_pk)
    assert (job.state, job.note) == ("failed", GIVEN_UP)
    assert source.calls.count("history general") == 1 + 5
    assert {one.message.ref.message_id for one in good} <= await stored(database)


async def test_passing_errors_do_not_count_towards_giving_up(database, jobs, reader):
    source = FakeHistory(*past(3))
    errors = iter([SourceUnavailable] * 8 + [ValueError] * 4)

    async def fail(call, page):
        error = next(errors, None)
        if error is not None:
            raise error

    source.on_page = fail
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    with capture_logs():
        for _ in range(13):
            await let_all_run_again(database)
            await reader(source).drain()
    assert await state(jobs, job_pk) == "done"


async def test_jobs_take_turns(database, jobs, reader):
    source = FakeHistory(*past(90, every=1000), *past(6, where="random", every=1000), page_size=3)
    await jobs.read(channel("general"), "backfill", since=None)
    await jobs.read(channel("random"), "backfill", since=None)
    await reader(source).drain()
    assert source.calls.index("history random") == PAGES_PER_TURN


async def test_the_service_reads_what_is_ordered_while_it_runs(database, jobs, reader):
    source = FakeHistory(*past(12), *past(12, where="random"))
    service = asyncio.create_task(reader(source, idle_seconds=0.02).run())
    orders = [await jobs.read(channel(name), "backfill", since=None) for name in ("general", "random")]
    async with asyncio.timeout(20):
        while {await state(jobs, one) for one in orders} != {"done"}:
            await asyncio.sleep(0.02)
    await stopped(service)
    assert await stored(database) == source.ids


async def test_only_connected_platforms_are_read(database, jobs):
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    await Backfill(database, Archive(database), {"elsewhere": FakeHistory()}).drain()
    assert await state(jobs, job_pk) == "running"
    assert await database.fetch("SELECT fence FROM job") == [(0,)]


async def test_what_the_platform_says_of_its_pace_is_kept(database, jobs, reader):
    source = FakeHistory(*past(9, every=1000))
    source.note = "The platform gives this app one request a minute."

    async def once(call, page):
        source.note = ""

    source.on_page = once
    job_pk = await jobs.read(channel("general"), "backfill", since=None)
    await reader(source).drain()
    assert (await jobs.job(job_pk)).note == "The platform gives this app one request a minute."


async def test_a_late_reply_is_found_and_unchanged_threads_are_not_asked_for(database, jobs, reader):
    source = FakeHistory(*past(30, every=6, replies=2))
    await jobs.read(channel("general"), "backfill", since=None)
    await reader(source).drain()
    assert "thread general-5" in source.calls
    source.post(said("late", "one more thing", minute=1000, thread="general-11"))
    source.calls.clear()
    await jobs.read(channel("general"), "reconcile", since=None)
    await reader(source).drain()
    assert [call for call in source.calls if call.startswith("thread")] == ["thread general-11"] * 2
    assert await stored(database) == source.ids


async def test_a_thread_with_replies_that_are_never_stored_is_read_once(database, jobs, reader):
    source = FakeHistory(*past(14, every=6, replies=2))
    source.unkept = {"general-11": 1}
    for asked_for, order in ((1, "backfill"), (0, "reconcile"), (0, "backfill")):
        source.calls.clear()
        await jobs.read(channel("general"), order, since=None)
        await reader(source).drain()
        assert (source.calls.count("thread general-11") > 0) is bool(asked_for), order
    source.unkept = {"general-11": 2}
    source.calls.clear()
    await jobs.read(channel("general"), "reconcile", since=None)
    await reader(source).drain()
    assert "thread general-11" in source.calls


async def test_a_forgotten_channel_is_read_with_all_its_threads_when_it_comes_back(database, jobs, reader):
    source = FakeHistory(*past(14, every=6, replies=2))
    await jobs.read(channel("general"), "backfill", since=None)
    await reader(source).drain()
    await Eraser(database, Archive(database)).channel(channel("general"), until_back=True)
    await database.execute("UPDATE channel SET removed_at = NULL")
    await jobs.read(channel("general"), "backfill", since=None)
    await reader(source).drain()
    assert await stored(database) == source.ids


async def test_a_thread_with_as_many_but_other_replies_is_read(database, jobs, reader):
    source = FakeHistory(*past(14, every=6, replies=2))
    await jobs.read(channel("general"), "backfill", since=None)
    await reader(source).drain()
    source.delete("general-11-0")
    source.post(said("late", "instead", minute=1000, thread="general-11"))
    await jobs.read(channel("general"), "reconcile", since=None)
    await reader(source).drain()
    assert await stored(database) == source.ids


async def test_a_full_reading_asks_for_every_thread_and_embeds_everything_again(database, jobs, reader):
    source = FakeHistory(*past(13, every=4, replies=1))
    await jobs.read(channel("general"), "backfill", since=None)
    await reader(source).drain()
    families = await database.fetch("SELECT family FROM dirty ORDER BY family")
    await database.execute("DELETE FROM dirty")
    source.calls.clear()
    job_pk = await jobs.read(channel("general"), "reconcile", since=None, full=True)
    await reader(source).drain()
    assert {call for call in source.calls if call.startswith("thread")} == {
        f"thread general-{number}" for number in (3, 7, 11)
    }
    marked = await database.fetch("SELECT family FROM dirty WHERE full_rebuild ORDER BY family")
    assert marked == families
    job = await jobs.job(job_pk)
    assert (job.total, job.left) == (len(families), len(families))


async def test_reading_goes_back_no_further_than_ordered(database, jobs, reader):
    talk = past(40, every=1000)
    source = FakeHistory(*talk)
    await jobs.read(channel("general"), "backfill", since=talk[25].message.posted_at)
    await reader(source).drain()
    assert await stored(database) == {one.message.ref.message_id for one in talk[25:]}
