"""What happens in a guild, handed on: messages, edits, deletions, members, roles, channels."""

from collections.abc import Sequence
from dataclasses import replace

import discord
import structlog

from adapters.discord.calls import DiscordRefused
from adapters.discord.guild import Guild, person_of
from adapters.discord.notices import joined_notice
from adapters.discord.permissions import (
    Readable,
    described,
    is_private_thread,
    is_readable_kind,
    may_read,
    only_sees,
    reading,
)
from adapters.discord.places import PLATFORM
from knowledge.errors import ChannelUnreadable, SourceUnavailable
from knowledge.messages import Channel, ChannelRef, Happening, Hidden, Joined, Left, Person, Visibility

log = structlog.get_logger()

PEOPLE_AT_ONCE = 1000


async def look_round(guild: Guild) -> None:
    """Takes in everybody and every channel as they are now, and ends those that the bot can no longer read.

    Errors: `SourceUnavailable`, `KnowledgeUnavailable`.
    """
    known = guild.guild
    if not known.chunked:
        await known.chunk()
    for start in range(0, len(known.members), PEOPLE_AT_ONCE):
        async with guild.readers:
            people = known.members[start : start + PEOPLE_AT_ONCE]
            await guild.desk.upkeep.observe([person_of(member) for member in people])
    before = await guild.desk.upkeep.joined(PLATFORM, guild.workspace)
    readable = [channel for channel in _channels(known) if may_read(channel, known.me)]
    for channel in readable:
        await enter(guild, channel)
    await _leave_others(guild, [one.ref for one in before], readable)
    if not before and readable:
        await _post_notice(guild)


async def on_roles(guild: Guild) -> None:
    """Roles allow something else. What was for everybody and still is needs no look: questions wait for this.

    Errors: `SourceUnavailable`, `KnowledgeUnavailable`.
    """
    known = guild.guild
    before = await guild.desk.upkeep.joined(PLATFORM, guild.workspace)
    public = {one.ref.channel_id for one in before if one.visibility is Visibility.PUBLIC}
    readable = [channel for channel in _channels(known) if may_read(channel, known.me)]
    for channel in readable:
        if str(channel.id) not in public or described(channel).visibility is not Visibility.PUBLIC:
            await enter(guild, channel)
    await _leave_others(guild, [one.ref for one in before], readable)


async def _leave_others(guild: Guild, before: Sequence[ChannelRef], readable: Sequence[Readable]) -> None:
    open_ids = {str(channel.id) for channel in readable}
    for ref in before:
        if ref.channel_id not in open_ids:
            await on_channel(guild, ref.channel_id)


async def enter(guild: Guild, channel: Readable) -> None:
    """A channel that the bot may read is learnt; who may read it is noted before anything of it can be found."""
    async with guild.readers:
        await _enter(guild, channel)


async def _enter(guild: Guild, channel: Readable) -> None:
    said = described(channel)
    await guild.desk.upkeep.join(said)
    if said.visibility is not Visibility.PUBLIC:
        await _note_readers(guild, said)


async def _note_readers(guild: Guild, channel: Channel) -> None:
    """Who may read a channel that is not for everybody. Where that is not known, nobody may."""
    try:
        await guild.desk.upkeep.read_members(channel.ref, guild.members)
    except ChannelUnreadable:
        await guild.desk.upkeep.observe([Hidden(channel.ref)])


async def on_member(guild: Guild, user_id: str, *, has_left: bool = False) -> None:
    """Somebody came, went, or has other roles: what they may read is another now."""
    if user_id == guild.bot_id:
        await look_round(guild)
        return
    async with guild.readers:
        if has_left:
            for thread_id, known in guild.private_threads.items():
                guild.private_threads[thread_id] = replace(known, members=known.members - {int(user_id)})
            await guild.desk.upkeep.observe([Person(guild.person(user_id), user_id, active=False)])
        await guild.desk.upkeep.observe(_changed(guild, user_id))
        if has_left and guild.has(user_id):
            # Back already, and perhaps asked into a private thread before we knew: Discord is asked.
            for one in list(guild.private_threads.values()):
                await _look_at(guild, str(one.thread.id))


def _changed(guild: Guild, user_id: str) -> list[Happening]:
    """What somebody may read now. Who is gone reads nothing, not even after coming back, until somebody says so."""
    known = guild.guild
    ref = guild.person(user_id)
    member = known.get_member(int(user_id)) if user_id.isdecimal() else None
    if member is None:
        return [Person(ref, user_id, active=False)]
    happened: list[Happening] = [person_of(member)]
    archived = [one.thread for one in guild.private_threads.values() if known.get_thread(one.thread.id) is None]
    for channel in [*_channels(known), *archived]:
        said = described(channel)
        if said.visibility is Visibility.PUBLIC or not may_read(channel, known.me):
            continue
        private = guild.private_threads.get(channel.id)
        reads = reading(channel, private.members if private else frozenset())(member)
        happened.append(Joined(said.ref, ref) if reads else Left(said.ref, ref))
    return happened


def closed_past(guild: Guild) -> list[str]:
    """Names of the channels that the bot sees and may not read: they would seem empty, so nothing of them is learnt.

    Errors: `SourceUnavailable`.
    """
    known = guild.guild
    return [one.name for one in known.channels if is_readable_kind(one) and only_sees(one, known.me)]  # type: ignore[arg-type]


async def _post_notice(guild: Guild) -> None:
    """Once, when the bot is new: where the guild wants such messages, else where most people will see it."""
    known = guild.guild
    places = [known.system_channel, *known.text_channels]
    place = next((one for one in places if one is not None and one.permissions_for(known.me).send_messages), None)
    if place is None:
        log.warning("notice_not_posted", workspace=guild.workspace)
        return
    try:
        await guild.calls.send(
            str(place.id), joined_notice(len(closed_past(guild))), nonce=f"notice-{guild.guild_id % 10**15}"
        )
    except (DiscordRefused, SourceUnavailable) as error:
        log.warning("notice_not_posted", workspace=guild.workspace, error=type(error).__name__)


async def on_channel(guild: Guild, channel_id: str) -> None:
    """A channel was made or changed: its name, its overwrites, whether the bot may read it."""
    async with guild.readers:
        await _look_at(guild, channel_id)


async def _look_at(guild: Guild, channel_id: str) -> None:
    try:
        channel = await guild.find(channel_id)
    except ChannelUnreadable:
        guild.private_threads.pop(int(channel_id) if channel_id.isdecimal() else 0, None)
        await guild.desk.upkeep.observe([Hidden(guild.channel(channel_id))])
        log.info("channel_hidden", channel_id=channel_id)
        return
    if isinstance(channel, discord.Thread) and not is_private_thread(channel):
        return
    if is_readable_kind(channel) or is_private_thread(channel):
        await _enter(guild, channel)
        # Who may not see a channel sees none of its threads either, members of them or not.
        threads = {thread.id: thread for thread in getattr(channel, "threads", ()) if is_private_thread(thread)}
        archived = (one.thread for one in guild.private_threads.values() if one.thread.parent_id == channel.id)
        threads = {thread.id: thread for thread in archived} | threads
        for thread in threads.values():
            if may_read(thread, guild.guild.me):
                await _enter(guild, thread)


def _channels(guild: discord.Guild) -> Sequence[Readable]:
    """Every channel that messages are learnt from by itself."""
    channels: list[Readable] = [one for one in guild.channels if is_readable_kind(one)]  # type: ignore[misc]
    return [*channels, *(thread for thread in guild.threads if is_private_thread(thread))]
