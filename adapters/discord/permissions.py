"""Who may read a channel of a guild, as Discord computes it from roles and overwrites. Works on discord.py's cache."""

import hashlib
import json
from collections.abc import Callable

import discord

from adapters.discord.places import PLATFORM
from knowledge.messages import Channel, ChannelRef, Visibility

PRIVATE_THREAD = discord.ChannelType.private_thread
# Channels that one must be able to join to read what is written in them.
VOICE = {discord.ChannelType.voice, discord.ChannelType.stage_voice}
READING = discord.Permissions(view_channel=True, read_message_history=True)
READING_BESIDE_VOICE = discord.Permissions(view_channel=True, read_message_history=True, connect=True)

Readable = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.ForumChannel | discord.Thread
"""What holds messages: forums hold them in their posts. A public thread is part of its parent."""


def is_readable_kind(channel: object) -> bool:
    """Whether a channel is one that messages are learnt from by itself: a text, voice or forum channel."""
    return isinstance(channel, discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.ForumChannel)


def may_read(channel: Readable, member: discord.Member) -> bool:
    """Whether a member reads what is written there, as far as roles and overwrites say.

    Of a private thread also its own members decide, see `readers`.
    """
    return permitted(channel)(member).is_superset(_needed(channel))


def only_sees(channel: Readable, member: discord.Member) -> bool:
    """Whether a member sees that the channel is there, and may not read what was written in it."""
    return permitted(channel)(member).view_channel and not may_read(channel, member)


def permitted(channel: Readable) -> Callable[[discord.Member], discord.Permissions]:
    """What each member may do in a channel or thread, as far as reading and managing it go.

    discord.py's own sum goes on counting a role that was deleted, as Discord does not say who had it.
    """
    place = channel.parent if isinstance(channel, discord.Thread) else channel
    if place is None:
        return lambda _: discord.Permissions.none()
    pairs = {target.id: overwrite.pair() for target, overwrite in place.overwrites.items()}

    def of(member: discord.Member) -> discord.Permissions:
        granted = member.guild_permissions
        if granted.administrator:
            return granted
        everyone = member.guild.id
        roles = [role.id for role in member.roles if role.id != everyone]
        value = granted.value
        for ids in ([everyone], roles, [member.id]):
            found = [pairs[one] for one in ids if one in pairs]
            for _, denied in found:
                value &= ~denied.value
            for allowed, _ in found:
                value |= allowed.value
        return discord.Permissions(value)

    return of


def readers(channel: Readable, thread_members: frozenset[int] = frozenset()) -> list[discord.Member]:
    """Everybody who reads a channel. Of a private thread: its members, and who manages threads."""
    reads = reading(channel, thread_members)
    return [member for member in channel.guild.members if reads(member)]


def reading(channel: Readable, thread_members: frozenset[int] = frozenset()) -> Callable[[discord.Member], bool]:
    """Whether each member reads a channel."""
    needed, permissions = _needed(channel), permitted(channel)
    is_private = is_private_thread(channel)

    def of(member: discord.Member) -> bool:
        granted = permissions(member)
        is_inside = not is_private or member.id in thread_members or granted.manage_threads
        return is_inside and granted.is_superset(needed)

    return of


def described(channel: Readable) -> Channel:
    """The channel in our words. What everybody in the guild may read is public; anything else is for its readers."""
    guild = channel.guild
    ref = ChannelRef(PLATFORM, str(guild.id), str(channel.id))
    if isinstance(channel, discord.Thread):
        parent = channel.parent.name if channel.parent is not None else ""
        return Channel(ref, f"{parent}/{channel.name}" if parent else channel.name, Visibility.PRIVATE)
    if _is_open_to_everybody(channel):
        return Channel(ref, channel.name, Visibility.PUBLIC)
    return Channel(ref, channel.name, Visibility.PRIVATE, readers=_rule(channel))


def is_private_thread(channel: object) -> bool:
    """Whether a channel is a thread that only those who were asked in can read."""
    return isinstance(channel, discord.Thread) and channel.type is PRIVATE_THREAD


def _needed(channel: Readable) -> discord.Permissions:
    parent = channel.parent if isinstance(channel, discord.Thread) else channel
    return READING_BESIDE_VOICE if parent is not None and parent.type in VOICE else READING


def _is_open_to_everybody(channel: discord.abc.GuildChannel) -> bool:
    """Everyone's own permissions suffice, and no overwrite takes them from anybody. Age-restricted is not for all."""
    needed = _needed(channel)  # type: ignore[arg-type]
    if getattr(channel, "nsfw", False) or not channel.permissions_for(channel.guild.default_role).is_superset(needed):
        return False
    taken = [
        denied
        for target, overwrite in channel.overwrites.items()
        if target != channel.guild.default_role
        for denied in [overwrite.pair()[1]]
    ]
    return not any(denied.value & needed.value for denied in taken)


def _rule(channel: discord.abc.GuildChannel) -> str:
    """Stands for the overwrites, as far as reading goes: channels with the same ones have the same readers, always."""
    needed = _needed(channel)  # type: ignore[arg-type]
    pairs = {target.id: overwrite.pair() for target, overwrite in channel.overwrites.items()}
    kept = sorted(
        (target_id, allowed.value & needed.value, denied.value & needed.value)
        for target_id, (allowed, denied) in pairs.items()
        if (allowed.value | denied.value) & needed.value
    )
    rule = [needed.value, bool(getattr(channel, "nsfw", False)), kept]
    return hashlib.sha256(json.dumps(rule).encode()).hexdigest()[:16]
