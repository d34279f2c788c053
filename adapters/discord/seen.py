"""What a delivery of Discord tells, in small types. This file performs no I/O and never raises.

Payloads are JSON of our own making. That of a message is its record (see `messages`). That of anything else has a
record's "guild_id", "channel_id", "parent_id" and "thread_type" (`place_of`), and where it is about them also:
"id", a message's; "ids", those of many; "user_id"; "emoji" (`emoji_name`). For a thread "channel_id" is its own.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial

from adapters import fields
from adapters.discord.mentions import addresses_us, replies_to_us
from adapters.discord.messages import SAID, channel_ref, emoji_name, ref_of, snowflake
from adapters.discord.text import is_by_app
from knowledge.messages import ChannelRef, MessageRef

Record = Mapping[str, object]


MISSED = timedelta(minutes=10)
"""A question that is found later than this is old news."""


class Kind(StrEnum):
    """What a delivery is, by which its payload is read."""

    MESSAGE = "message"
    MENTION = "mention"
    REPLY = "reply"
    DIRECT = "direct"
    EDIT = "edit"
    EDIT_MENTION = "edit_mention"
    """A message that names us since it was edited just now. It may have done so before."""
    DELETE = "delete"
    BULK_DELETE = "bulk_delete"
    REACTION_ADD = "reaction_add"
    REACTION_REMOVE = "reaction_remove"
    REACTION_CLEAR = "reaction_clear"
    """Of one emoji, or without "emoji" of all."""
    CHANNEL = "channel"
    CHANNEL_DELETE = "channel_delete"
    THREAD_DELETE = "thread_delete"
    MEMBER = "member"
    ROLES = "roles"
    GUILD_REMOVE = "guild_remove"


READER_KINDS = frozenset(
    {Kind.CHANNEL, Kind.CHANNEL_DELETE, Kind.THREAD_DELETE, Kind.MEMBER, Kind.ROLES, Kind.GUILD_REMOVE}
)
"""What may change who reads what."""


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody said something in a channel or a thread."""

    record: Record


@dataclass(frozen=True, slots=True)
class Edited:
    """A message is as the record says from now on; its words may still be the same, as when a link gets a preview.

    `asks`: it names us. Whether it was a question before, the desk knows.
    """

    record: Record
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Somebody names us in a channel or a thread."""

    record: Record


@dataclass(frozen=True, slots=True)
class Replied:
    """Somebody answers a message of ours without naming us. It may be meant for others: `addresses_others`."""

    record: Record


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """Somebody talks to us alone."""

    record: Record


@dataclass(frozen=True, slots=True)
class Removed:
    """A message is gone, perhaps one of ours. `channel_id`: the channel or thread it stood in."""

    ref: MessageRef
    channel_id: str


@dataclass(frozen=True, slots=True)
class RemovedMany:
    """Messages of one channel or thread are gone at once."""

    refs: tuple[MessageRef, ...]
    channel_id: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """Somebody's reaction to a message, perhaps our own, came (`delta` 1) or went (-1); all skin tones are one."""

    ref: MessageRef
    emoji: str
    user_id: str
    delta: int


@dataclass(frozen=True, slots=True)
class ReactionsCleared:
    """All reactions to a message are gone, or those with one emoji. `stands_in`: the channel or thread it is in."""

    ref: MessageRef
    stands_in: str
    emoji: str = ""


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """A channel or private thread is new or has another name, other overwrites or members: look it up again."""

    channel: ChannelRef


@dataclass(frozen=True, slots=True)
class ChannelGone:
    """A channel no longer exists, with all its threads."""

    channel: ChannelRef


@dataclass(frozen=True, slots=True)
class ThreadGone:
    """A thread no longer exists. `channel`: where it was kept; of a private thread that is the thread itself."""

    channel: ChannelRef
    thread_id: str


@dataclass(frozen=True, slots=True)
class MemberChanged:
    """Somebody came into the guild, left it, or has another name or other roles: look them up again.

    Who `has_left` may be back by now, without the places in private threads that they had.
    """

    user_id: str
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class RolesChanged:
    """A role is new, gone or permits something else: any channel may have other readers now."""


@dataclass(frozen=True, slots=True)
class GuildGone:
    """We were removed from the guild, or it no longer exists."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do. `reason` is one of a few fixed words, fit for a log."""

    reason: str


Seen = (
    Said
    | Edited
    | Mentioned
    | Replied
    | DirectMessage
    | Removed
    | RemovedMany
    | Reaction
    | ReactionsCleared
    | ChannelSeen
    | ChannelGone
    | ThreadGone
    | MemberChanged
    | RolesChanged
    | GuildGone
    | Ignored
)


