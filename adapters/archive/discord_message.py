"""One message and the head of one file of DiscordChatExporter in our words. This file performs no I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from adapters import fields
from adapters.archive.discord_text import message_text
from adapters.dates import EPOCH, Dates
from adapters.discord_text import Names
from adapters.safety import LeftOut, Unusable
from knowledge.messages import (
    Channel,
    ChannelRef,
    MessageRef,
    Person,
    PersonKind,
    PersonRef,
    SourceMessage,
    Version,
    Visibility,
)

PLATFORM = "discord"
NEVER = "Direct messages are never indexed; the file was left out."
_SAID = frozenset({"Default", "Reply"})
_DIRECT = frozenset({"DirectTextChat", "DirectGroupTextChat"})
_OPEN_THREADS = frozenset({"GuildPublicThread", "GuildNewsThread"})
_PRIVATE_THREAD = "GuildPrivateThread"
_ID = re.compile(r"[A-Za-z0-9]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """What a file says about itself. `thread_id` is set where the file is one open thread of its parent channel."""

    guild_id: str
    channel: Channel
    thread_id: str | None
    export_id: str


class MessageReader:
    """Translates messages; remembers who was introduced, what ids stand for and which messages were seen."""

    def __init__(self, names: Names, dates: Dates) -> None:
        self._names = names
        self._dates = dates
        self._introduced: dict[str, Person] = {}

    def read(self, raw: object, head: Head) -> tuple[Person | None, SourceMessage] | LeftOut:
        """A message and, the first time, its author. Errors: `Unusable` with the sentence to report."""
        if not isinstance(raw, dict):
            raise Unusable("A message is no JSON object; it was left out.")
        author = fields.record(raw.get("author"))
        self._learn(author, raw)
        if fields.flag(author, "isBot"):
            return LeftOut.BOT
        if fields.text(raw, "type") not in _SAID:
            return LeftOut.HOUSEKEEPING
        text = message_text(raw, self._names)
        if not text:
            return LeftOut.EMPTY
        message_id = fields.identifier(raw, "id")
        if not message_id:
            raise Unusable("A message has no id; it was left out.")
        posted_at = self._dates.from_iso(fields.text(raw, "timestamp"))
        person = _person_from(author, head.channel.ref.workspace)
        message = SourceMessage(
            ref=MessageRef(head.channel.ref, message_id),
            text=text,
            author=person.ref if person else None,
            author_name=person.name if person else "",
            posted_at=posted_at,
            thread_id=head.thread_id,
            permalink=f"https://discord.com/channels/{head.guild_id}/{head.export_id}/{message_id}",
            version=self._version(raw),
            reactions=reactions_from(raw.get("reactions")),
        )
        if person is None or self._introduced.get(person.ref.person_id) == person:
            return None, message
        self._introduced[person.ref.person_id] = person
        return person, message

    def _learn(self, author: Mapping[str, object], raw: Mapping[str, object]) -> None:
        for person in (author, *fields.records(raw.get("mentions"))):
            if person_id := fields.identifier(person, "id"):
                self._names.people[person_id] = fields.name(person, "nickname", "name") or person_id
        for role in fields.records(author.get("roles")):
            self._names.roles[fields.identifier(role, "id")] = fields.name(role, "name")

    def _version(self, raw: Mapping[str, object]) -> Version:
        if not (edited := fields.text(raw, "timestampEdited")):
            return Version()
        try:
            return Version(edited_ts=_seconds(self._dates.from_iso(edited)))
        except Unusable:
            return Version()


def reactions_from(value: object) -> dict[str, int]:
    """How many people chose each emoji, by its name or, for a standard one, its short code."""
    counts: dict[str, int] = {}
    for reaction in fields.records(value):
        emoji = fields.record(reaction.get("emoji"))
        name, count = fields.name(emoji, "code", "name"), fields.integer(reaction, "count") or 0
        if name and count > 0:
            counts[name] = counts.get(name, 0) + count
    return counts


def head_from(found: Mapping[str, object], workspace: str | None) -> Head:
    """Errors: `Unusable` for direct messages, and without ids."""
    guild, channel = fields.record(found["guild"]), fields.record(found["channel"])
    guild_id, channel_id = fields.identifier(guild, "id"), fields.identifier(channel, "id")
    kind = fields.text(channel, "type")
    if kind in _DIRECT or (guild_id == "0" and not kind.startswith("Guild")):
        raise Unusable(NEVER)
    if not (_ID.fullmatch(guild_id) and _ID.fullmatch(channel_id)):
        raise Unusable("The guild or the channel has no usable id; the file was left out.")
    name = fields.name(channel, "name") or channel_id
    parent_id = fields.identifier(channel, "categoryId")
    in_parent = kind in _OPEN_THREADS and _ID.fullmatch(parent_id) is not None
    return Head(
        guild_id=guild_id,
        channel=Channel(
            ref=ChannelRef(PLATFORM, workspace or guild_id, parent_id if in_parent else channel_id),
            name=(fields.name(channel, "category") or parent_id) if in_parent else name,
            visibility=Visibility.PRIVATE if kind == _PRIVATE_THREAD else Visibility.PUBLIC,
        ),
        thread_id=channel_id if in_parent or kind in {*_OPEN_THREADS, _PRIVATE_THREAD} else None,
        export_id=channel_id,
    )


def _person_from(author: Mapping[str, object], workspace: str) -> Person | None:
    if not (person_id := fields.identifier(author, "id")):
        return None
    kind = PersonKind.BOT if fields.flag(author, "isBot") else PersonKind.MEMBER
    return Person(PersonRef(PLATFORM, workspace, person_id), fields.name(author, "nickname", "name") or person_id, kind)


def _seconds(moment: datetime) -> Decimal:
    since = moment - EPOCH
    return Decimal(since.days * 86_400 + since.seconds) + Decimal(since.microseconds) / 1_000_000
