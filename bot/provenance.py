"""Which messages an answer's text was drawn from, besides those it cites. No I/O.

A model may repeat what it was shown and cite something else, or nothing. Such a text must go when the message goes that
only could have given it, and so must be known to rest on it.
"""

from collections.abc import Sequence

from bot.admission import message_key
from bot.citations import content_terms, sentences
from bot.conversation import Answer, Turn
from bot.thread_context import is_kept
from knowledge.passages import Line


def drawn_from(answer: Answer, question: str, sources: Sequence[Line], turns: Sequence[Turn] = ()) -> tuple[str, ...]:
    """Keys of what stood in the prompt, is not cited, and holds words of the answer that nothing cited holds.

    Nor the question. A remembered turn hands on everything that it rests on itself.
    """
    cited = {citation.line.message_pk: citation.line for citation in answer.citations}
    unexplained = _said(answer.text) - content_terms(question)
    for line in cited.values():
        unexplained -= _words(line)
    keys = [
        message_key(line)
        for line in sources
        if is_kept(line) and line.message_pk not in cited and not unexplained.isdisjoint(_words(line))
    ]
    for turn in turns:
        if not unexplained.isdisjoint(content_terms(turn.question) | _said(turn.answer)):
            keys += turn.message_keys
    return tuple(dict.fromkeys(keys))


def _said(text: str) -> set[str]:
    """The words of an answer, without the numbers in its marks."""
    return content_terms("\n".join(sentences(text)))


def _words(line: Line) -> set[str]:
    return content_terms(f"{line.author} {line.text}")
