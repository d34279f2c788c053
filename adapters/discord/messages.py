"""One message of Discord: as the record that is kept of it, and in our words.

Only `record_of` and `place_of` know discord.py; everything else reads records, performs no I/O and raises `Unusable`
at most. A record's "id", "guild_id", "channel_id", "parent_id" and "thread_type" say where the message stands; records
of what happened to one have the same keys.
"""

import re
from collections import ChainMap, Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import discord

from adapters import fields
from adapters.dates import EPOCH, Dates
from adapters.discord.mentions import addresses_us, replies_to_us
from adapters.discord.places import PLATFORM
from adapters.discord.text import is_by_app, message_text
from adapters.discord_text import Names
from adapters.safety import LeftOut, Unusable
from knowledge.messages import ChannelRef, MessageRef, Person, PersonKind, PersonRef, SourceMessage, Version

SAID = frozenset({0, 19, 20, 23})
"""Types of messages in which somebody says something: plain ones, replies, and apps' answers to commands."""
_HAS_THREAD = 1 << 5
_ID = re.compile(r"\d{1,20}", re.ASCII)
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")


# ---- from discord.py ------------------------------------------------------------------------------


def place_of(channel_id: int, guild_id: int | None, channel: object) -> dict[str, str]:
    """Where something stands, as part of a record. `channel`: what discord.py knows of that channel or thread."""
    place = {"guild_id": str(guild_id or ""), "channel_id": str(channel_id), "parent_id": "", "thread_type": ""}
    if isinstance(channel, discord.Thread):
        place |= {"parent_id": str(channel.parent_id), "thread_type": "private" if channel.is_private() else "public"}
    return place


def record_of(message: discord.Message) -> dict[str, object]:
    """What is kept of a message until it is handled, live or from history: JSON, with ids as strings."""
    channel, author = message.channel, message.author
    guild_id = message.guild.id if message.guild else getattr(channel, "guild_id", None)
    replied = message.reference if message.type is discord.MessageType.reply else None
    return {
        **place_of(channel.id, guild_id, channel),
        **_content_of(message),
        "id": str(message.id),
        "thread_name": channel.name if isinstance(channel, discord.Thread) else "",
        "type": int(message.type.value),
        "author": {
            "id": str(author.id),
            "name": author.display_name,
            "bot": author.bot,
            "webhook": message.webhook_id is not None,
        },
        "created_at": message.created_at.isoformat(),
        "edited_at": message.edited_at.isoformat() if message.edited_at else "",
        "reply_to": str(replied.message_id or "") if replied else "",
        "mentions": {str(user.id): user.display_name for user in message.mentions},
        "role_mentions": {str(role.id): role.name for role in message.role_mentions},
        "channel_mentions": {str(one.id): one.name for one in message.channel_mentions},
        "poll": _poll_of(message.poll),
        "reactions": _reactions_of(message),
        "forwarded": [_content_of(snapshot) for snapshot in message.message_snapshots],
    }


def emoji_name(emoji: object) -> str:
    """What an emoji is called: a standard one is its own name; all skin tones are one."""
    return _SKIN_TONES.sub("", emoji if isinstance(emoji, str) else str(getattr(emoji, "name", None) or ""))


def _reactions_of(message: discord.Message) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for reaction in message.reactions:
        counts[emoji_name(reaction.emoji)] += reaction.count
    return dict(counts)


def _content_of(message: discord.Message | discord.MessageSnapshot) -> dict[str, object]:
    return {
        "content": message.content,
        "attachments": [
            {
                "name": file.filename,
                "title": file.title or "",
                "description": file.description or "",
                "content_type": file.content_type or "",
                "size": file.size,
                "url": file.url,
            }
            for file in message.attachments
        ],
        "embeds": [
            {
                "title": embed.title or "",
                "description": embed.description or "",
                "author": embed.author.name or "",
                "url": embed.url or "",
                "type": embed.type,
            }
            for embed in message.embeds
        ],
        "stickers": [sticker.name for sticker in message.stickers],
        "flags": message.flags.value,
    }


def _poll_of(poll: discord.Poll | None) -> dict[str, object] | None:
    return {"question": poll.question, "answers": [answer.text for answer in poll.answers]} if poll else None


# ---- in our words ---------------------------------------------------------------------------------


def snowflake(record: Mapping[str, object], key: str) -> str:
    """An id of Discord's, or ""."""
    value = fields.identifier(record, key)
    return value if _ID.fullmatch(value) else ""


def channel_ref(record: Mapping[str, object]) -> ChannelRef:
    """The channel a message is kept in: an open thread is part of its parent, a private one is a channel of its own."""
    parent_id = snowflake(record, "parent_id") if record.get("thread_type") == "public" else ""
    return ChannelRef(PLATFORM, snowflake(record, "guild_id"), parent_id or snowflake(record, "channel_id"))


