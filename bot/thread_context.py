"""What was just said where the question was asked, as one more passage: context even where nothing is kept. No I/O."""

from collections.abc import Sequence
from dataclasses import replace

from bot.citations import content_terms
from knowledge.messages import MessageRef
from knowledge.passages import Line, Passage

# With fewer of the question's words than this, the thread is about something else.
LEAST_COVERAGE = 0.34
# With most of them, it comes before what was found elsewhere.
LEADING_COVERAGE = 0.6


def with_thread(passages: Sequence[Passage], thread: Sequence[Line], query: str) -> list[Passage]:
    """The passages, and the thread among them where it is about the question; what both hold stands once."""
    known = {line.ref for passage in passages for line in passage.lines}
    wanted = content_terms(query)
    fresh = [line for line in thread if line.ref not in known]
    if not fresh or not wanted:
        return list(passages)
    scored = tuple(
        replace(line, message_pk=line.message_pk or -place, score=_share(line, wanted))
        for place, line in enumerate(fresh, start=1)
    )
    said = set[str]().union(*(content_terms(line.text) for line in scored))
    coverage = len(wanted & said) / len(wanted)
    if coverage < LEAST_COVERAGE:
        return list(passages)
    own = Passage(0, scored[0].channel_name, scored, score=coverage, coverage=coverage)
    leads = not passages or coverage >= max(LEADING_COVERAGE, passages[0].coverage)
    return [own, *passages] if leads else [*passages[:1], own, *passages[1:]]


def without(passages: Sequence[Passage], message: MessageRef | None) -> list[Passage]:
    """The passages without one message."""
    if message is None:
        return list(passages)
    kept = (replace(one, lines=tuple(line for line in one.lines if line.ref != message)) for one in passages)
    return [passage for passage in kept if passage.lines]


def is_kept(line: Line) -> bool:
    """Whether the line comes from the archive, where it may change or go; others have a key below zero."""
    return line.message_pk > 0


def _share(line: Line, wanted: set[str]) -> float:
    return len(wanted & content_terms(f"{line.author} {line.text}")) / len(wanted)
