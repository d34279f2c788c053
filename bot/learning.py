"""What a connected platform reports becomes knowledge, or is forgotten, at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.channel_config import ChannelConfigs
from bot.retraction import Retraction
from bot.timing import every
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.errors import KnowledgeUnavailable
from knowledge.forget import Eraser
from knowledge.messages import (
    Change,
    Channel,
    ChannelRef,
    Deleted,
    Gone,
    Happening,
    Hidden,
    Joined,
    Left,
    Person,
    Posted,
    Reacted,
    Renamed,
    Renumbered,
    ThreadGone,
)
from knowledge.presence import Presence
from knowledge.retention import Retention

log = structlog.get_logger()

# A channel that the bot lost by mistake may come back within a day without being read anew.
ERASED_AFTER_HOURS = 24
SWEEP_SECONDS = 3600.0
WITHDRAW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Learning:
    """The one door for live events. Access comes before text: nothing is searchable before it is known to whom."""

    access: Access
    archive: Archive
    presence: Presence
    eraser: Eraser
    configs: ChannelConfigs
    retraction: Retraction
    retention: Retention

    async def observe(self, happenings: Sequence[Happening]) -> None:
        """Takes in what happened, in any order and any number of times. Errors: `KnowledgeUnavailable`."""
        channels = [one for one in happenings if isinstance(one, Channel)]
        if channels:
            await self.access.record_channels(channels)
        people = [one for one in happenings if isinstance(one, Person)]
        if people:
            await self.access.record_people(people, live=True)
        for one in happenings:
            await self._take_in(one)
        await self._record([one for one in happenings if isinstance(one, Posted | Deleted)])

    async def forget(self, channel: ChannelRef) -> None:
        """Erases a channel: it is gone, or was closed long ago."""
        gone = await self.eraser.channel(channel, until_back=True)
        if gone is not None:
            await self.retraction.retract(gone.keys)

    async def forget_old(self) -> int:
        """Forgets what has been kept long enough, as if somebody had deleted it. Returns how many messages.

        Nobody tells of these deletions again. So what was made of a message goes first: stopped in between, all is
        done again.
        """
        count = 0
        async for batch in self.retention.too_old():
            await self.retraction.retract([key for old in batch for key in old.keys])
            await self._record([Deleted(old.ref) for old in batch])
            count += len(batch)
        return count

    async def run(self) -> None:
        """Erases what has been closed for a day, or kept long enough: a background service."""
        async with every(WITHDRAW_SECONDS, self.retraction.catch_up):
            await self._sweep()

    async def _sweep(self) -> None:
        while True:
            try:
                if count := await self.forget_old():
                    log.info("old_messages_forgotten", messages=count)
                for channel in await self.presence.hidden_for(ERASED_AFTER_HOURS):
                    await self.forget(channel)
                    log.info("hidden_channel_erased", platform=channel.platform, channel_id=channel.channel_id)
            except KnowledgeUnavailable as error:
                log.warning("erasing_waits", error=type(error).__name__)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _take_in(self, happening: Happening) -> None:
        match happening:
            case Joined(channel, person):
                await self.access.join(channel, person)
            case Left(channel, person):
                await self.access.leave(channel, person)
            case Renamed(channel, name):
                await self.presence.rename(channel, name)
            case Renumbered(channel, new_id):
                await self.presence.renumber(channel, new_id)
            case Hidden(channel, archived):
                await self.presence.hide(channel, archived=archived)
            case Gone(channel):
                await self.forget(channel)
            case ThreadGone(channel, thread_id):
                await self.retraction.retract((await self.eraser.thread(channel, thread_id)).keys)
            case Reacted(ref, emoji, delta):
                await self.archive.react(ref, emoji, delta)

    async def _record(self, changes: Sequence[Change]) -> None:
        """Posts of channels where the bot is off are dropped; deletions are taken from everywhere."""
        off = set[ChannelRef]()
        for channel in {one.message.ref.channel for one in changes if isinstance(one, Posted)}:
            if not (await self.configs.get(channel)).is_on:
                off.add(channel)
        wanted = [one for one in changes if isinstance(one, Deleted) or one.message.ref.channel not in off]
        recorded = await self.archive.record(wanted)
        await self.retraction.retract(recorded.gone)
        await self.retraction.forget_questions([one.ref for one in wanted if isinstance(one, Deleted)])
        await self.retraction.outdate(recorded.outdated)
