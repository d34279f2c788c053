"""What was missed is made up for: after each connection, after every absence, and every six hours."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from bot.upkeep import Upkeep
from knowledge.errors import KnowledgeError, KnowledgeUnavailable
from knowledge.messages import ChannelRef, Members

log = structlog.get_logger()

SEEN_SECONDS = 15.0
SWEEP_SECONDS = 6 * 3600.0
RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0)
# A database that comes back is no platform to be spared: questions wait for it.
DATABASE_SECONDS = 5.0
# Events on their way while a socket opened, and clocks that differ a little.
OVERLAP = timedelta(minutes=2)
# After a real absence, or wherever nothing is sent twice, edits and deletions of older messages are looked for too;
# beyond this, once a day.
ABSENCE = timedelta(minutes=2)
LOOK_BACK = timedelta(days=30)
COMPARED_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace as far as keeping it in step goes.

    `look_round` takes in anew who and what there is; `members` asks who is in a channel now.
    Errors: both raise `KnowledgeError`.
    `resends`: what was not acknowledged is sent again, so that a short gap loses no edit or deletion.
    """

    platform: str
    workspace: str
    name: str
    upkeep: Upkeep
    look_round: Callable[[], Awaitable[None]]
    members: Callable[[ChannelRef], Awaitable[Members]]
    resends: bool = True


class CatchingUp:
    """One workspace is kept in step. `gap` is set when events may have been missed."""

    def __init__(self, kept: Workspace, gap: asyncio.Event) -> None:
        self._kept = kept
        self._ref = (kept.platform, kept.workspace)
        self._gap = gap

    async def run(self, is_open: Callable[[], bool]) -> None:
        """After each connection, what came while there was none is read; meanwhile, it is noted until when all was."""
        upkeep = self._kept.upkeep
        until, is_known, was_open, failures = None, False, False, 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SEEN_SECONDS):
                    await self._gap.wait()
            # Open twice in a row: a connection that has just been opened again has not said so yet.
            is_heard, was_open = was_open and is_open(), is_open()
            try:
                if not is_known:
                    until, is_known = await upkeep.connect(*self._ref, self._kept.name), True
                if self._gap.is_set():
                    self._gap.clear()
                    await self._catch_up(until)
                elif not is_heard:
                    continue
                await upkeep.seen(*self._ref)
                until, failures = datetime.now(UTC), 0
            except KnowledgeError as error:
                self._gap.set()
                pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                if isinstance(error, KnowledgeUnavailable):
                    pause = min(pause, DATABASE_SECONDS)
                failures += 1
                log.warning(
                    "catching_up_waits", adapter=self._kept.platform, error=type(error).__name__, wait_seconds=pause
                )
                await asyncio.sleep(pause)

    async def _catch_up(self, until: datetime | None) -> None:
        """Reads anew who and what there is, then every channel back to when its events were last received."""
        await self._kept.upkeep.missed(*self._ref)
        await self._kept.look_round()
        if until is None:
            return
        now = datetime.now(UTC)
        since: datetime | None = until - OVERLAP
        if now - until >= ABSENCE or not self._kept.resends:
            since = None if await self._is_comparison_due() else min(until - OVERLAP, now - LOOK_BACK)
        count = await self._kept.upkeep.reconcile(*self._ref, since)
        log.info("catching_up", adapter=self._kept.platform, channels=count)

    async def sweep(self) -> None:
        """Every six hours everybody and every channel is read again; once a day every channel's whole past compared."""
        upkeep = self._kept.upkeep
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._kept.look_round()
                for channel in await upkeep.joined(*self._ref):
                    await upkeep.read_members(channel.ref, self._kept.members)
                if await self._is_comparison_due():
                    await upkeep.reconcile(*self._ref, None)
            except KnowledgeError as error:
                log.warning("sweep_waits", adapter=self._kept.platform, error=type(error).__name__)

    async def _is_comparison_due(self) -> bool:
        """Whether replies in old threads, edits and deletions of long ago were last looked for a day ago."""
        compared = await self._kept.upkeep.compared(*self._ref)
        return compared is not None and datetime.now(UTC) - compared >= COMPARED_AFTER
