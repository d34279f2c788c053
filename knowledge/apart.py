"""Keeps passages apart: none that mostly repeats a better one, be it the same lines or the same words. No I/O."""

from collections.abc import Collection, Sequence

from knowledge.lexical import terms
from knowledge.passages import Passage
from knowledge.units import labelled_line

# Of its lines, those that stand in better passages already.
MOST_SHARED = 0.5


def apart(passages: Sequence[Passage], asked: Collection[str], limit: int) -> list[Passage]:
    """The first so many that add something. `asked`: the question's terms.

    Notices of one robot differ by a number or the name of a host, so words with digits do not tell passages apart,
    unless they are asked for.
    """
    seen: set[int] = set()
    told: set[frozenset[str]] = set()
    kept: list[Passage] = []
    for passage in passages:
        messages = {line.message_pk for line in passage.lines}
        words = _words(passage, asked)
        if len(messages & seen) > MOST_SHARED * len(messages) or words in told:
            continue
        seen |= messages
        told.add(words)
        kept.append(passage)
        if len(kept) == limit:
            break
    return kept


def _words(passage: Passage, asked: Collection[str]) -> frozenset[str]:
    found = {term for line in passage.lines for term in terms(labelled_line(line.author, line.text))}
    return frozenset(term for term in found if term in asked or not any(letter.isdigit() for letter in term))
