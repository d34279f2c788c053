"""What was missed is made up for: after each opening of a socket, after every absence, and every six hours."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from adapters.slack.learning import enter
from adapters.slack.messages import PLATFORM
from adapters.slack.workspace import Workspace
from knowledge.errors import KnowledgeError

log = structlog.get_logger()

SEEN_SECONDS = 15.0
SWEEP_SECONDS = 6 * 3600.0
RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0)
# Events on their way while a socket opened, and clocks that differ a little.
OVERLAP = timedelta(minutes=2)
# After a real absence, edits and deletions of older messages are looked for too; beyond this, once a day.
ABSENCE = timedelta(minutes=2)
LOOK_BACK = timedelta(days=30)
COMPARED_AFTER = timedelta(days=1)


class CatchingUp:
    """One workspace is kept in step. `gap` is set when events may have been missed."""

    def __init__(self, workspace: Workspace, gap: asyncio.Event) -> None:
        self._workspace = workspace
        self._gap = gap

    async def run(self, is_open: Callable[[], bool]) -> None:
        """After each opening of a socket: what came while none was open is read. Meanwhile, until when all was seen."""
        workspace = self._workspace
        team_id, upkeep = workspace.identity.team_id, workspace.desk.upkeep
        until, is_known, was_open, failures = None, False, False, 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SEEN_SECONDS):
                    await self._gap.wait()
            # Open twice in a row: a socket that has just been opened again has not said so yet.
            is_heard, was_open = was_open and is_open(), is_open()
            try:
                if not is_known:
                    until, is_known = await upkeep.connect(PLATFORM, team_id, workspace.name), True
                if self._gap.is_set():
                    self._gap.clear()
                    await self._catch_up(until)
                elif not is_heard:
                    continue
                await upkeep.seen(PLATFORM, team_id)
                until, failures = datetime.now(UTC), 0
            except KnowledgeError as error:
                self._gap.set()
                pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                failures += 1
                log.warning("catching_up_waits", adapter="slack", error=type(error).__name__, wait_seconds=pause)
                await asyncio.sleep(pause)

    async def _catch_up(self, until: datetime | None) -> None:
        """Reads anew who and what there is, then every channel back to when its events were last received."""
        workspace = self._workspace
        await self._look_round()
        if until is None:
            return
        now = datetime.now(UTC)
        since: datetime | None = until - OVERLAP
        if now - until >= ABSENCE:
            since = None if await self._is_comparison_due() else min(until - OVERLAP, now - LOOK_BACK)
        count = await workspace.desk.upkeep.reconcile(PLATFORM, workspace.identity.team_id, since)
        log.info("catching_up", adapter="slack", channels=count)

    async def sweep(self) -> None:
        """Every six hours everybody and every channel is read again; once a day every channel's whole past compared."""
        workspace = self._workspace
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._look_round()
                for channel in await workspace.desk.upkeep.joined(PLATFORM, workspace.identity.team_id):
                    await workspace.desk.upkeep.observe([await workspace.directory.members(channel.ref)])
                if await self._is_comparison_due():
                    await workspace.desk.upkeep.reconcile(PLATFORM, workspace.identity.team_id, None)
            except KnowledgeError as error:
                log.warning("sweep_waits", adapter="slack", error=type(error).__name__)

    async def _look_round(self) -> None:
        for channel in await self._workspace.directory.sync():
            await enter(self._workspace, channel, invited=False)

    async def _is_comparison_due(self) -> bool:
        """Whether replies in old threads, edits and deletions of long ago were last looked for a day ago."""
        compared = await self._workspace.desk.upkeep.compared(PLATFORM, self._workspace.identity.team_id)
        return compared is not None and datetime.now(UTC) - compared >= COMPARED_AFTER