def kind_of(record: Record, bot_id: str, role_ids: Collection[str] = (), *, replied_to_us: bool = False) -> Kind | None:
    """What a new message is; None for our own, and for what no person says to us alone.

    `replied_to_us`: it answers a message of ours. Without that word, only a reply that notifies us shows it.
    """
    if snowflake(fields.record(record.get("author")), "id") == bot_id:
        return None
    is_said = fields.integer(record, "type") in SAID
    if not snowflake(record, "guild_id"):
        return Kind.DIRECT if is_said and not is_by_app(record) else None
    if is_said and addresses_us(record, bot_id, role_ids):
        return Kind.MENTION
    if is_said and (replied_to_us or replies_to_us(record, bot_id)):
        return Kind.REPLY
    return Kind.MESSAGE


def edit_id(record: Record) -> str:
    """The id of the delivery that tells of an edit: the same whether it was heard of or found in history."""
    return f"e:{snowflake(record, 'id')}:{fields.text(record, 'edited_at')}"


def read(kind: str, payload: Record) -> Seen:
    """What a delivery tells."""
    if kind not in _READERS:
        return Ignored("unknown_kind")
    needed, reader = _READERS[kind]
    if kind in {Kind.EDIT, Kind.EDIT_MENTION} and not payload.get("guild_id"):
        return Ignored("direct_edit")
    return reader(payload) if all(snowflake(payload, key) for key in needed) else Ignored("malformed")


def _removed_many(payload: Record) -> Seen:
    channel, ids = channel_ref(payload), payload.get("ids")
    found = (snowflake({"id": one}, "id") for one in (ids if isinstance(ids, list) else ()))
    refs = tuple(MessageRef(channel, message_id) for message_id in found if message_id)
    return RemovedMany(refs, snowflake(payload, "channel_id"))


def _reaction(payload: Record, delta: int) -> Seen:
    emoji = _emoji(payload)
    reaction = Reaction(ref_of(payload), emoji, snowflake(payload, "user_id"), delta)
    return reaction if emoji else Ignored("malformed")


def _member_changed(payload: Record) -> Seen:
    return MemberChanged(snowflake(payload, "user_id"), fields.flag(payload, "has_left"))


def _cleared(payload: Record) -> Seen:
    return ReactionsCleared(ref_of(payload), snowflake(payload, "channel_id"), _emoji(payload))


def _emoji(payload: Record) -> str:
    return emoji_name(fields.name(payload, "emoji"))


_A_GUILD, _A_CHANNEL, _A_MESSAGE = ("guild_id",), ("guild_id", "channel_id"), ("guild_id", "channel_id", "id")
_ANY_MESSAGE = ("channel_id", "id")
"""Of a direct conversation too: a message that is gone may have been a question, and a reaction feedback."""

_READERS: Mapping[str, tuple[tuple[str, ...], Callable[[Record], Seen]]] = {
    Kind.MESSAGE: (_A_MESSAGE, Said),
    Kind.MENTION: (_A_MESSAGE, Mentioned),
    Kind.REPLY: (_A_MESSAGE, Replied),
    Kind.DIRECT: (_ANY_MESSAGE, DirectMessage),
    Kind.EDIT: (_A_MESSAGE, Edited),
    Kind.EDIT_MENTION: (_A_MESSAGE, partial(Edited, asks=True)),
    Kind.DELETE: (_ANY_MESSAGE, lambda one: Removed(ref_of(one), snowflake(one, "channel_id"))),
    Kind.BULK_DELETE: (("channel_id",), _removed_many),
    Kind.REACTION_ADD: ((*_ANY_MESSAGE, "user_id"), partial(_reaction, delta=1)),
    Kind.REACTION_REMOVE: ((*_ANY_MESSAGE, "user_id"), partial(_reaction, delta=-1)),
    Kind.REACTION_CLEAR: (_ANY_MESSAGE, _cleared),
    Kind.CHANNEL: (_A_CHANNEL, lambda one: ChannelSeen(channel_ref(one))),
    Kind.CHANNEL_DELETE: (_A_CHANNEL, lambda one: ChannelGone(channel_ref(one))),
    Kind.THREAD_DELETE: (_A_CHANNEL, lambda one: ThreadGone(channel_ref(one), snowflake(one, "channel_id"))),
    Kind.MEMBER: ((*_A_GUILD, "user_id"), _member_changed),
    Kind.ROLES: (_A_GUILD, lambda _: RolesChanged()),
    Kind.GUILD_REMOVE: (_A_GUILD, lambda _: GuildGone()),
}
"""The ids that each kind needs, and who reads it."""
