"""Keeps passages apart: none that mostly repeats a better one, be it the same lines or the same words. No I/O."""

from collections.abc import Collection, Sequence

from knowledge.lexical import terms
from knowledge.passages import Passage

# Of its lines, those that stand in better passages already.
MOST_SHARED = 0.5
# Of the words of both, those that both have.
ALIKE = 0.9


def apart(passages: Sequence[Passage], asked: Collection[str], limit: int) -> list[Passage]:
    """The first so many that add something. `asked`: the question's terms.

    Notices of one robot differ by a number or a name of a file, so words with digits do not tell passages apart, unless
    they are asked for.
    """
    seen: set[int] = set()
    told: list[frozenset[str]] = []
    kept: list[Passage] = []
    for passage in passages:
        messages = {line.message_pk for line in passage.lines}
        if len(messages & seen) > MOST_SHARED * len(messages):
            continue
        words = _words(passage, asked)
        if any(_are_alike(words, others) for others in told):
            continue
        seen |= messages
        told.append(words)
        kept.append(passage)
        if len(kept) == limit:
            break
    return kept


def _words(passage: Passage, asked: Collection[str]) -> frozenset[str]:
    found = {term for line in passage.lines for term in terms(line.text)}
    return frozenset(term for term in found if term in asked or not any(letter.isdigit() for letter in term))


def _are_alike(words: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two sets of words are nearly one. Source: Jaccard's index; without words, only when both have none."""
    either = len(words | others)
    return either == 0 or len(words & others) >= ALIKE * either
