"""Keeping a connected workspace in step: what adapters report goes in here, what was missed is ordered here."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.channel_config import ChannelConfig, ChannelConfigs
from bot.learning import Learning
from knowledge.access import Access
from knowledge.jobs import Jobs
from knowledge.messages import Channel, ChannelRef, Happening, Members, MessageRef
from knowledge.presence import JoinedChannel, Presence


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What an adapter may do to the knowledge base."""

    learning: Learning
    access: Access
    presence: Presence
    jobs: Jobs
    configs: ChannelConfigs

    async def connect(self, platform: str, workspace: str, name: str) -> datetime | None:
        """A workspace is connected from now on. Returns until when its events were received before, if ever."""
        return await self.presence.connect(platform, workspace, name)

    async def missed(self, platform: str, workspace: str) -> None:
        """Events of it may have been missed: who is where must be asked again before it counts."""
        await self.presence.unsettle(platform, workspace)

    async def seen(self, platform: str, workspace: str) -> None:
        """Its events have been received up to now."""
        await self.presence.seen(platform, workspace)

    async def observe(self, happenings: Sequence[Happening]) -> None:
        """Takes in what happened. Errors: `KnowledgeUnavailable`."""
        await self.learning.observe(happenings)

    async def read_members(self, channel: ChannelRef, read: Callable[[ChannelRef], Awaitable[Members]]) -> None:
        """Takes in who reads a channel, asked now. Errors: `KnowledgeUnavailable`, and what `read` raises."""
        await self.access.read_members(channel, read)

    async def join(self, channel: Channel, *, invited: bool = False) -> bool:
        """The bot is in a channel, and learns it from its beginning if it was not there before.

        Where it is switched off, it learns nothing. `invited`: somebody has just asked it in, so a channel that was
        forgotten on order is learnt anew. Returns whether the people there do not know yet that the bot reads along:
        they do where it was before, unless somebody asked it back in.
        """
        was_there = await self.presence.is_hidden(channel.ref)
        await self.access.record_channels([channel], reopen=invited)
        if not (await self.configs.get(channel.ref)).is_on:
            return False
        joining = await self.presence.join(channel.ref)
        if joining.is_unread:
            await self.jobs.read(channel.ref, "backfill", since=None)
        return joining.is_new and (invited or not was_there)

    async def reconcile(self, platform: str, workspace: str, since: datetime | None) -> int:
        """Orders every channel of a workspace to be compared with the platform, back to `since`. Returns how many."""
        ordered = 0
        for channel in await self.presence.joined(platform, workspace):
            if (await self.configs.get(channel.ref)).is_on:
                ordered += await self.jobs.read(channel.ref, "reconcile", since=since) is not None
        return ordered

    async def compared(self, platform: str, workspace: str) -> datetime | None:
        """When the whole past of a workspace was last ordered to be compared, or the workspace was connected."""
        return await self.jobs.compared(platform, workspace)

    async def joined(self, platform: str, workspace: str) -> list[JoinedChannel]:
        """The channels that are kept in step, the liveliest first."""
        return await self.presence.joined(platform, workspace)

    async def latest(self, channel: ChannelRef) -> datetime | None:
        """When the latest message known of a channel was posted."""
        return await self.presence.latest(channel)

    async def knows(self, message: MessageRef) -> bool:
        """Whether a message, or its deletion, has been taken in."""
        return await self.learning.archive.knows(message)

    async def config(self, channel: ChannelRef) -> ChannelConfig:
        """A channel's settings."""
        return await self.configs.get(channel)

    async def noted(self, platform: str, name: str) -> str:
        """What the adapter noted under that name in an earlier run, or ""."""
        return await self.presence.noted(platform, name)

    async def note(self, platform: str, name: str, value: str) -> None:
        """Keeps a note of the adapter from run to run."""
        await self.presence.note(platform, name, value)
