"""What there is, who listens, and who may do what where."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.fakes.discord import payloads, permissions
from tests.fakes.discord.log import Log
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.snowflakes import Snowflakes
from tests.fakes.slack.clock import Clock

Listener = Callable[[str, Json, str | None, str | None], None]
TOKEN = "bot-token-of-the-fake"


class State:
    """Plain dictionaries, keyed by id. Methods that look something up raise KeyError where there is nothing."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.snowflakes = Snowflakes(self.clock)
        self.token = TOKEN
        self.application_id = self.snowflakes.old()
        self.bot_user = payloads.user(self.application_id, "Threadlore", bot=True)
        self.operator = payloads.user(self.snowflakes.old(), "Medlar")
        """Who owns the application."""
        self.users: dict[str, Json] = {each["id"]: each for each in (self.bot_user, self.operator)}
        self.lists_members = True
        """Whether the privileged intent for members is switched on, which the list of members needs."""
        self.guilds: dict[str, Json] = {}
        self.unavailable: set[str] = set()
        self.members: dict[str, dict[str, Json]] = {}
        self.channels: dict[str, Json] = {}
        self.thread_members: dict[str, dict[str, Json]] = {}
        self.logs: dict[str, Log] = {}
        self.ephemerals: dict[str, tuple[str, Json]] = {}
        """Messages that one person sees: the person and the message, by the message's id."""
        self._listeners: list[Listener] = []
        self._is_silent = False

    @property
    def bot_user_id(self) -> str:
        return self.bot_user["id"]

    def listen(self, callback: Listener) -> None:
        self._listeners.append(callback)

    @contextmanager
    def silently(self) -> Iterator[None]:
        """What happens inside is told to nobody, as if the bot had been away."""
        before, self._is_silent = self._is_silent, True
        try:
            yield
        finally:
            self._is_silent = before

    def tell(self, event: str, data: Json, guild: str | None, channel: str | None = None) -> None:
        if self._is_silent or guild in self.unavailable:
            return
        for listener in self._listeners:
            listener(event, copy.deepcopy(data), guild, channel)

    def tell_in(self, event: str, channel: str, data: Json) -> None:
        """Of an event with the ids of its channel and guild added."""
        guild = self.guild_of(channel)
        where = {"channel_id": channel} | ({"guild_id": guild} if guild else {})
        self.tell(event, data | where, guild, channel)

    def guild_of(self, channel: str) -> str | None:
        return self.channels[channel].get("guild_id")

    def is_thread(self, channel: str) -> bool:
        return self.channels[channel]["type"] in payloads.THREADS

    def channels_of(self, guild: str, *, threads: bool = False) -> list[Json]:
        """The channels of a guild, or with `threads` its threads, archived ones too."""
        return [
            place
            for place in self.channels.values()
            if place.get("guild_id") == guild and (place["type"] in payloads.THREADS) == threads
        ]

    def permissions(self, guild: str | None, user: str, channel: str | None = None) -> int:
        """What somebody may do in a channel, or in the guild at large; 0 for those who are no members."""
        place = self.channels[channel] if channel is not None else None
        if place is not None and place["type"] == payloads.DM:
            return permissions.DIRECT if user in self._recipients(place) else 0
        member = self.members.get(guild or "", {}).get(user)
        if guild is None or member is None:
            return 0
        if place is None:
            return permissions.base(self.guilds[guild], member)
        if place["type"] not in payloads.THREADS:
            return permissions.in_channel(self.guilds[guild], member, place)
        parent = self.channels[place["parent_id"]]
        granted = permissions.in_channel(self.guilds[guild], member, parent, thread=True)
        is_private = place["type"] == payloads.PRIVATE_THREAD
        joined = user in self.thread_members[place["id"]] or granted & permissions.MANAGE_THREADS
        return granted if joined or not is_private else 0

    def may(self, user: str, channel: str, needed: int) -> bool:
        """Whether somebody holds all of the rights at once."""
        return self.permissions(self.guild_of(channel), user, channel) & needed == needed

    def may_read(self, user: str, channel: str) -> bool:
        """Whether somebody may see a channel and its history; where people speak, entering is needed too."""
        place = self.channels[channel]
        home = self.channels[place["parent_id"]] if self.is_thread(channel) else place
        vocal = permissions.CONNECT if home["type"] in payloads.VOCAL else 0
        return self.may(user, channel, permissions.READ | vocal)

    def readers(self, channel: str) -> set[str]:
        """Everybody who may read a channel's history, the bot and other bots included."""
        place = self.channels[channel]
        people = self._recipients(place) if place["type"] == payloads.DM else self.members[place["guild_id"]]
        return {user for user in people if self.may_read(user, channel)}

    def thread_payload(self, thread: str) -> Json:
        """A thread as the bot gets it: with its own membership where it has joined."""
        place = self.channels[thread]
        mine = self.thread_members[thread].get(self.bot_user_id)
        return place | {"member": mine} if mine is not None else place

    def active_threads(self, guild: str, user: str) -> list[Json]:
        """The threads of a guild that are not archived and that somebody may see."""
        return [
            self.thread_payload(place["id"])
            for place in self.channels_of(guild, threads=True)
            if not place["thread_metadata"]["archived"] and self.may(user, place["id"], permissions.VIEW_CHANNEL)
        ]

    @contextmanager
    def watching_bot(self, guild: str) -> Iterator[None]:
        """Where the change inside lets the bot see a channel, Discord tells it the active threads there."""
        before = self._seen_by_bot(guild)
        yield
        for channel in sorted(self._seen_by_bot(guild) - before):
            threads = [each for each in self.active_threads(guild, self.bot_user_id) if each["parent_id"] == channel]
            mine = [each["member"] for each in threads if "member" in each]
            data = {"guild_id": guild, "channel_ids": [channel], "threads": threads, "members": mine}
            self.tell("THREAD_LIST_SYNC", data, guild, channel)

    def _seen_by_bot(self, guild: str) -> set[str]:
        places = (place["id"] for place in self.channels_of(guild))
        return {place for place in places if self.may(self.bot_user_id, place, permissions.VIEW_CHANNEL)}

    def _recipients(self, place: Json) -> list[str]:
        return [self.bot_user_id, *(person["id"] for person in place["recipients"])]
