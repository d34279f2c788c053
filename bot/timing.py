"""Limits for work that may hang, patience for work that must not be lost, and work that recurs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog

from knowledge.errors import KnowledgeUnavailable

log = structlog.get_logger()

T = TypeVar("T")

PAUSE_SECONDS = 1.0
CALL_SECONDS = 5.0

_abandoned: set[asyncio.Task[Any]] = set()


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What the work returns. Errors: `KnowledgeUnavailable` when it has not ended in time.

    `asyncio.timeout` would not do: a cancelled psycopg first asks the server to stop, and waits 12 s for one that is
    silent. So the work is told to stop and left to itself. What it was to change may or may not be changed.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    except asyncio.CancelledError:
        _abandon(task)
        raise
    if not done:
        _abandon(task)
        raise KnowledgeUnavailable(f"PostgreSQL did not answer within {seconds:.1f} s. Check that it runs.")
    return task.result()


async def until_back(action: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the action returns, tried again each second for as long as the database is away."""
    while True:
        try:
            return await within(CALL_SECONDS, action())
        except KnowledgeUnavailable as error:
            log.warning("database_awaited", error=type(error).__name__)
        await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def every(seconds: float, action: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Performs the action at this interval, for as long as the block lasts. Its failures are logged."""
    task = asyncio.create_task(_recur(seconds, action))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _recur(seconds: float, action: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await action()
        except Exception as error:  # whatever it was, the next time may go well
            log.warning("recurring_work_failed", exc_info=error)
        await asyncio.sleep(seconds)


def _abandon(task: asyncio.Task[Any]) -> None:
    _abandoned.add(task)
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # asked for, or asyncio would complain that nobody did
