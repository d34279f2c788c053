"""Workers over rows that several processes share: claim, hold the lease, perform, give back.

A row belongs to whoever holds its lease. A process that dies loses its leases by time; one that is stopped gives them
back at once. Work whose lease is lost is cancelled: from then on it is another's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

import structlog

from bot.timing import CALL_SECONDS, within
from knowledge.errors import KnowledgeUnavailable

log = structlog.get_logger()

T = TypeVar("T")

POLL_SECONDS = 1.0
# A claim that was kept while its answer got lost on the way is nobody's. It is free again after this, and work that
# takes longer makes its lease a whole one.
FIRST_LEASE_SECONDS = 15.0
# A claim that came to no end was a process that died, or a connection that was cut at the wrong moment. So many are the
# row's own fault.
MOST_CLAIMS = 10
# What is away is asked for again after as long as it has been waited for, up to so many seconds. The database is asked
# by whatever claims, so nobody need be careful with it.
PLATFORM_PAUSE_SECONDS = 60.0
DATABASE_PAUSE_SECONDS = 5.0


def longest_pause(error: Exception) -> float:
    """Before work that this stopped is tried again."""
    return DATABASE_PAUSE_SECONDS if isinstance(error, KnowledgeUnavailable) else PLATFORM_PAUSE_SECONDS


def first_lease(lease_seconds: float) -> float:
    """How long a fresh claim holds."""
    return min(lease_seconds, FIRST_LEASE_SECONDS)


class WorkerPool(Generic[T]):
    """Performs claimed rows, a task each, at most `workers` at once.

    `claim` takes at most so many rows, each leased for `first_lease(lease_seconds)`; `renew` makes that the whole,
    or is False when the lease is lost; `release` gives unfinished rows back; `perform` does the work and settles
    the row, whatever happens.
    """

    def __init__(
        self,
        *,
        claim: Callable[[int], Coroutine[Any, Any, Sequence[T]]],
        renew: Callable[[T], Coroutine[Any, Any, bool]],
        release: Callable[[Sequence[T]], Coroutine[Any, Any, None]],
        perform: Callable[[T], Awaitable[None]],
        workers: int,
        lease_seconds: float,
    ) -> None:
        self._claim = claim
        self._renew = renew
        self._release = release
        self._perform = perform
        self._workers = workers
        self._lease_seconds = lease_seconds
        self._wake = asyncio.Event()
        self._claiming: asyncio.Task[Sequence[T]] | None = None
        self._running: dict[asyncio.Task[None], T] = {}
        self._is_away = False

    def wake(self) -> None:
        """There is work: no need to wait for the next look."""
        self._wake.set()

    async def run(self) -> None:
        """Works for ever. Cancelled, it stops what runs and gives it back."""
        try:
            while True:
                self._wake.clear()
                free = self._workers - len(self._running)
                claimed = await self._start(free) if free else 0
                if not free or claimed < free:
                    with suppress(TimeoutError):  # not wait_for, which in Python 3.11 may lose a cancellation
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._wake.wait()
        finally:
            await self._stop()

    async def _start(self, free: int) -> int:
        """Claims rows and starts work on them. Returns how many."""
        asked_at = time.monotonic()
        self._claiming = asyncio.create_task(within(CALL_SECONDS, self._claim(free)))
        try:
            items = await asyncio.shield(self._claiming)
        except KnowledgeUnavailable as error:
            items = ()
            if not self._is_away:
                log.warning("work_waits", error=type(error).__name__)
            self._is_away = True
        else:
            if self._is_away:
                log.info("work_resumes")
            self._is_away = False
        self._claiming = None
        for item in items:
            task = asyncio.create_task(self._work(item, asked_at + first_lease(self._lease_seconds)))
            self._running[task] = item
            task.add_done_callback(self._ended)
        return len(items)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if len(self._running) == self._workers:
            self._wake.set()
        self._running.pop(task, None)

    async def _work(self, item: T, until: float) -> None:
        """Performs one item for as long as its lease holds, by this process's monotonic clock."""
        work = asyncio.ensure_future(self._perform(item))
        lease = asyncio.create_task(self._keep(item, until))
        try:
            await asyncio.wait([work, lease], return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_lost = not work.done() and lease.done()
            work.cancel()
            lease.cancel()
            results = await asyncio.gather(work, lease, return_exceptions=True)
        if is_lost:
            log.warning("lease_lost")
        elif isinstance(results[0], BaseException):
            log.error("work_failed", exc_info=results[0])  # the row comes back when its lease ends

    async def _keep(self, item: T, until: float) -> None:
        """Returns when the lease is lost, or may be: it ended before the database could be asked."""
        pause = first_lease(self._lease_seconds) / 3
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, pause))
            asked_at = time.monotonic()
            with suppress(KnowledgeUnavailable):
                if not await within(until - asked_at, self._renew(item)):
                    return
                until = asked_at + self._lease_seconds
                pause = self._lease_seconds / 3

    async def _stop(self) -> None:
        left: list[T] = []
        if self._claiming is not None:
            with suppress(Exception):
                left += await self._claiming
        stopping = dict(self._running)
        for task in stopping:
            task.cancel()
        await asyncio.gather(*stopping, return_exceptions=True)
        left += [item for task, item in stopping.items() if task.cancelled()]
        if left:
            with suppress(KnowledgeUnavailable):
                await within(CALL_SECONDS, self._release(left))
