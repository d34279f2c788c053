"""The orders of an admin: reindex, status, cancel, forget. The same code serves the command line and the chat."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.ports import Memory
from knowledge.database import Database
from knowledge.forget import Eraser, Forgotten
from knowledge.indexer import Indexer
from knowledge.jobs import ChannelStatus, Job, Jobs
from knowledge.messages import ChannelRef, PersonRef
from knowledge.models import IndexModel, IndexModels


@dataclass(frozen=True, slots=True)
class Status:
    """How far the bot's learning is."""

    channels: tuple[ChannelStatus, ...]
    jobs: tuple[Job, ...]
    model: IndexModel | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Admin:
    """Carries out orders. Who may give them is decided where they come in."""

    database: Database
    eraser: Eraser
    indexer: Indexer
    memory: Memory

    async def reindex(self, channel: ChannelRef, *, since: datetime | None, full: bool) -> tuple[int, int] | None:
        """Orders a channel to be indexed again: the job's number and its size, or None without such a channel."""
        return await Jobs(self.database).reindex(channel, since=since, full=full)

    async def cancel(self, job_pk: int) -> bool:
        """Stops an order. False: it is not running."""
        return await Jobs(self.database).cancel(job_pk)

    async def status(self) -> Status:
        """Channels, jobs, the embedding model, and how much waits to be indexed."""
        jobs = Jobs(self.database)
        return Status(
            channels=tuple(await jobs.channels()),
            jobs=tuple(await jobs.jobs()),
            model=await IndexModels(self.database).active(),
            waiting=await self.indexer.waiting(),
        )

    async def forget_channel(self, channel: ChannelRef) -> int | None:
        """Removes a channel's messages, units, vectors and what was remembered of them. None: no such channel."""
        gone = await self.eraser.channel(channel)
        return None if gone is None else await self._from_memory(gone)

    async def forget_person(self, person: PersonRef) -> int:
        """Removes everything a person wrote."""
        return await self._from_memory(await self.eraser.person(person))

    async def forget_message(self, message_id: str) -> int:
        """Removes one message."""
        return await self._from_memory(await self.eraser.message(message_id))

    async def drop_remembered(self, keys: Sequence[str]) -> None:
        """Drops every remembered turn that used one of these messages: they were deleted where they came from."""
        if keys:
            await self.memory.forget_messages(keys)

    async def _from_memory(self, gone: Forgotten) -> int:
        await self.drop_remembered(gone.keys)
        return gone.messages
