"""Watches for a restored database: closes it, forgets again what was ordered since, and lets channels be compared."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.admin import Admin
from bot.ports import Memory, MemoryUnavailable
from knowledge.errors import KnowledgeUnavailable
from knowledge.jobs import Jobs
from knowledge.quarantine import Quarantine

log = structlog.get_logger()

LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore asks of the bot. Nothing of a restored database is readable before `look` has been at it."""

    quarantine: Quarantine
    memory: Memory
    admin: Admin
    jobs: Jobs

    async def look(self) -> None:
        """Closes every channel where the database was restored. Errors: `KnowledgeUnavailable`."""
        if not await self.quarantine.is_moved():
            return
        # First, because what it remembers is known by keys that mean other messages from now on.
        try:
            await self.memory.forget_everything()
        except MemoryUnavailable:
            log.warning("restored_database_waits_for_memory")
            return
        await self.admin.forget_again()
        if await self.quarantine.enter():
            log.warning("database_was_restored", channels=len(await self.quarantine.closed()))

    async def compare(self, platforms: Sequence[str]) -> int:
        """Orders each closed channel of a connected platform to be compared with it, once. Returns how many."""
        channels = await self.quarantine.uncompared(list(platforms))
        for channel in channels:
            await self.jobs.read(channel, "reconcile", since=None)
        return len(channels)

    async def run(self, platforms: Sequence[str]) -> None:
        """Looks again and again: somebody may restore under a running bot. A background service."""
        while True:
            try:
                await self.look()
                await self.compare(platforms)
            except KnowledgeUnavailable as error:
                log.warning("restore_check_waits", error=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)
