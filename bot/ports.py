"""What the bot asks of others. No I/O here; wiring fills these in."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from bot.conversation import Answer, Delivery, Question, Request, Turn
from bot.errors import BotError
from knowledge.messages import ChannelRef, PersonRef


class MemoryUnavailable(BotError):
    """I cannot reach my memory of this conversation right now. Please try again in a minute."""


class Memory(Protocol):
    """Recent turns, kept per conversation and audience, for a limited time.

    A turn is never recalled for another audience than the one it was answered for. A question
    without a conversation has no past: nothing is recalled or remembered for it.
    Memory is a convenience: when its store is away, `recall` finds nothing and `remember` does
    nothing. `reset`, `forget_messages` and `forget_everything` are promises, so they raise
    `MemoryUnavailable` instead.
    """

    async def recall(self, question: Question) -> tuple[Turn, ...]:
        """The turns before this question, oldest first."""

    async def remember(self, question: Question, turn: Turn) -> None:
        """Keep a turn; the oldest ones make room. The same turn again takes its own place.

        A turn that used a message just forgotten is not kept.
        """

    async def reset(self, question: Question) -> int:
        """Forget this question's conversation, for its audience; returns the number of turns dropped."""

    async def forget_messages(self, message_keys: Collection[str]) -> int:
        """Drop every turn, of any conversation, that used any of these messages; returns their number."""

    async def forget_everything(self) -> None:
        """Drop every turn of every conversation."""


class RateLimiter(Protocol):
    """How much may be asked by one person, in one channel, in one workspace.

    Limits protect the others: when their store is away, this process counts by itself, and nobody waits or is refused
    because of that.
    """

    async def hit(self, asker: PersonRef | None, channel: ChannelRef | None) -> None:
        """Counts one question or order. Errors: `RateLimited`, and then it is to be left out.

        The error tells whether this is the first refusal in its window, which the person is to hear of.
        """
        ...


DeliveryHandler = Callable[[Delivery], Awaitable[None]]
"""Handles one delivery to its end. What it raises is tried again."""


class Inbox(Protocol):
    """Accepted deliveries. What `accept` has returned for is never lost, and is handled at least once."""

    async def accept(self, delivery: Delivery) -> bool:
        """Keeps a delivery; False when it was known. Errors: `KnowledgeUnavailable`, and then nothing was kept."""
        ...


class Reply(Protocol):
    """One visible answer while it comes into being. Made for one request; every method may be called in any order.

    Errors: `ReplyLost` when the place it belongs to is gone: nobody can be told any more.
    """

    async def waiting(self, place: int) -> None:
        """Work has begun (0), or so many questions are before this one. The first call is the first visible sign."""
        ...

    async def write(self, text: str) -> None:
        """The text so far, harmless Markdown. Shown when the platform's pace allows."""
        ...

    async def finish(self, answer: Answer) -> None:
        """The whole answer, with its sources."""
        ...

    async def fail(self, sentence: str) -> None:
        """What went wrong, in a sentence for the asker."""
        ...

    @property
    def places(self) -> tuple[str, ...]:
        """Ids of the messages that show it, as far as they are known; kept, so that they can be found again."""
        ...


class Platform(Protocol):
    """A connected platform, as far as answers go."""

    name: str

    @property
    def reader_kinds(self) -> Collection[str]:
        """The kinds of its deliveries that tell who may read what: no question overtakes those that came first."""
        ...

    async def reply_to(self, request: Request, places: Sequence[str], *, resumed: bool) -> Reply:
        """The reply to a request. `resumed`: an earlier try may have posted something; it is found and taken over."""
        ...

    async def question(self, request: Request) -> Question:
        """The request as a question: its text without the bot's name, what its thread just said, its audience."""
        ...

    async def offer_privately(self, request: Request) -> None:
        """Tells the asker alone that there is more for their eyes only, and how to see it."""
        ...

    async def withdraw(self, request: Request, places: Sequence[str]) -> None:
        """Replaces a posted answer by a notice, because a message it quotes was deleted."""
        ...


class ReplyLost(BotError):
    """The conversation this answer belongs to is gone."""


class DocumentReader(Protocol):
    """Makes text of attached files. A file that cannot be read is None, never an error."""

    async def text_of(self, name: str, mime: str, data: bytes) -> str | None:
        """The text of one file."""
        ...
