"""A question and a text as a reranker was trained to read them. This file performs no I/O.

Neither can make a control token: those come from the model's own vocabulary or template only.
"""

import re
from dataclasses import dataclass
from typing import Protocol

QUERY, DOCUMENT = "{query}", "{document}"
MARK = re.compile(r"(<\|[^<>|]*\|>)")
# Where words of a template meet those of a text, the two may become other tokens than each has alone.
SEAMS = 8


class Vocabulary(Protocol):
    """What is asked of the model's vocabulary."""

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids. `special`: marks become control tokens."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for."""
        ...


@dataclass(frozen=True, slots=True)
class Marks:
    """Token ids before the question, between it and the text, and behind the text."""

    begin: tuple[int, ...]
    between: tuple[int, ...]
    end: tuple[int, ...]

    @classmethod
    def of(cls, begin: int, end: int, separator: int, *, is_wordpiece: bool) -> "Marks":
        """Those of BERT, or of all that came after RoBERTa; -1 for a token that the vocabulary has not.

        [CLS] question [SEP] text [SEP], or <s> question </s></s> text </s>.
        """
        separator = separator if separator >= 0 else end
        end = end if end >= 0 else separator
        if is_wordpiece:
            return cls(_known(begin), _known(separator), _known(separator))
        return cls(_known(begin), _known(end, separator), _known(end))


class PairForm:
    """Puts question and text together, of at most `room` tokens: of the question at most half, then the text is cut."""

    def __init__(self, vocabulary: Vocabulary, marks: Marks, template: str, room: int) -> None:
        self._vocabulary = vocabulary
        self._marks = marks
        # One that does not say where both go is none.
        self._template = template if QUERY in template and DOCUMENT in template else ""
        self._room = room

    def tokens(self, query: str, text: str) -> list[int]:
        """The token ids of a pair."""
        if self._template:
            return self._by_template(query, text)
        begin, between, end = self._marks.begin, self._marks.between, self._marks.end
        room = self._room - len(begin) - len(between) - len(end)
        asked = self._vocabulary.tokenize(query)[: room // 2]
        said = self._vocabulary.tokenize(text)[: room - len(asked)]
        return [*begin, *asked, *between, *said, *end]

    def _by_template(self, query: str, text: str) -> list[int]:
        room = self._room - len(self._filled("", "")) - SEAMS
        query, asked = self._cut(query, room // 2)
        text, _ = self._cut(text, room - asked)
        return self._filled(query, text)

    def _filled(self, query: str, text: str) -> list[int]:
        put = {QUERY: query, DOCUMENT: text}
        tokens: list[int] = []
        for piece in MARK.split(self._template):
            if MARK.fullmatch(piece):
                tokens += self._vocabulary.tokenize(piece, special=True)
            elif piece:
                words = re.sub(r"\{query\}|\{document\}", lambda found: put[found[0]], piece)
                tokens += self._vocabulary.tokenize(words)
        return tokens

    def _cut(self, text: str, most: int) -> tuple[str, int]:
        """At most so many tokens of a text, and how many they are."""
        tokens = self._vocabulary.tokenize(text)
        if len(tokens) <= most:
            return text, len(tokens)
        kept = tokens[: max(0, most)]
        return b"".join(map(self._vocabulary.piece, kept)).decode("utf-8", "ignore"), len(kept)


def _known(*tokens: int) -> tuple[int, ...]:
    return tuple(token for token in tokens if token >= 0)
