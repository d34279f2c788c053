"""How fast a model reads and writes, by its own answers, and how long a prompt may be for that. No I/O."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import log
from statistics import median

from bot.generation.sequence import Finished

RECENT = 9
# A seed counts as two answers: the first one after a start, which also brings the model's pages in, does not decide.
SEEDS = 2
# Fewer say more about what else the machine did in that moment than about its speed.
FEWEST_READ, FEWEST_WRITTEN = 64, 8
LEAST_TOKENS = 256
# Lengths lie apart by so much, so that a prompt does not change with every breath of the machine.
STEP = 1.25


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a prompt may be, and why: the word of `Why`. Tokens a second; None: nothing is known of this model."""

    tokens: int
    why: str
    target_seconds: float = 0.0
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None


class Pace:
    """The speeds of the latest answers.

    What several share is measured as each had it: prompts are read one after another, so that those who write beside
    one take little from it.
    """

    def __init__(self) -> None:
        self._reading: deque[float] = deque(maxlen=RECENT)
        self._writing: deque[float] = deque(maxlen=RECENT)

    def take(self, end: Finished) -> None:
        """Takes in what an answer took: only tokens that were computed for it, and only where there were enough."""
        read = end.prompt_tokens - end.cached_tokens
        if read >= FEWEST_READ and end.prefill_ms > 0:
            self._reading.append(read / end.prefill_ms * 1000)
        written = end.new_tokens - 1  # the first comes with the end of the prompt
        if written >= FEWEST_WRITTEN and end.generation_ms > 0:
            self._writing.append(written / end.generation_ms * 1000)

    @property
    def is_known(self) -> bool:
        """Whether answers weigh as much as a seed."""
        return len(self._reading) >= SEEDS

    def reading(self, seed: float) -> float:
        """Tokens of a prompt read in a second: the median of recent answers and, while they are few, the seed."""
        return _middle(self._reading, seed)

    def writing(self) -> float | None:
        """Tokens written in a second; None before the first answer of some length."""
        return median(self._writing) if self._writing else None


def affordable(tokens_per_s: float, seconds: float, usual: int, most: int) -> int:
    """How many tokens are read in that time: the usual number, or one that is some steps of a quarter away from it."""
    wanted = max(tokens_per_s * seconds, 1.0)
    steps = round(log(wanted / usual) / log(STEP))
    return max(LEAST_TOKENS, min(most, round(usual * STEP**steps)))


def _middle(measured: Iterable[float], seed: float) -> float:
    return median([*[seed] * SEEDS, *measured][-RECENT:])
