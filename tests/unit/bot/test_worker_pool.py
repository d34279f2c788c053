import asyncio
import time
from contextlib import suppress

import pytest
import structlog

from bot import worker_pool
from bot.worker_pool import WorkerPool
from knowledge.errors import KnowledgeUnavailable


@pytest.fixture(autouse=True)
def logs(monkeypatch):
    monkeypatch.setattr(worker_pool, "POLL_SECONDS", 0.01)
    with structlog.testing.capture_logs() as captured:
        yield captured


class Rows:
    """Rows to work on, by name. A row's work lasts until it is let go."""

    def __init__(self, *waiting, workers=3, lease_seconds=60.0):
        self.waiting = list(waiting)
        self.begun, self.cancelled, self.done, self.released, self.claims = [], [], [], [], []
        self.let_go = asyncio.Event()
        self.claim_seconds = 0.0
        self.renewals = 0
        self.is_mine = True
        self.error = self.claim_error = self.renew_error = None
        self.pool = WorkerPool(
            claim=self.claim,
            renew=self.renew,
            release=self.release,
            perform=self.perform,
            workers=workers,
            lease_seconds=lease_seconds,
        )

    async def claim(self, limit):
        self.claims.append(limit)
        if self.claim_error:
            raise self.claim_error
        claimed, self.waiting = self.waiting[:limit], self.waiting[limit:]
        await asyncio.sleep(self.claim_seconds)
        return claimed

    async def renew(self, row):
        self.renewals += 1
        if self.renew_error:
            raise self.renew_error
        return self.is_mine

    async def release(self, rows):
        self.released += rows

    async def perform(self, row):
        self.begun.append(row)
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled.append(row)
            raise
        if self.error:
            raise self.error
        self.done.append(row)


async def stop(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_rows_are_performed_a_few_at_a_time_and_the_next_is_claimed_as_one_ends(monkeypatch):
    rows = Rows(*"abcde")
    task = asyncio.create_task(rows.pool.run())
    await asyncio.sleep(0.05)
    assert rows.begun == list("abc")
    assert rows.claims == [3]  # nothing is claimed that nobody could begin
    monkeypatch.setattr(worker_pool, "POLL_SECONDS", 60)
    rows.let_go.set()
    await asyncio.sleep(0.05)
    assert rows.done == list("abcde")
    await stop(task)
    assert rows.released == []


async def test_stopped_it_gives_back_what_runs_and_nothing_else():
    rows = Rows("a", "b")
    task = asyncio.create_task(rows.pool.run())
    await asyncio.sleep(0.03)
    rows.let_go.set()
    await asyncio.sleep(0.03)
    rows.let_go.clear()
    rows.waiting = ["c", "d"]
    await asyncio.sleep(0.03)
    await stop(task)
    assert (rows.done, rows.cancelled, rows.released) == (["a", "b"], ["c", "d"], ["c", "d"])


async def test_stopped_while_it_claims_it_gives_back_what_the_claim_brought():
    rows = Rows("a", "b")
    rows.claim_seconds = 0.1
    task = asyncio.create_task(rows.pool.run())
    await asyncio.sleep(0.03)
    await stop(task)
    assert rows.released == ["a", "b"]
    assert rows.begun == []


async def test_work_whose_lease_was_lost_is_cancelled_and_not_given_back(logs):
    rows = Rows("a", lease_seconds=0.09)
    task = asyncio.create_task(rows.pool.run())
    await asyncio.sleep(0.3)
    assert rows.begun == ["a"]
    assert rows.cancelled == []
    rows.is_mine = False
    await asyncio.sleep(0.1)
    assert rows.cancelled == ["a"]
    await stop(task)
    assert rows.released == []
    assert [entry["event"] for entry in logs] == ["lease_lost"]


async def test_a_lease_that_cannot_be_renewed_holds_to_its_end_and_no_longer():
    rows = Rows("a", lease_seconds=0.4)
    rows.renew_error = KnowledgeUnavailable("away")
    start = time.monotonic()
    task = asyncio.create_task(rows.pool.run())
    while not rows.cancelled:
        await asyncio.sleep(0.01)
    assert 0.35 < time.monotonic() - start < 1.5
    assert rows.renewals >= 2
    await stop(task)


async def test_a_renewal_that_hangs_is_no_renewal():
    rows = Rows("a", lease_seconds=0.3)

    async def hang(row):
        await asyncio.sleep(60)

    rows.pool._renew = hang
    task = asyncio.create_task(rows.pool.run())
    await asyncio.sleep(0.8)
    assert rows.cancelled == ["a"]
    await stop(task)


async def test_an_outage_is_waited_out_and_told_once(logs):
    rows = Rows("a")
    rows.claim_error = KnowledgeUnavailable("away")
    task = asyncio.create_task(rows.pool.run())
    await asyncio.sleep(0.1)
    rows.claim_error = None
    await asyncio.sleep(0.05)
    assert rows.begun == ["a"]
    assert len(rows.claims) > 3
    assert [entry["event"] for entry in logs] == ["work_waits", "work_resumes"]
    await stop(task)


async def test_work_that_fails_stops_nobody(logs):
    rows = Rows("a")
    rows.error = ZeroDivisionError()
    rows.let_go.set()
    task = asyncio.create_task(rows.pool.run())
    await asyncio.sleep(0.03)
    rows.error = None
    rows.waiting = ["b"]
    await asyncio.sleep(0.05)
    assert rows.done == ["b"]
    assert [entry["event"] for entry in logs] == ["work_failed"]
    await stop(task)


async def test_a_broken_claim_ends_the_service_and_gives_back_what_runs():
    rows = Rows("a")
    task = asyncio.create_task(rows.pool.run())
    await asyncio.sleep(0.03)
    rows.claim_error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await task
    assert rows.released == ["a"]
