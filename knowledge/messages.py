"""What was said, in the words of no platform. This file performs no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """One channel of one workspace (a Slack team, a Discord guild, an export's name)."""

    platform: str
    workspace: str
    channel_id: str


@dataclass(frozen=True, slots=True)
class PersonRef:
    """One account of one workspace."""

    platform: str
    workspace: str
    person_id: str


@dataclass(frozen=True, slots=True)
class MessageRef:
    """One message. Slack's `ts` stays a string: as a number it loses digits."""

    channel: ChannelRef
    message_id: str


class Version(NamedTuple):
    """Order of two states of one message: first by edit time, then by event time.

    Units: seconds since 1970; 0 where the source does not say. A row of history has no event time.
    Source: edits of one second tie on Slack, so the event time decides between them.
    """

    edited_ts: Decimal = Decimal(0)
    event_ts: Decimal = Decimal(0)


class Visibility(StrEnum):
    """Who may read a channel: every full member, its members, or two people in private."""

    PUBLIC = "public"
    PRIVATE = "private"
    DIRECT = "direct"


class PersonKind(StrEnum):
    """What an account is to its workspace."""

    MEMBER = "member"
    GUEST = "guest"
    EXTERNAL = "external"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as its platform describes it. `shared`: people of other companies are in it.

    `readers` stands for the platform's rule of who may read it, where it has one: channels with the same rule always
    have the same readers. Empty: there is no such rule.
    """

    ref: ChannelRef
    name: str
    visibility: Visibility = Visibility.PUBLIC
    shared: bool = False
    archived: bool = False
    readers: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """An account. `name` is what colleagues call the person; it labels lines and citations."""

    ref: PersonRef
    name: str
    kind: PersonKind = PersonKind.MEMBER
    active: bool = True


@dataclass(frozen=True, slots=True)
class Members:
    """The complete list of who is in a channel; it replaces what was known before."""

    channel: ChannelRef
    people: tuple[PersonRef, ...]


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """One message, its text already readable: names for mentions, names for files.

    `thread_id` is the id of the thread's first message, or the thread's own id; None in open talk.
    `posted_at` is None where the source knows no date; `seq` then gives the order, if any.
    `reactions` maps an emoji's name to how many people chose it.
    """

    ref: MessageRef
    text: str
    author: PersonRef | None = None
    author_name: str = ""
    posted_at: datetime | None = None
    seq: int | None = None
    thread_id: str | None = None
    permalink: str = ""
    version: Version = field(default_factory=Version)
    reactions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posted:
    """A message was written or edited, or read again from history: the version tells which wins."""

    message: SourceMessage


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message is gone. May arrive before the message itself."""

    ref: MessageRef


Change = Posted | Deleted


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a source that could not be used: where, and one sentence on what to mend."""

    file: str
    line: int | None
    sentence: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.sentence}"


Entry = Channel | Person | Members | Posted | Deleted | Problem
"""What an export or a platform's history consists of."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody came into a channel."""

    channel: ChannelRef
    person: PersonRef


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody left a channel, or was taken out of it."""

    channel: ChannelRef
    person: PersonRef


@dataclass(frozen=True, slots=True)
class Renamed:
    """A channel has another name."""

    channel: ChannelRef
    name: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """A channel that the bot may read no longer: closed at once, erased a day later. An archived one is only closed."""

    channel: ChannelRef
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """A channel that no longer exists."""

    channel: ChannelRef


@dataclass(frozen=True, slots=True)
class ThreadGone:
    """A thread that no longer exists, with everything in it."""

    channel: ChannelRef
    thread_id: str


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A channel that the platform keeps under another id from now on."""

    channel: ChannelRef
    new_id: str


@dataclass(frozen=True, slots=True)
class Reacted:
    """One person's reaction to a message came (`delta` 1) or went (-1)."""

    ref: MessageRef
    emoji: str
    delta: int


Happening = (
    Channel | Person | Posted | Deleted | Joined | Left | Renamed | Hidden | Gone | ThreadGone | Renumbered | Reacted
)
"""What a connected platform reports."""


def storable(text: str) -> str:
    """What PostgreSQL can keep: no NUL, and no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
