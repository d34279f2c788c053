"""One message, one channel, one user of Slack in our words, from an export or live. This file performs no I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import quote

from adapters import fields
from adapters.dates import Dates
from adapters.safety import LeftOut, Unusable
from adapters.slack.mentions import mentioned
from adapters.slack.text import Names, message_text
from knowledge.messages import (
    Channel,
    ChannelRef,
    Deleted,
    MessageRef,
    Person,
    PersonKind,
    PersonRef,
    SourceMessage,
    Version,
    Visibility,
)

PLATFORM = "slack"
SAID = frozenset({"", "file_share", "thread_broadcast", "me_message", "file_comment"})
"""Subtypes in which a person says something. Every other one is housekeeping, or a bot's."""
_TS = re.compile(r"\d{1,12}\.\d{1,9}", re.ASCII)
_SLACKBOT = "USLACKBOT"
_SHARED = ("is_shared", "is_ext_shared", "is_org_shared", "is_pending_ext_shared")


def person_from(raw: Mapping[str, object], workspace: str) -> Person | None:
    """A user; None without an id. The name is the one colleagues see."""
    if not (user_id := fields.text(raw, "id")):
        return None
    profile = fields.record(raw.get("profile"))
    name = fields.name(profile, "display_name", "real_name") or fields.name(raw, "real_name", "name") or user_id
    kind = PersonKind.MEMBER
    if fields.flag(raw, "is_bot") or user_id == _SLACKBOT:
        kind = PersonKind.BOT
    elif fields.flag(raw, "is_stranger"):
        kind = PersonKind.EXTERNAL
    elif fields.flag(raw, "is_restricted") or fields.flag(raw, "is_ultra_restricted"):
        kind = PersonKind.GUEST
    return Person(PersonRef(PLATFORM, workspace, user_id), name, kind, active=not fields.flag(raw, "deleted"))


def channel_from(raw: Mapping[str, object], workspace: str, visibility: Visibility) -> Channel | None:
    """A channel; None without an id. The list it stands in says who may read it; `is_private` may only narrow that."""
    if not (channel_id := fields.text(raw, "id")):
        return None
    if fields.flag(raw, "is_im") or fields.flag(raw, "is_mpim"):
        visibility = Visibility.DIRECT
    elif (fields.flag(raw, "is_private") or fields.flag(raw, "is_group")) and visibility is Visibility.PUBLIC:
        visibility = Visibility.PRIVATE
    return Channel(
        ref=ChannelRef(PLATFORM, workspace, channel_id),
        name=fields.name(raw, "name") or channel_id,
        visibility=visibility,
        shared=any(fields.flag(raw, key) for key in _SHARED),
        archived=fields.flag(raw, "is_archived"),
    )


@dataclass(frozen=True, slots=True)
class MessageReader:
    """What translating the messages of one channel takes. `site` is like "https://acme.slack.com".

    `us`: our bot's user. What mentions it is a question, and questions are nobody's knowledge.
    """

    channel: ChannelRef
    names: Names
    bots: frozenset[str]
    dates: Dates
    site: str
    include_bots: bool = False
    us: str = ""

    def read(self, raw: object, event_ts: str = "") -> SourceMessage | Deleted | LeftOut:
        """One message. `event_ts`: when Slack reported it; history says nothing of that.

        Errors: `Unusable` with the sentence to report.
        """
        if not isinstance(raw, dict):
            raise Unusable("A message is no JSON object; it was left out.")
        subtype = fields.text(raw, "subtype")
        if subtype in {"tombstone", "message_deleted"}:
            gone = raw.get("deleted_ts") if subtype == "message_deleted" else raw.get("ts")
            return Deleted(MessageRef(self.channel, _ts(gone)))
        by_bot = self._is_by_bot(raw, subtype)
        if by_bot and not self.include_bots:
            return LeftOut.BOT
        if subtype not in SAID and not by_bot:
            return LeftOut.HOUSEKEEPING
        if self.us and self.us in mentioned(raw):
            return LeftOut.QUESTION
        text = "" if fields.flag(raw, "hidden_by_limit") else message_text(raw, self.names)
        if not text:
            return LeftOut.EMPTY
        return self._message(raw, text, event_ts)

    def emptied(self, raw: Mapping[str, object], event_ts: str) -> SourceMessage:
        """A message of which nothing is to be kept any more, but that may be edited again. Errors: `Unusable`."""
        return self._message(raw, "", event_ts)

    def _message(self, raw: Mapping[str, object], text: str, event_ts: str) -> SourceMessage:
        ts = _ts(raw.get("ts"))
        posted_at = self.dates.from_epoch(ts)
        author_id = fields.text(raw, "user")
        channel = self.channel
        return SourceMessage(
            ref=MessageRef(channel, ts),
            text=text,
            author=PersonRef(PLATFORM, channel.workspace, author_id) if author_id else None,
            author_name=self.names.people.get(author_id) or _guest_name(raw) or author_id,
            posted_at=posted_at,
            thread_id=_thread(raw, ts),
            permalink=f"{self.site}/archives/{quote(channel.channel_id, safe='')}/p{ts.replace('.', '')}",
            version=Version(_seconds(ts_in(fields.record(raw.get("edited")), "ts")), _seconds(event_ts)),
            reactions=reactions_from(raw.get("reactions")),
        )

    def _is_by_bot(self, raw: Mapping[str, object], subtype: str) -> bool:
        """A person's message sent through an app also has a `bot_id`, but its user is no bot."""
        user_id = fields.text(raw, "user")
        return subtype == "bot_message" or user_id in self.bots or ("bot_id" in raw and not user_id)


def reactions_from(value: object) -> dict[str, int]:
    """How many people chose each emoji; skin tones count as one."""
    counts: dict[str, int] = {}
    for reaction in fields.records(value):
        name = fields.name(reaction, "name").partition("::")[0]
        users = reaction.get("users")
        count = fields.integer(reaction, "count") or (len(users) if isinstance(users, list) else 0)
        if name and count > 0:
            counts[name] = counts.get(name, 0) + count
    return counts


def ts_in(raw: Mapping[str, object], key: str) -> str:
    """A Slack time such as "1772442840.000100", or "" when there is none."""
    ts = fields.text(raw, key)
    return ts if _TS.fullmatch(ts) else ""


def _ts(value: object) -> str:
    if isinstance(value, str) and _TS.fullmatch(value):
        return value
    raise Unusable(f"A message has the time {str(value)[:40]!r}, which is no Slack time; it was left out.")


def _thread(raw: Mapping[str, object], ts: str) -> str | None:
    """A reply names its thread; a first message does too, or in old exports only counts its replies."""
    if thread := ts_in(raw, "thread_ts"):
        return thread
    return ts if fields.integer(raw, "reply_count") or raw.get("replies") else None


def _seconds(ts: str) -> Decimal:
    return Decimal(ts) if _TS.fullmatch(ts) else Decimal(0)


def _guest_name(raw: Mapping[str, object]) -> str:
    """The name a message carries itself, as those of other companies and of bots do."""
    profile = fields.record(raw.get("user_profile"))
    return fields.name(profile, "display_name", "real_name", "name") or fields.name(raw, "username")
