"""Ties an answer's sentences to the lines they rest on. This file performs no I/O.

The model writes [1]-style marks; small models forget them or invent them. A mark that cites nothing
is dropped; a sentence without a mark gets the line that holds most of its words; a sentence that no
line supports is left without a mark, and counted.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from bot.conversation import Citation
from knowledge.lexical import FUNCTION_WORDS, terms
from knowledge.passages import Line

# A sentence rests on a line when the line holds this share of the sentence's words.
SUPPORT_SHARE = 0.6
# A mark of the model's own is believed when the line holds at least this share.
MARK_SHARE = 0.34
QUOTE_CHARS = 320
# Sentences that a quotation of a long message may begin with.
MOST_STARTS = 60

_MARK = re.compile(
    r"(?:(?<!\s)(?P<gap>\s++))?[\[【(（](?:sources?\s*)?#?(?P<numbers>\d{1,3}(?:\s*[,;，、]\s*#?\d{1,3})*)[\]】)）]",
    re.IGNORECASE,
)
_MARK_SIGN = re.compile(r"[\[\]【】()（）]")
DEEPEST = 3
_ENDS = frozenset(".!?")
# Where a sentence ends, with the marks behind it. A dot inside of "2.4" or "plan.pdf" ends none.
_END = re.compile(r"(?:(?<![.!?])[.!?]++(?=\s|$|[\[【(（])|[。！？]+|\n)(?:\s*[\[【(（]#?\d[\d\s,;，、]*[\]】)）])*\s*")


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer whose marks all resolve. `unsupported` counts sentences that no line holds up."""

    text: str
    citations: tuple[Citation, ...]
    sentences: int
    unsupported: int


def resolve(text: str, sources: Sequence[Line]) -> Cited:
    """Numbers the cited lines 1, 2, … in the order of their first mark.

    `sources` are the lines as the prompt numbered them, from 1.
    """
    held = [_held(source) for source in sources]
    numbers: dict[int, int] = {}
    pieces: list[str] = []
    sentences = unsupported = 0
    for raw in _split(text):
        words = _unmarked(raw)
        wanted = content_terms(words)
        if not wanted:
            pieces.append(words)
            continue
        sentences += 1
        cited = _cited(raw, wanted, held) if held else []
        if not cited:
            unsupported += 1
            pieces.append(words)
            continue
        body, space = words.rstrip(), words[len(words.rstrip()) :]
        marks = "".join(f"[{numbers.setdefault(i, len(numbers) + 1)}]" for i in dict.fromkeys(cited))
        pieces.append(f"{body} {marks}{space}")
    citations = tuple(Citation(n, sources[i], quote(sources[i].text)) for i, n in numbers.items())
    return Cited("".join(pieces).strip(), citations, sentences, unsupported)


def sentences(text: str) -> list[str]:
    """The sentences of a text that say something, without marks, each once."""
    found = (_unmarked(raw).strip() for raw in _split(text))
    return [sentence for sentence in dict.fromkeys(found) if content_terms(sentence)]


def supports(line: Line, sentence: str) -> float:
    """The share of a sentence's content words that a line, with its author's name, holds."""
    wanted = content_terms(sentence)
    return _share(wanted, _held(line)) if wanted else 0.0


def content_terms(text: str) -> set[str]:
    """The words of a text that say something."""
    return set(terms(text)) - FUNCTION_WORDS


def quote(text: str, asked: str = "") -> str:
    """A message's own words on one line, shortened at spaces: of a long one, what holds most of the words asked for."""
    flat = " ".join(text.split())
    if len(flat) <= QUOTE_CHARS:
        return flat
    begin = _best_start(flat, content_terms(asked)) if asked else 0
    cut = flat[begin : begin + QUOTE_CHARS]
    opening = "…" if begin else ""
    if begin + QUOTE_CHARS >= len(flat):
        return opening + cut
    return f"{opening}{cut.rsplit(' ', 1)[0] or cut}…"


def _best_start(text: str, wanted: set[str]) -> int:
    """The last sentence from which on a quotation holds most of the words; the beginning, where none holds any."""
    starts = [0, *(end.end() for end in islice(_END.finditer(text), MOST_STARTS))]
    held = [len(wanted & content_terms(text[at : at + QUOTE_CHARS])) for at in starts]
    most = max(held)
    return max(at for at, count in zip(starts, held, strict=True) if count == most) if most else 0


def _held(line: Line) -> set[str]:
    return set(terms(f"{line.author} {line.text}"))


def _share(wanted: set[str], held: set[str]) -> float:
    return len(wanted & held) / len(wanted)


def _left(mark: re.Match[str]) -> str:
    """A mark takes the space in front of it along, but no end of a line, and joins no two sentences."""
    gap = mark["gap"] or ""
    if "\n" in gap:
        return gap
    text, start, end = mark.string, mark.start(), mark.end()
    is_between = end == len(text) or text[end].isalnum()
    return " " if is_between and text[start - 1 : start] in _ENDS else ""


def _cited(sentence: str, wanted: set[str], held: Sequence[set[str]]) -> list[int]:
    """The lines that a sentence rests on: those it marks, or the one that holds most of its words."""
    marked = (n - 1 for n in _marked(sentence) if 1 <= n <= len(held))
    return [i for i in marked if _share(wanted, held[i]) >= MARK_SHARE] or _best(wanted, held)


def _best(wanted: set[str], held: Sequence[set[str]]) -> list[int]:
    """The first of the lines that hold most of the words, if that is enough of them."""
    hits = [len(wanted & words) for words in held]
    most = max(hits)
    return [hits.index(most)] if most / len(wanted) >= SUPPORT_SHARE else []


def _unmarked(sentence: str) -> str:
    """The sentence without marks. What stood around one may be another: "[[1]2]"."""
    for _ in range(DEEPEST):
        if (rest := _MARK.sub(_left, sentence)) == sentence:
            return rest
        sentence = rest
    return _MARK_SIGN.sub("", sentence)


def _split(text: str) -> Iterator[str]:
    """The sentences of a text; together they are the text."""
    begin = 0
    for end in _END.finditer(text):
        yield text[begin : end.end()]
        begin = end.end()
    if begin < len(text):
        yield text[begin:]


def _marked(sentence: str) -> list[int]:
    return [int(number) for match in _MARK.finditer(sentence) for number in re.findall(r"\d+", match["numbers"])]