def thread_of(record: Mapping[str, object]) -> str | None:
    """The thread a message belongs to, its first message included; None in open talk and in a private thread."""
    if record.get("thread_type") == "public":
        return snowflake(record, "channel_id") or None
    is_start = not record.get("thread_type") and (fields.integer(record, "flags") or 0) & _HAS_THREAD
    return (snowflake(record, "id") or None) if is_start else None


def ref_of(record: Mapping[str, object]) -> MessageRef:
    """The message that a record is of, or tells of."""
    return MessageRef(channel_ref(record), snowflake(record, "id"))


def edited_at(record: Mapping[str, object], dates: Dates) -> datetime:
    """When a message was last edited; 1970 for what never was."""
    with suppress(Unusable):
        return dates.from_iso(fields.text(record, "edited_at"))
    return EPOCH


def author_of(record: Mapping[str, object]) -> Person | None:
    """Who wrote a message, by the name it had then; None for a webhook, which is no account."""
    author = fields.record(record.get("author"))
    author_id = snowflake(author, "id")
    if not author_id or fields.flag(author, "webhook"):
        return None
    kind = PersonKind.BOT if fields.flag(author, "bot") else PersonKind.MEMBER
    ref = PersonRef(PLATFORM, snowflake(record, "guild_id"), author_id)
    return Person(ref, fields.name(author, "name") or author_id, kind)


@dataclass(frozen=True, slots=True)
class MessageReader:
    """What translating messages takes. `us` and `our_roles`: our bot's account, and the role Discord made for it.

    What mentions us is a question, and questions are nobody's knowledge. `names` adds to those a message brings along.
    """

    names: Names
    dates: Dates
    us: str = ""
    our_roles: frozenset[str] = frozenset()
    include_bots: bool = False

    def read(self, record: object, *, is_edit: bool = False) -> SourceMessage | LeftOut:
        """One message. `is_edit`: Discord just reported that it was edited; history and new messages say nothing of it.

        Errors: `Unusable` with the sentence to report.
        """
        if not isinstance(record, dict):
            raise Unusable("A message is no JSON object; it was left out.")
        if reason := self._left_out(record):
            return reason
        text = message_text(record, self._names(record))
        return self._message(record, text, is_edit=is_edit) if text else LeftOut.EMPTY

    def emptied(self, record: Mapping[str, object]) -> SourceMessage:
        """An edited message of which nothing is kept any more, but that may be edited again. Errors: `Unusable`."""
        return self._message(record, "", is_edit=True)

    def _left_out(self, record: Mapping[str, object]) -> LeftOut | None:
        is_ours = bool(self.us) and snowflake(fields.record(record.get("author")), "id") == self.us
        is_question = bool(self.us) and (
            addresses_us(record, self.us, self.our_roles) or replies_to_us(record, self.us)
        )
        reasons = (
            (not snowflake(record, "guild_id"), LeftOut.DIRECT),
            (is_ours or (is_by_app(record) and not self.include_bots), LeftOut.BOT),
            (fields.integer(record, "type") not in SAID, LeftOut.HOUSEKEEPING),
            (is_question, LeftOut.QUESTION),
        )
        return next((reason for holds, reason in reasons if holds), None)

    def _message(self, record: Mapping[str, object], text: str, *, is_edit: bool) -> SourceMessage:
        ref, stands_in = ref_of(record), snowflake(record, "channel_id")
        if not ref.message_id or not stands_in:
            raise Unusable("A message has no id or no channel; it was left out.")
        author = author_of(record)
        known = self.names.people.get(author.ref.person_id) if author else None
        edited = Decimal(f"{edited_at(record, self.dates).timestamp():.6f}")
        return SourceMessage(
            ref=ref,
            text=text,
            author=author.ref if author else None,
            author_name=known or (author.name if author else fields.name(fields.record(record.get("author")), "name")),
            posted_at=self.dates.from_iso(fields.text(record, "created_at")),
            thread_id=thread_of(record),
            permalink=f"https://discord.com/channels/{ref.channel.workspace}/{stands_in}/{ref.message_id}",
            version=Version(edited, edited if is_edit else Decimal(0)),
            reactions=reactions_from(record.get("reactions")),
        )

    def _names(self, record: Mapping[str, object]) -> Names:
        return Names(
            ChainMap(_named(record.get("mentions")), self.names.people),
            ChainMap(_named(record.get("role_mentions")), self.names.roles),
            ChainMap(_named(record.get("channel_mentions")), self.names.channels),
        )


def reactions_from(value: object) -> dict[str, int]:
    """How many people chose each emoji."""
    counts: dict[str, int] = {}
    given = fields.record(value)
    for key in given:
        name, count = emoji_name(fields.one_line(key)), fields.integer(given, key) or 0
        if name and count > 0:
            counts[name] = counts.get(name, 0) + count
    return counts


def _named(value: object) -> dict[str, str]:
    given = fields.record(value)
    return {key: name for key in given if (name := fields.name(given, key))}
