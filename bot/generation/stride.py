"""How many tokens of prompts a step reads: as many as the machine reads in a while. This file performs no I/O.

A step cannot be interrupted, and those who write get one token in it. One of 256 tokens takes a third of a second with
a small model on two cores, and more than ten seconds with a model of eight billion weights.
"""

from collections import deque
from statistics import median

STEP_SECONDS = 1.0
LEAST, FIRST = 64, 128
RECENT = 5


class Stride:
    """Between `LEAST` and `most`, by the speed of recent steps: always a power of two, or `most`.

    llama.cpp multiplies rows several at a time; steps of such lengths give a prompt the same numbers.
    """

    def __init__(self, most: int, least: int = LEAST) -> None:
        self._most = most
        self._least = min(least, most)
        self._speeds: deque[float] = deque(maxlen=RECENT)

    def size(self) -> int:
        """Tokens of prompts that the next step may read."""
        wanted = median(self._speeds) * STEP_SECONDS if self._speeds else FIRST
        size = self._least
        while size < self._most and size * 2 <= wanted:
            size *= 2
        return min(size, self._most)

    def read(self, tokens: int, seconds: float) -> None:
        """A step of so many tokens took so long. Short ones tell little about long ones."""
        if tokens >= self._least and seconds > 0:
            self._speeds.append(tokens / seconds)
