"""Which lines of a long talk are worth telling. No I/O.

A line is worth telling when it says much of what others speak of too, and more so when it decides, dates or answers
something, begins a long thread, or moved people to react. The lines told are spread over the time and over the people,
and none repeats another.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bot.citations import QUOTE_CHARS
from knowledge.lexical import FUNCTION_WORDS, Floats, idf, terms
from knowledge.passages import Line
from knowledge.stretches import Remark

# Lines as similar as this say the same, and one of them is enough.
SAME = 0.8
# Each line told from one part of the time makes the next from there worth less.
CROWDED = 0.7
SHARES = 3
# What is worth less than half the mean is not told, even where there is room: a good morning is no main point.
FAINT = 0.5

DECIDES, DATES, ANSWERS, ASKS = 2.0, 1.3, 1.4, 0.6
PER_REACTION, PER_REPLY = 0.3, 0.3

_DECISION = re.compile(
    r"\b(?:decision|decided?|correction|agreed|approved|conclusions?|concluded|resolved|postponed|cancell?ed|root cause"
    r"|action items?|we(?:'|’)?ll|we (?:will|are going to|go with)|from now on|todo)\b"
    r"|决定|決定|结论|結論|结果是|(?<!不)(?:确定|同意)|定了|批准|通过了|取消|推迟|延期|更正|改为|改到|改成|原因是|我们将|以后用|负责",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?:deadline|due|by (?:tomorrow|tonight|noon|next|end of|(?:mon|tues|wednes|thurs|fri|satur|sun)day)|eod|eow)\b"
    r"|\b\d{4}-\d\d-\d\d\b|\b\d{1,2}(?:st|nd|rd|th)? (?:january|february|march|april|may|june|july|august|september"
    r"|october|november|december)\b|截止|之前|\d月\s?\d{1,2}\s?[日号]|月底|下周|明天|期限",
    re.IGNORECASE,
)
_QUESTION = ("?", "？", "吗", "呢")


def main_points(remarks: Sequence[Remark], most: int) -> list[Line]:
    """The lines worth telling, best first: at most `most`, and of at most a third of them one author."""
    telling = [(remark, found) for remark in remarks if (found := _content(remark.line.text))]
    if not telling or most < 1:
        return []
    said = [remark for remark, _ in telling]
    vectors = _Vectors.of([found for _, found in telling])
    return [said[i].line for i in _chosen(said, substance(vectors) * weights(said), vectors, most)]


def fitting(lines: Sequence[Line], costs: Sequence[int], budget: int) -> list[Line]:
    """Those of the lines, best first, that fit into the budget; one at least.

    Units: `costs` and `budget` in tokens.
    """
    kept: list[Line] = []
    for line, cost in zip(lines, costs, strict=True):
        if not kept or cost <= budget:
            kept.append(line)
            budget -= cost
    return kept


def in_order(lines: Sequence[Line], remarks: Sequence[Remark]) -> list[Line]:
    """The lines in the order in which they were said."""
    wanted = {line.message_pk for line in lines}
    return [remark.line for remark in remarks if remark.line.message_pk in wanted]


@dataclass(frozen=True, slots=True)
class _Vectors:
    """One sparse vector a line: its length in `lengths`, its direction in the entries.

    Shapes: entry k is `weights[k]` in row `rows[k]` and column `columns[k]`, one for each distinct term of each line;
    `lengths` (lines,); `width` is the number of terms.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    weights: Floats
    lengths: Floats
    width: int

    @classmethod
    def of(cls, lines: Sequence[Sequence[str]]) -> Self:
        """The vectors of lines given as distinct terms, weighed by how rare each is among these lines."""
        numbers: dict[str, int] = {}
        columns = np.array([numbers.setdefault(term, len(numbers)) for line in lines for term in line], dtype=np.intp)
        rows = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
        rarity = idf(np.bincount(columns).astype(np.float64), len(lines))[columns]
        lengths = np.sqrt(_added(rows, rarity**2, len(lines)))
        return cls(rows, columns, rarity / lengths[rows], lengths, len(numbers))

    def cosines(self, row: int) -> Floats:
        """How near each line is to one of them: (lines,)."""
        own = self.rows == row
        vector = np.zeros(self.width)
        vector[self.columns[own]] = self.weights[own]
        return _added(self.rows, self.weights * vector[self.columns], len(self.lengths))


