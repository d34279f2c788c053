"""What the bot asks of others. No I/O here; wiring fills these in."""

from collections.abc import Collection
from typing import Protocol

from bot.conversation import Question, Turn
from bot.errors import BotError


class MemoryUnavailable(BotError):
    """I cannot reach my memory of this conversation right now. Please try again in a minute."""


class Memory(Protocol):
    """Recent turns, kept per conversation and audience, for a limited time.

    A turn is never recalled for another audience than the one it was answered for. A question
    without a conversation has no past: nothing is recalled or remembered for it.
    Memory is a convenience: when its store is away, `recall` finds nothing and `remember` does
    nothing. `reset` and `forget_messages` are promises, so they raise `MemoryUnavailable` instead.
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
