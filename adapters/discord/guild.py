"""One guild while the bot is in it: what its handlers share. Discord's own objects are looked up anew each time."""

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import discord

from adapters.discord.calls import Calls
from adapters.discord.permissions import Readable, described, is_private_thread, may_read, readers
from adapters.discord.places import PLATFORM
from adapters.discord_text import Names
from adapters.tasks import Tasks
from bot.desk import Desk
from knowledge.errors import ChannelUnreadable, SourceUnavailable
from knowledge.messages import Channel, ChannelRef, Members, Person, PersonKind, PersonRef

UNREADABLE = (
    "The bot may not read this channel. Give it View Channel and Read Message History there (in a voice channel also "
    "Connect), then reindex."
)
AWAY = "Discord is not connected right now."


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say of the bot."""

    admins: frozenset[str] = frozenset()
    answer_bots: bool = True
    read_files: bool = False


@dataclass(frozen=True, slots=True)
class Guild:
    """A guild by its id. What Discord says of it comes from the client's cache, which the gateway keeps true.

    `unheard`: the shards whose connection is down now: what the cache says of their guilds proves nothing.
    """

    guild_id: int
    client: discord.Client
    calls: Calls
    desk: Desk
    options: Options
    unheard: AbstractSet[int] = frozenset()
    tasks: Tasks = field(default_factory=Tasks)
    gap: asyncio.Event = field(default_factory=asyncio.Event)
    private_threads: dict[int, "PrivateThread"] = field(default_factory=dict)
    """As last read, which every change of their members makes us do. The client's cache forgets archived ones."""
    readers: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from looking at the cache until what it says of readers is kept: an older look must not come last."""

    @property
    def workspace(self) -> str:
        """Its id in our words."""
        return str(self.guild_id)

    @property
    def guild(self) -> discord.Guild:
        """As Discord describes it now. Errors: `SourceUnavailable` while that is not known."""
        guild = self.client.get_guild(self.guild_id)
        is_away = guild is None or guild.unavailable or not self.client.is_ready() or self.client.is_closed()
        if guild is None or is_away or guild.shard_id in self.unheard:
            raise SourceUnavailable(AWAY)
        return guild

    @property
    def names(self) -> Names:
        """What ids stand for, as Discord says now. Errors: `SourceUnavailable`."""
        guild = self.guild
        people, channels = _Known(guild.get_member, "display_name"), _Known(guild.get_channel_or_thread)
        return Names(people, _Known(guild.get_role), channels)

    @property
    def bot_id(self) -> str:
        """Our account."""
        return str(self.client.user.id) if self.client.user is not None else ""

    @property
    def role_ids(self) -> list[str]:
        """The role that Discord made for the bot: naming it is naming the bot. Errors: `SourceUnavailable`."""
        role = self.guild.self_role
        return [str(role.id)] if role is not None else []

    def channel(self, channel_id: int | str) -> ChannelRef:
        """A channel of this guild."""
        return ChannelRef(PLATFORM, self.workspace, str(channel_id))

    def person(self, user_id: int | str) -> PersonRef:
        """An account of this guild."""
        return PersonRef(PLATFORM, self.workspace, str(user_id))

    async def find(self, channel_id: str) -> Readable:
        """A channel or thread that the bot may read. Errors: `ChannelUnreadable`, `SourceUnavailable`."""
        guild = self.guild
        if not channel_id.isdecimal():
            raise ChannelUnreadable(UNREADABLE)
        found = guild.get_channel_or_thread(int(channel_id)) or await self._fetched(guild, int(channel_id))
        if not isinstance(found, Readable) or not may_read(found, guild.me):
            raise ChannelUnreadable(UNREADABLE)
        return found

    async def describe(self, ref: ChannelRef) -> Channel:
        """A channel as it is now. Errors: as `find`."""
        return described(await self.find(ref.channel_id))

    async def members(self, ref: ChannelRef) -> Members:
        """Everybody who reads a channel. Errors: as `find`."""
        channel = await self.find(ref.channel_id)
        if not channel.guild.chunked:
            await channel.guild.chunk()
        inside: frozenset[int] = frozenset()
        if isinstance(channel, discord.Thread) and is_private_thread(channel):
            with translated():
                inside = frozenset(one.id for one in await channel.fetch_members())
            self.private_threads[channel.id] = PrivateThread(channel, inside)
        return Members(ref, tuple(self.person(member.id) for member in readers(channel, inside)))

    async def describe_person(self, ref: PersonRef) -> Person:
        """One account; one that is no member any more is not active. Errors: `SourceUnavailable`."""
        guild = self.guild
        member = guild.get_member(int(ref.person_id)) if ref.person_id.isdecimal() else None
        if member is None:
            return Person(ref, ref.person_id, active=False)
        return person_of(member)

    def has(self, user_id: str) -> bool:
        """Whether somebody is a member. Errors: `SourceUnavailable`."""
        return user_id.isdecimal() and self.guild.get_member(int(user_id)) is not None

    async def is_admin(self, user_id: int | str) -> bool:
        """Whether somebody may give an admin's orders, by the settings or because they manage the guild now."""
        if str(user_id) in self.options.admins:
            return True
        try:
            member = self.guild.get_member(int(user_id))
        except SourceUnavailable:
            return False
        return member is not None and member.guild_permissions.manage_guild

    async def _fetched(self, guild: discord.Guild, channel_id: int) -> object:
        """Archived threads are not in the cache."""
        with translated():
            return await guild.fetch_channel(channel_id)


@dataclass(frozen=True, slots=True)
class PrivateThread:
    """A thread that only those read who were asked in, by their ids, or who manage threads."""

    thread: discord.Thread
    members: frozenset[int]


class _Known(dict[str, str]):
    """Names by id, looked up in discord.py's cache when they are needed."""

    def __init__(self, find: Callable[[int], object], attribute: str = "name") -> None:
        super().__init__()
        self._find = find
        self._attribute = attribute

    def __missing__(self, key: str) -> str:
        found = self._find(int(key)) if key.isdecimal() else None
        if found is None:
            raise KeyError(key)
        return str(getattr(found, self._attribute))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.isdecimal() and self._find(int(key)) is not None

    def get(self, key: str, default: Any = None) -> Any:
        """As of any mapping."""
        try:
            return self[key]
        except KeyError:
            return default


class translated:  # noqa: N801  # reads as a statement: with translated()
    """Turns discord.py's errors into ours, cause kept."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, discord.Forbidden | discord.NotFound):
            raise ChannelUnreadable(UNREADABLE) from error
        if isinstance(error, discord.DiscordException | OSError | TimeoutError):
            raise SourceUnavailable(f"Discord does not answer ({type(error).__name__}).") from error


def person_of(member: discord.Member) -> Person:
    """A member in our words."""
    ref = PersonRef(PLATFORM, str(member.guild.id), str(member.id))
    return Person(ref, member.display_name, PersonKind.BOT if member.bot else PersonKind.MEMBER)