def substance(vectors: _Vectors) -> Floats:
    """How much each line says of what others speak of too: (lines,), its length in words that several lines hold.

    Its own words add as much as a line of mean length has, and no more: they may be news, but a pasted log is no main
    point. PageRank over the lines (TextRank, Mihalcea and Tarau 2004; LexRank, Erkan and Radev 2004) chooses worse: it
    likes what resembles everything.
    """
    in_lines = np.bincount(vectors.columns, minlength=vectors.width)
    shared = np.where(in_lines[vectors.columns] > 1, vectors.weights**2, 0.0)
    own: Floats = vectors.lengths.clip(max=float(vectors.lengths.mean()))
    return own + vectors.lengths * np.sqrt(_added(vectors.rows, shared, len(own)))


def weights(remarks: Sequence[Remark]) -> Floats:
    """What each line weighs for what it does in the talk: (lines,), 1 for plain talk."""
    sizes = Counter(remark.thread for remark in remarks)
    asked: dict[str, str] = {}
    found = np.ones(len(remarks))
    for i, remark in enumerate(remarks):
        line, replies = remark.line, sizes[remark.thread] - 1
        begins = replies > 0 and line.ref.message_id == remark.thread
        asks = line.text.rstrip().endswith(_QUESTION)
        if asks:
            found[i] *= 1.0 if begins else ASKS
        else:
            found[i] *= DECIDES if _DECISION.search(line.text, 0, QUOTE_CHARS) else 1.0
            found[i] *= DATES if _DATE.search(line.text, 0, QUOTE_CHARS) else 1.0
            found[i] *= ANSWERS if asked.get(remark.thread, line.author) != line.author else 1.0
        asked.pop(remark.thread, None)
        if asks:
            asked[remark.thread] = line.author
        found[i] *= 1 + PER_REACTION * np.log1p(max(remark.reactions, 0))
        found[i] *= 1 + PER_REPLY * np.log1p(replies) if begins else 1.0
    return found


def _chosen(said: Sequence[Remark], worth: Floats, vectors: _Vectors, most: int) -> list[int]:
    """The best lines, one after the other, each by what it adds to those before it."""
    numbers: dict[str, int] = {}
    authors = np.array([numbers.setdefault(remark.line.author, len(numbers)) for remark in said])
    people = len(numbers)
    share = max(1, most // SHARES if people >= SHARES else -(-most // people))
    parts = _parts_of_time(said, most)
    crowd = np.zeros(most)
    new = (worth >= FAINT * worth.mean()).astype(np.float64)
    chosen: list[int] = []
    told = np.zeros(people)
    while len(chosen) < most:
        gain = worth * new * CROWDED ** crowd[parts]
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        chosen.append(best)
        crowd[parts[best]] += 1
        near = vectors.cosines(best)
        new = np.minimum(new, np.where(near >= SAME, 0.0, 1 - near))
        told[authors[best]] += 1
        if told[authors[best]] == share:
            new[authors == authors[best]] = 0.0
    return chosen


def _parts_of_time(said: Sequence[Remark], parts: int) -> NDArray[np.intp]:
    """In which of so many equal parts of the time each line was said; where a time is unknown, of the talk."""
    times = [remark.line.posted_at.timestamp() for remark in said if remark.line.posted_at is not None]
    at = np.array(times) if len(times) == len(said) else np.arange(len(said), dtype=np.float64)
    span = max(float(at.max() - at.min()), 1e-9)
    found: NDArray[np.intp] = ((at - at.min()) / span * parts).astype(np.intp).clip(max=parts - 1)
    return found


def _added(places: NDArray[np.intp], numbers: Floats, length: int) -> Floats:
    """The numbers of each place, added up."""
    return np.bincount(places, numbers, minlength=length).astype(np.float64, copy=False)


def _content(text: str) -> list[str]:
    """The distinct words that say something, of as much of a line as a quotation shows."""
    return [term for term in dict.fromkeys(terms(text[:QUOTE_CHARS])) if term not in FUNCTION_WORDS]
