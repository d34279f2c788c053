"""What may come next in an answer, as far as it repeats what was read. This file performs no I/O and knows no model.

An answer from sources repeats them. Where its last tokens stand in the prompt, or earlier in the answer, those that
follow there are guessed ("prompt lookup decoding", A. Saxena 2023).
"""

from collections.abc import Sequence

PAIR = 2
# Behind so many repeated tokens, how many are guessed. With the one before them a step then holds 4 or 16: on a
# processor llama.cpp multiplies four at a time, and what lies between costs as much as the next multiple.
FEW, MANY = (6, 3), (16, 15)
# How far a likeness is followed back: where two places are alike for as long as this, the later one is as good.
LONGEST = 32


class Lookup:
    """Over the tokens of one request, which may grow at their end."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tokens
        self._behind: dict[tuple[int, int], list[int]] = {}
        self._known = 0
        self._balance = 0

    def proved(self, guessed: int, right: int) -> None:
        """So many of the guessed tokens were right. A guess pays when half of it is."""
        self._balance += 2 * right - guessed

    def guess(self, most: int) -> tuple[int, ...]:
        """The tokens to try next, at most `most`: the more the longer it has just repeated, none where few tokens."""
        tokens, end = self._tokens, len(self._tokens)
        for at in range(self._known, end - PAIR):
            self._behind.setdefault((tokens[at], tokens[at + 1]), []).append(at + PAIR)
        self._known = max(0, end - PAIR)
        if end < PAIR:
            return ()
        alike, place = max(
            ((self._alike(place), place) for place in self._behind.get((tokens[-2], tokens[-1]), ())), default=(0, 0)
        )
        return self._copied(place, min(most, self._wanted(alike)))

    def _wanted(self, alike: int) -> int:
        """How many tokens are worth a try behind so many repeated ones: after guesses that did not pay, few are not."""
        if alike >= MANY[0]:
            return MANY[1]
        return FEW[1] if alike >= FEW[0] and self._balance >= 0 else 0

    def _copied(self, place: int, count: int) -> tuple[int, ...]:
        """So many tokens from `place` on; at the end of all there are, those guessed before go on."""
        tokens, behind = self._tokens, len(self._tokens) - place
        copied: list[int] = []
        for at in range(count):
            copied.append(tokens[place + at] if at < behind else copied[at - behind])
        return tuple(copied)

    def _alike(self, place: int) -> int:
        """How many tokens before `place` are those at the end."""
        tokens, end = self._tokens, len(self._tokens)
        count = PAIR
        while count < min(place, LONGEST) and tokens[place - 1 - count] == tokens[end - 1 - count]:
            count += 1
        return count
