"""Questions that found no good answer: what the team has not written down yet. This file performs no I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from knowledge.lexical import query_terms

SIMILAR = 0.5


@dataclass(frozen=True, slots=True)
class Unanswered:
    """One question without a good answer. `why`: "declined" or "unhelpful"."""

    text: str
    asked_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions in similar words, in the words of the latest."""

    text: str
    times: int
    last_asked_at: datetime
    why: tuple[str, ...]

    def __str__(self) -> str:
        times = "once" if self.times == 1 else f"{self.times} times"
        return f"{times}, last on {self.last_asked_at:%Y-%m-%d} ({', '.join(self.why)}): {self.text}"


def gaps_in(questions: Iterable[Unanswered]) -> list[Gap]:
    """Groups of similar questions, the most asked first, then the latest.

    Source: one pass over the questions, newest first; each joins the first group whose latest question shares at
    least half of the terms of both (Jaccard), or begins a group.
    """
    groups: list[tuple[frozenset[str], list[Unanswered]]] = []
    for question in sorted(questions, key=lambda one: one.asked_at, reverse=True):
        terms = frozenset(query_terms(question.text))
        group = next((members for known, members in groups if _similarity(terms, known) >= SIMILAR), None)
        if group is None:
            groups.append((terms, [question]))
        else:
            group.append(question)
    found = [
        Gap(members[0].text, len(members), members[0].asked_at, tuple(sorted({one.why for one in members})))
        for _, members in groups
    ]
    return sorted(found, key=lambda gap: (gap.times, gap.last_asked_at), reverse=True)


def _similarity(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0
