"""What may come next in an answer, as far as it repeats what was read. This file performs no I/O and knows no model.

An answer from sources repeats them. Where its last tokens stand in the prompt, or earlier in the answer, those that
follow there are guessed ("prompt lookup decoding", A. Saxena 2023).
"""

from collections.abc import Sequence

PAIR = 2
LEAST = 4
# How far a likeness is followed back: where two places are alike for as long as this, the later one is as good.
LONGEST = 32


class Lookup:
    """Over the tokens of one request, which may grow at their end."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tokens
        self._behind: dict[tuple[int, int], list[int]] = {}
        self._known = 0

    def guess(self, most: int) -> tuple[int, ...]:
        """The tokens to try next: as many as have just been repeated, at most `most`; none where few were."""
        tokens, end = self._tokens, len(self._tokens)
        for at in range(self._known, end - PAIR):
            self._behind.setdefault((tokens[at], tokens[at + 1]), []).append(at + PAIR)
        self._known = max(0, end - PAIR)
        if end < PAIR:
            return ()
        alike, place = max(
            ((self._alike(place), place) for place in self._behind.get((tokens[-2], tokens[-1]), ())), default=(0, 0)
        )
        return tuple(tokens[place : place + min(most, wanted(alike))])

    def _alike(self, place: int) -> int:
        """How many tokens before `place` are those at the end."""
        tokens, end = self._tokens, len(self._tokens)
        count = PAIR
        while count < min(place, LONGEST) and tokens[place - 1 - count] == tokens[end - 1 - count]:
            count += 1
        return count


def wanted(alike: int) -> int:
    """How many tokens are worth a try behind so many that were repeated."""
    return alike if alike >= LEAST else 0
