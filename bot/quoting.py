"""Answers that quote first: the best lines in their authors' words, then what the model adds and they support. No I/O.

A model of a few hundred million parameters finds its way through sources poorly, but the search has
already found the lines. So the lines themselves are the answer, and the model's sentences come after
them, if they hold.
"""

from collections.abc import Sequence
from datetime import UTC

from bot import citations
from bot.citations import content_terms, quote, supports
from bot.conversation import Citation
from bot.plaintext import harmless
from knowledge.passages import Line

QUOTES = 2
# A second line is quoted when it ranks nearly as high as the first.
NEARLY = 0.7
# Somebody else's question is rarely the answer, even where it has all the words.
QUESTION_SHARE = 0.6
MOST_SENTENCES = 2
# A sentence of the model stays when one line holds this share of its words.
HOLDS = 0.75
# Less than this says nothing that the quotations do not.
FEWEST_WORDS = 3


def best_lines(sources: Sequence[Line]) -> list[Line]:
    """The lines to quote, in the order in which they were said: a correction follows what it corrects."""
    ranked = sorted(sources, key=lambda line: -_worth(line))[:QUOTES]
    kept = [line for line in ranked if _worth(line) >= NEARLY * _worth(ranked[0])]
    return sorted(kept, key=lambda line: (line.posted_at is None, line.posted_at or 0, line.message_pk))


def quoted(lines: Sequence[Line], asked: str = "") -> tuple[str, tuple[Citation, ...]]:
    """One quotation a line, each with its mark; of a long one the part that has to do with what was asked."""
    found = tuple(Citation(n, line, quote(line.text, asked)) for n, line in enumerate(lines, start=1))
    return "\n".join(_quotation(citation) for citation in found), found


def with_sentences(
    quotation: str, found: tuple[Citation, ...], text: str, sources: Sequence[Line]
) -> tuple[str, tuple[Citation, ...]]:
    """The quotations, and at most two sentences of the model that a line holds and the quotations do not say yet."""
    known = {citation.line.message_pk: citation for citation in found}
    said = content_terms(quotation)
    added: list[str] = []
    for sentence in citations.sentences(text):
        words = content_terms(sentence)
        holder = max(sources, key=lambda line: supports(line, sentence), default=None)
        if holder is None or supports(holder, sentence) < HOLDS or len(words - said) < FEWEST_WORDS:
            continue
        citation = known.setdefault(holder.message_pk, Citation(len(known) + 1, holder, quote(holder.text, sentence)))
        added.append(f"{sentence} [{citation.n}]")
        said |= words
        if len(added) == MOST_SENTENCES:
            break
    return "\n".join([quotation, *added]), tuple(known.values())


def _worth(line: Line) -> float:
    return line.score * (QUESTION_SHARE if line.text.rstrip().endswith(("?", "？")) else 1.0)


def _quotation(citation: Citation) -> str:
    line = citation.line
    when = f", {line.posted_at.astimezone(UTC):%Y-%m-%d}" if line.posted_at else ""
    return f"{harmless(line.author) or 'Someone'}{when}: “{harmless(citation.quote)}” [{citation.n}]"
