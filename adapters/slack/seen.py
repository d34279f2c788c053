"""What an event of Slack tells, in small types. This file performs no I/O.

`raw` is always a message or a user as Slack sent it; `MessageReader` and `person_from` turn it into our words.
A `ts` is a message's id in its channel. `channel_type` is Slack's word ("channel", "group", "im", "mpim"), or "".
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody said something in a channel. `by_bot`: an app, as far as the message itself shows."""

    channel_id: str
    ts: str
    raw: Mapping[str, object]
    event_ts: str
    channel_type: str = ""
    by_bot: bool = False


@dataclass(frozen=True, slots=True)
class Edited:
    """What a message says was changed; `raw` is the message as it is now."""

    channel_id: str
    ts: str
    raw: Mapping[str, object]
    event_ts: str
    channel_type: str = ""
    by_bot: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """A message is gone. Of a direct conversation too: it may have been a question."""

    channel_id: str
    ts: str
    channel_type: str = ""


@dataclass(frozen=True, slots=True)
class OwnRemoved:
    """Somebody removed a message of ours."""

    channel_id: str
    ts: str


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Somebody asks us in a channel. The same mention may come twice: by (channel_id, ts) it is one.

    `text` still holds the mention. `bot_id`: sent through an app, by a bot unless `user_id` is a person.
    `edited`: Slack reports a mention anew after each edit of its message.
    """

    channel_id: str
    ts: str
    thread_ts: str | None
    user_id: str
    text: str
    raw: Mapping[str, object]
    bot_id: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """Somebody talks to us alone."""

    channel_id: str
    ts: str
    thread_ts: str | None
    user_id: str
    text: str
    raw: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class MemberIn:
    """Somebody, or we (`is_us`), came into a channel."""

    channel_id: str
    user_id: str
    is_us: bool = False


@dataclass(frozen=True, slots=True)
class MemberOut:
    """Somebody, or we (`is_us`), left a channel."""

    channel_id: str
    user_id: str
    is_us: bool = False


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """A channel is new, renamed, back from the archive, shared or shared no more: look it up again."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelHidden:
    """A channel was archived, or (`is_us`) we are no longer in it."""

    channel_id: str
    is_us: bool = False


@dataclass(frozen=True, slots=True)
class ChannelDeleted:
    """A channel no longer exists."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class MadePrivate:
    """From now on only members read the channel."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class MadePublic:
    """From now on everybody in the workspace reads the channel."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A channel has another id from now on."""

    old_id: str
    new_id: str


@dataclass(frozen=True, slots=True)
class UserChanged:
    """Somebody is new, has another name or another role, or was deactivated."""

    raw: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reaction:
    """Somebody's reaction to a message came (`delta` 1) or went (-1); all skin tones are one emoji."""

    channel_id: str
    ts: str
    emoji: str
    user_id: str
    delta: int


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """Somebody opened our home ("home") or the talk with us ("messages"). `viewing`: the channel beside it, or ""."""

    user_id: str
    channel_id: str
    tab: str
    viewing: str = ""


@dataclass(frozen=True, slots=True)
class ContextChanged:
    """Somebody looks at another channel (`viewing`, or "") beside the talk with us; Slack may not say who."""

    user_id: str
    channel_id: str
    viewing: str


@dataclass(frozen=True, slots=True)
class AppUninstalled:
    """We were removed from the workspace."""


@dataclass(frozen=True, slots=True)
class TokensRevoked:
    """Our bot's token works no longer."""


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Slack held back events in this minute, in seconds since 1970: history must be read again from then on."""

    minute: int | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do. `reason` is one of a few fixed words, fit for a log."""

    reason: str


Seen = (
    Said
    | Edited
    | Removed
    | OwnRemoved
    | Mentioned
    | DirectMessage
    | MemberIn
    | MemberOut
    | ChannelSeen
    | ChannelHidden
    | ChannelDeleted
    | MadePrivate
    | MadePublic
    | Renumbered
    | UserChanged
    | Reaction
    | HomeOpened
    | ContextChanged
    | AppUninstalled
    | TokensRevoked
    | RateLimited
    | Ignored
)
