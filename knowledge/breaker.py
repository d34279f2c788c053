"""Whether PostgreSQL is worth waiting for.

After five lost connections within ten seconds, and no success among them, a probe looks for the server. Only where it
finds none is everybody refused at once, until it does: a pool that is merely busy refuses nobody.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from knowledge.errors import KnowledgeUnavailable

log = structlog.get_logger()

LOST_COUNT = 5
LOST_SECONDS = 10.0
PROBE_SECONDS = 1.0

Probe = Callable[[], Awaitable[bool]]
OnBack = Callable[[], Awaitable[None]]


class Breaker:
    """Shared by every pool of connections to one server. `probe` says whether the server takes a new connection."""

    def __init__(self, probe: Probe) -> None:
        self.on_back: list[OnBack] = []
        self._probe = probe
        self._there = asyncio.Event()
        self._there.set()
        self._lost: deque[float] = deque(maxlen=LOST_COUNT)
        self._looking: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the server is known to be away."""
        return not self._there.is_set()

    def ask(self) -> None:
        """Errors: `KnowledgeUnavailable` while the server is known to be away."""
        if self.is_open:
            raise KnowledgeUnavailable("PostgreSQL cannot be reached, and is looked for each second.")

    async def closed(self) -> None:
        """Returns when the server is not known to be away: for whoever loses more by a refusal than by waiting."""
        await self._there.wait()

    def answered(self) -> None:
        """The server did what it was asked."""
        self._lost.clear()
        self._there.set()

    def lost(self) -> None:
        """A connection broke, or there was none to be had."""
        self._lost.append(time.monotonic())
        is_much = len(self._lost) == LOST_COUNT and self._lost[-1] - self._lost[0] <= LOST_SECONDS
        if is_much and self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Nobody looks for the server any more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        self.answered()

    async def _look(self) -> None:
        """A probe a second, until one finds the server or somebody else has."""
        was_away = False
        try:
            while self._lost:
                began = time.monotonic()
                if await self._probe() or not self._lost:
                    break
                if not was_away:
                    log.warning("database_away")
                was_away = True
                self._there.clear()
                await asyncio.sleep(max(0.0, PROBE_SECONDS - (time.monotonic() - began)))
            self.answered()
            if was_away:
                log.warning("database_back")
                for refresh in self.on_back:
                    await refresh()
        finally:
            self._looking = None
