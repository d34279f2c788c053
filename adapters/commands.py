"""What a command can want, whatever platform it was typed on. No I/O."""

from dataclasses import dataclass
from datetime import datetime

from bot.orders import Order
from knowledge.messages import ChannelRef


class Misread(Exception):
    """A command that cannot be understood; the text is one sentence that says what to write."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question; only who asks will see the answer, unless it is `public`.

    `about`: the id of the message whose own text is the question, or "".
    """

    text: str
    public: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of a channel, or of its thread that begins with message `of_thread`; `since` in UTC."""

    channel: ChannelRef
    of_thread: str | None = None
    since: datetime | None = None
    public: bool = False


@dataclass(frozen=True, slots=True)
class Help:
    """What can be typed; `topic` is one subcommand, or ""."""

    topic: str = ""


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """One sentence for who typed it: what to write instead."""

    sentence: str


Typed = Ask | Summary | Help | Misunderstood | Order
"""What somebody typed, as what is wanted."""
