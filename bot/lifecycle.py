"""Runs services until the process is told to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

DRAIN_SECONDS = 20.0


async def run_until_stopped(*services: Coroutine[Any, Any, None]) -> None:
    """Runs every service until SIGTERM or Ctrl-C, or until one fails; then all are cancelled and waited for.

    Units: a service that has not ended `DRAIN_SECONDS` after that is left behind.
    """
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
        for task in tasks:
            task.cancel()
        done, _ = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    for task in done:
        with suppress(asyncio.CancelledError):
            task.result()
