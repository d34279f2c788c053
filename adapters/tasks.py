"""Work that goes on beside the handling of events, until it is done or the adapter stops."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

log = structlog.get_logger()


AGAIN_SECONDS = 2.0


async def stop(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancels tasks and waits for them. Some library may swallow a cancellation, so it is asked for again."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=AGAIN_SECONDS)


class Tasks:
    """Keeps what was started from being lost, and tells the log when it fails."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Starts a piece of work."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancels what still runs, and waits for it."""
        await stop(list(self._running))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", exc_info=error)
