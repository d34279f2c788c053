"""Orders in a chat: an admin's, or anybody's about themselves. Adapters parse them, Admin carries them out. No I/O."""

from dataclasses import dataclass
from datetime import datetime

from knowledge.messages import ChannelRef, PersonRef


@dataclass(frozen=True, slots=True)
class Reindex:
    """Learn a channel again: from the platform where one is connected, else from what is stored."""

    channel: ChannelRef
    since: datetime | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a job."""

    job_id: int


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """Channels, jobs, lag, queue, model, errors."""


@dataclass(frozen=True, slots=True)
class ForgetChannel:
    """Erase everything of a channel."""

    channel: ChannelRef


@dataclass(frozen=True, slots=True)
class ForgetPerson:
    """Erase everything a person wrote."""

    person: PersonRef


@dataclass(frozen=True, slots=True)
class ForgetMessage:
    """Erase one message."""

    channel: ChannelRef
    message_id: str


@dataclass(frozen=True, slots=True)
class Configure:
    """Show a channel's settings (`key` empty), or set one."""

    channel: ChannelRef
    key: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class ShowGaps:
    """Questions that were declined or marked unhelpful, grouped."""


@dataclass(frozen=True, slots=True)
class ForgetMe:
    """Anybody: erase what I wrote, and keep nothing of me from now on."""


@dataclass(frozen=True, slots=True)
class RememberMe:
    """Anybody: from now on what I write may be kept again."""


@dataclass(frozen=True, slots=True)
class ResetConversation:
    """Anybody: forget what we talked about in a channel, or in our own conversation."""

    channel: ChannelRef


Order = (
    Reindex
    | Cancel
    | ShowStatus
    | ForgetChannel
    | ForgetPerson
    | ForgetMessage
    | Configure
    | ShowGaps
    | ForgetMe
    | RememberMe
    | ResetConversation
)

OWN_ORDERS = (ForgetMe, RememberMe, ResetConversation)
"""Orders about oneself: no admin is needed for these."""


@dataclass(frozen=True, slots=True)
class Orderer:
    """Who gives an order. `is_admin`: the platform says so now, asked of its server, not of the request."""

    person: PersonRef
    is_admin: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of an order, in lines of plain text. `job_id`: its progress can be watched."""

    lines: tuple[str, ...]
    job_id: int | None = None
