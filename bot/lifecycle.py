"""Runs services until the process is told to stop."""

import asyncio
import gc
import resource
import signal
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

DRAIN_SECONDS = 20.0
AGAIN_SECONDS = 5.0


async def stop_all(tasks: Sequence[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Cancels tasks and waits for them; returns those that ended. A cancellation that got lost is asked for again.

    Units: what has not ended after `DRAIN_SECONDS` is left behind.
    """
    deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
    while pending := [task for task in tasks if not task.done()]:
        if asyncio.get_running_loop().time() > deadline:
            break
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=AGAIN_SECONDS)
    return {task for task in tasks if task.done()}


async def run_until_stopped(*services: Coroutine[Any, Any, None]) -> None:
    """Runs every service until SIGTERM or Ctrl-C, or until one fails; then all are cancelled and waited for.

    Units: a service that has not ended `DRAIN_SECONDS` after that is left behind.
    """
    # What was built at the start stays to the end. To look through it for garbage again and again would hold up the
    # event loop for a tenth of a second each time.
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(service) for service in services]
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        done = await stop_all(tasks)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        gc.unfreeze()
    for task in done:
        with suppress(asyncio.CancelledError):
            task.result()


def no_core_dumps() -> None:
    """From now on a crash of this process, or of one that it starts, leaves no copy of its memory: it holds tokens."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
