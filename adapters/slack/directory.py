"""Who is who and what is what in one workspace: names for texts, facts for the question of who may read what."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import structlog

from adapters import fields
from adapters.slack.calls import Calls, Lane, SlackRefused, unreadable
from adapters.slack.messages import PLATFORM, channel_from, person_from
from adapters.slack.text import Names
from bot.upkeep import Upkeep
from knowledge.errors import ChannelUnreadable, KnowledgeError, SourceUnavailable
from knowledge.messages import Channel, ChannelRef, Hidden, Members, Person, PersonRef, Visibility

log = structlog.get_logger()

PAGE = 500
# A conversation is looked up again when it is asked in after this long: it may have been shared or made private.
CHANNEL_SECONDS = 60.0
# So long it is what it was for the messages that are written there.
KNOWN_SECONDS = 300.0
# A question waits no longer than this for Slack's leave to look something up; then what is not known counts as closed.
PATIENCE_SECONDS = 3.0
CONVERSATIONS = "public_channel,private_channel"


class Directory:
    """People and channels of one workspace, as Slack describes them. What it learns, it reports to `upkeep`."""

    def __init__(self, calls: Calls, workspace: str, upkeep: Upkeep) -> None:
        self._calls = calls
        self._workspace = workspace
        self._upkeep = upkeep
        self._people: dict[str, Person] = {}
        self._person_names: dict[str, str] = {}
        self._channels: dict[str, tuple[float, Channel]] = {}
        self._channel_names: dict[str, str] = {}
        self._raw_people: dict[str, dict[str, object]] = {}
        self._external: set[str] = set()
        self._joined: set[str] = set()

    @property
    def names(self) -> Names:
        """What ids in a text stand for, as far as known."""
        return Names(self._person_names, self._channel_names)

    @property
    def bots(self) -> frozenset[str]:
        """The accounts that are bots."""
        return frozenset(pid for pid, person in self._people.items() if person.kind.value == "bot")

    def channel_id(self, name: str) -> str | None:
        """The id of the channel of that name."""
        wanted = name.removeprefix("#").lower()
        return next((cid for cid, known in self._channel_names.items() if known.lower() == wanted), None)

    def public_channel_id(self, name: str) -> str | None:
        """As `channel_id`, of public channels only."""
        found = self.channel_id(name)
        _, channel = self._channels.get(found or "", (0.0, None))
        return found if channel is not None and channel.visibility is Visibility.PUBLIC else None

    def person_id(self, name: str) -> str | None:
        """The id of the one person of that name."""
        wanted = name.removeprefix("@").lower()
        found = [pid for pid, person in self._people.items() if person.name.lower() == wanted]
        return found[0] if len(found) == 1 else None

    def is_external(self, channel_id: str) -> bool:
        """Whether people of other companies are in it."""
        return channel_id in self._external

    def is_in(self, channel_id: str) -> bool:
        """Whether the bot is in it, as Slack said last."""
        return channel_id in self._joined

    async def sync(self) -> list[Channel]:
        """Reads everybody and every channel, and ends those that the bot is no longer in. Returns those it is in.

        Errors: `SourceUnavailable`.
        """
        await self._read_people()
        found: dict[str, Channel] = {}
        async for page in self._pages("conversations_list", "channels", limit=PAGE, types=CONVERSATIONS):
            for raw in page:
                if (channel := self._keep_channel(raw)) is None:
                    continue
                if fields.flag(raw, "is_member") and not channel.archived:
                    found[channel.ref.channel_id] = channel
        for known in await self._upkeep.joined(PLATFORM, self._workspace):
            if known.ref.channel_id not in found:
                await self._end_if_left(known.ref)
        return list(found.values())

    async def _read_people(self) -> None:
        """Everybody at once. Where Slack gives no list, people are looked up one by one as they are met."""
        try:
            async for page in self._pages("users_list", "members", limit=PAGE):
                await self._upkeep.observe([person for raw in page if (person := self._keep_person(raw))])
        except KnowledgeError as error:
            if not isinstance(error.__cause__, SlackRefused):
                raise
            log.warning("people_not_listed", adapter="slack", error=type(error).__name__)

    async def _end_if_left(self, ref: ChannelRef) -> None:
        """Asked once more: the bot may have come into the channel while the list was read."""
        is_archived = False
        try:
            is_archived = (await self.look_up(ref.channel_id, again=True)).archived
            if self.is_in(ref.channel_id) and not is_archived:
                return
        except ChannelUnreadable:
            pass
        await self._upkeep.observe([Hidden(ref, is_archived)])
        log.info("channel_left", channel_id=ref.channel_id)

    async def known(self, channel_id: str) -> Channel:
        """A conversation, looked up now and then only: Slack allows 50 such calls a minute, which questions need.

        Errors: as `look_up`, where it was never described.
        """
        at, known = self._channels.get(channel_id, (0.0, None))
        if known is not None and time.monotonic() - at < KNOWN_SECONDS:
            return known
        try:
            return await self.look_up(channel_id)
        except SourceUnavailable:
            if known is None:
                raise
            return known

    async def look_up(self, channel_id: str, *, again: bool = False) -> Channel:
        """A conversation as Slack describes it, at most a minute ago.

        Errors: `ChannelUnreadable`, `SourceUnavailable`.
        """
        at, known = self._channels.get(channel_id, (0.0, None))
        if known is not None and not again and time.monotonic() - at < CHANNEL_SECONDS:
            return known
        raw = await self._asked("conversations_info", channel=channel_id)
        channel = self._keep_channel(fields.record(raw.get("channel")))
        if channel is None:
            raise SourceUnavailable("Slack described a channel without an id.")
        if channel.visibility is not Visibility.DIRECT:
            await self._upkeep.observe([channel])
        return channel

    async def know_people(self, people: Iterable[str]) -> None:
        """Looks up those that are not known yet. One who cannot be looked up keeps an id for a name."""
        unknown = [person for person in dict.fromkeys(people) if person and person not in self._people]
        found = await asyncio.gather(*(self._try_person(person) for person in unknown[:PAGE]))
        await self._upkeep.observe([person for person in found if person is not None])

    async def is_admin(self, person_id: str) -> bool:
        """Whether Slack says, asked now, that this person administers the workspace. Unknown means no."""
        try:
            raw = await self._asked("users_info", user=person_id)
        except KnowledgeError:
            return False
        user = fields.record(raw.get("user"))
        self._keep_person(user)
        is_gone = fields.flag(user, "deleted") or fields.flag(user, "is_restricted")
        return not is_gone and (fields.flag(user, "is_admin") or fields.flag(user, "is_owner"))

    async def time_offset(self, person_id: str) -> int:
        """Seconds that this person's clock is ahead of UTC, for words such as "yesterday"."""
        if person_id not in self._raw_people:
            await self.know_people([person_id])
        return fields.integer(self._raw_people.get(person_id, {}), "tz_offset") or 0

    def describe(self, raw: dict[str, object]) -> Person | None:
        """Takes in what an event says of an account."""
        return self._keep_person(raw)

    async def members(self, channel: ChannelRef) -> Members:
        """Everybody in a channel, asked now. Errors: `ChannelUnreadable`, `SourceUnavailable`."""
        people: list[str] = []
        async for page in self._pages("conversations_members", "members", channel=channel.channel_id, limit=PAGE):
            people += [person for person in page if isinstance(person, str)]
        await self.know_people(people)
        return Members(channel, tuple(PersonRef(PLATFORM, self._workspace, person) for person in people))

    async def person(self, ref: PersonRef) -> Person:
        """One account, asked now. Errors: `SourceUnavailable`."""
        raw = await self._asked("users_info", user=ref.person_id)
        person = self._keep_person(fields.record(raw.get("user")))
        if person is None:
            raise SourceUnavailable("Slack described an account without an id.")
        return person

    async def channel(self, ref: ChannelRef) -> Channel:
        """One channel, asked now. Errors: `ChannelUnreadable`, `SourceUnavailable`."""
        return await self.look_up(ref.channel_id, again=True)

    async def _try_person(self, person_id: str) -> Person | None:
        try:
            return await self.person(PersonRef(PLATFORM, self._workspace, person_id))
        except KnowledgeError as error:
            log.warning("person_unknown", person_id=person_id, error=type(error).__name__)
            return None

    async def _asked(self, method: str, **args: Any) -> Any:
        try:
            return await self._calls.read(method, patience=PATIENCE_SECONDS, **args)
        except SlackRefused as error:
            raise unreadable(error) from error

    async def _pages(self, method: str, key: str, **args: Any) -> AsyncIterator[list[Any]]:
        """Every page of a list. The end is an empty cursor, not a short page."""
        cursor = ""
        patience = PATIENCE_SECONDS if key == "members" and "channel" in args else None
        while True:
            try:
                answer = await self._calls.read(
                    method, lane=Lane.LIVE, patience=patience, **args, **({"cursor": cursor} if cursor else {})
                )
            except SlackRefused as error:
                raise unreadable(error) from error
            found = answer.get(key)
            yield found if isinstance(found, list) else []
            cursor = fields.text(fields.record(answer.get("response_metadata")), "next_cursor")
            if not cursor:
                return

    def _keep_person(self, raw: object) -> Person | None:
        described = fields.record(raw)
        person = person_from(described, self._workspace)
        if person is not None:
            self._people[person.ref.person_id] = person
            self._person_names[person.ref.person_id] = person.name
            self._raw_people[person.ref.person_id] = {"tz_offset": described.get("tz_offset")}
        return person

    def _keep_channel(self, raw: object) -> Channel | None:
        described = fields.record(raw)
        channel = channel_from(described, self._workspace, Visibility.PUBLIC)
        if channel is not None:
            self._channels[channel.ref.channel_id] = (time.monotonic(), channel)
            self._channel_names[channel.ref.channel_id] = channel.name
            if "is_member" in described:
                (self._joined.add if fields.flag(described, "is_member") else self._joined.discard)(
                    channel.ref.channel_id
                )
            if fields.flag(described, "is_ext_shared") or fields.flag(described, "is_pending_ext_shared"):
                self._external.add(channel.ref.channel_id)
            else:
                self._external.discard(channel.ref.channel_id)
        return channel
