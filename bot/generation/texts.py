"""Texts that a model reads whole, several in a step: to embed them, or to say how well they answer a question.

This file performs no I/O and knows no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.generation.sequence import Embed, Rank, Scores, Vectors

# At most so many in one step, whatever the model.
MOST_TEXTS = 16


@dataclass(frozen=True, slots=True)
class Together:
    """How much one step reads: so many texts, of so many tokens in all; a longer text is read by itself.

    `texts` is at most `MOST_TEXTS`.
    """

    texts: int = 1
    tokens: int = 0


@dataclass(slots=True)
class Reading:
    """The texts of one request as tokens, and what the model made of those that it has read."""

    work: Embed | Rank
    tokens: list[list[int]]
    made: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether all are read."""
        return len(self.made) == len(self.tokens)

    def next(self, together: Together) -> list[list[int]]:
        """What the next step reads, in order."""
        left = self.tokens[len(self.made) :]
        return left[:1] if self.work.alone else left[: how_many([len(one) for one in left], together)]

    def result(self) -> Vectors | Scores:
        """What was asked for, once all are read."""
        if isinstance(self.work, Embed):
            return Vectors(self.work.request_id, tuple(self.made))
        return Scores(self.work.request_id, tuple(score for (score,) in self.made))


def how_many(lengths: Sequence[int], together: Together) -> int:
    """How many of these texts, from the first on, one step reads: at least one."""
    total, count = 0, 0
    for length in lengths[: together.texts]:
        total += length
        if count and total > together.tokens:
            break
        count += 1
    return count
