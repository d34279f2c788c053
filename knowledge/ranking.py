"""Puts the lexical and the vector search together: scores of units and of their lines. No I/O."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.lexical import bm25, frequencies, idf

Floats = NDArray[np.float64]

# A line is read with its neighbours: what they say counts this much (one on each side raised
# recall@5 on LoCoMo from .47 to .56 for BM25).
NEIGHBOUR_SHARE = 0.3
# How much the vector search weighs beside the lexical one; plain fusion hurts where one is weak.
VECTOR_SHARE = 0.5
# A follow-up's words name what it is about, through the talk before it; its vector hardly does.
FOLLOW_UP_VECTOR_SHARE = 0.3
# A word in the name of a unit's channel, or of the time it was said at, counts as if the unit held it once more.
LABEL_SHARE = 1.0
# Among much the same text the nearest units differ by next to nothing, which must not count as much as a word.
LEAST_SPREAD = 0.02
# What a reranker says of a unit, which it read word by word, beside all that was known before. Not measured: weights of
# a reranker were not at hand.
RERANK_SHARE = 0.7
# A line is ranked by its own words and by how well its whole passage answers.
PASSAGE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Switches:
    """Which parts of a search are at work: all of them, unless it is measured what one is worth.

    `lexical`, `dense`: the search by words and by meaning. `context`: a line is read with its neighbours. `priors`:
    when something was said speaks for it. `rerank`: a reranker reads the best units, where there is one.
    """

    lexical: bool = True
    dense: bool = True
    context: bool = True
    priors: bool = True
    rerank: bool = True


class Hit(NamedTuple):
    """A message that holds query terms: where it stands, and all its terms.

    `label` names what else its unit is read by.
    """

    message_pk: int
    unit: int
    line_no: int
    terms: Sequence[int] | NDArray[np.int32]
    label: Hashable = None


@dataclass(slots=True)
class Scored:
    """A unit in the running. `words`: BM25 of the whole unit; `cosine`: None when not embedded yet."""

    unit: int
    words: float = 0.0
    coverage: float = 0.0
    cosine: float | None = None
    score: float = 0.0
    lines: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """The distinct terms of a question: how many messages hold each, how much it tells; what tells most comes first."""

    terms: tuple[int, ...]
    df: tuple[int, ...]
    weights: Floats
    mean_length: float

    @classmethod
    def of(
        cls, terms: Sequence[int], df: Sequence[int], live_count: int, term_count: int, shares: Sequence[float] = ()
    ) -> "Query":
        """From the frequency of each term in the collection, its live messages and their terms.

        `shares`: how much each term counts, 1 for a word of the question itself.
        """
        weights = idf(np.asarray(df, dtype=float), live_count) * (np.asarray(shares) if len(shares) else 1.0)
        order = np.argsort(-weights, kind="stable")
        return cls(
            terms=tuple(terms[i] for i in order),
            df=tuple(df[i] for i in order),
            weights=weights[order],
            mean_length=term_count / live_count if live_count else 1.0,
        )

    def best(self, most: int) -> "Query":
        """So many of the terms that tell most."""
        return replace(self, terms=self.terms[:most], df=self.df[:most], weights=self.weights[:most])


def rank_words(
    query: Query,
    hits: Sequence[Hit],
    unit_terms: dict[int, int],
    labels: Mapping[Hashable, Sequence[int]] | None = None,
    *,
    neighbour_share: float = NEIGHBOUR_SHARE,
) -> dict[int, Scored]:
    """BM25 of units and of lines with their neighbours, from the messages that hold query terms.

    A unit is scored as one document: the term counts of its lines added up, and of its label, whose terms are in
    `labels`. A line is scored with a share of its neighbours' counts. Units without any hit are absent.
    """
    if not hits:
        return {}
    tf = frequencies([hit.terms for hit in hits], query.terms)
    lengths = np.array([len(hit.terms) for hit in hits], dtype=float)
    rows: dict[int, dict[int, int]] = defaultdict(dict)
    for row, hit in enumerate(hits):
        rows[hit.unit][hit.line_no] = row
    line_scores = _line_scores(query, hits, tf, lengths, neighbour_share)
    units = list(rows)
    firsts = [hits[next(iter(rows[unit].values()))] for unit in units]
    of_lines = np.zeros((len(units), tf.shape[1]))
    place = {unit: i for i, unit in enumerate(units)}
    np.add.at(of_lines, [place[hit.unit] for hit in hits], tf)
    unit_tf = of_lines + LABEL_SHARE * _label_frequencies(query, firsts, labels or {})
    unit_lengths = np.array(
        [unit_terms.get(unit) or lengths[list(rows[unit].values())].sum() for unit in units], dtype=float
    )
    # The mean length of a passage is not kept; that of the passages at hand serves.
    unit_scores = bm25(unit_tf, unit_lengths, float(unit_lengths.mean()), query.weights)
    total = float(query.weights.sum()) or 1.0
    coverage = ((unit_tf > 0) @ query.weights) / total
    return {
        unit: Scored(
            unit=unit,
            words=float(unit_scores[i]),
            coverage=float(coverage[i]),
            lines={line_no: float(line_scores[row]) for line_no, row in rows[unit].items()},
        )
        for i, unit in enumerate(units)
    }


def _label_frequencies(query: Query, hits: Sequence[Hit], labels: Mapping[Hashable, Sequence[int]]) -> Floats:
    """How often each query term occurs in the label of each hit."""
    names = list(dict.fromkeys(hit.label for hit in hits))
    counts = frequencies([labels.get(name, ()) for name in names], query.terms)
    place = {name: row for row, name in enumerate(names)}
    return counts[[place[hit.label] for hit in hits]]


def _line_scores(query: Query, hits: Sequence[Hit], tf: Floats, lengths: Floats, neighbour_share: float) -> Floats:
    spread_tf, spread_lengths = tf.copy(), lengths.copy()
    row_of = {(hit.unit, hit.line_no): row for row, hit in enumerate(hits)}
    for step in (-1, 1):
        beside = np.array([row_of.get((hit.unit, hit.line_no + step), -1) for hit in hits])
        is_known = beside >= 0
        spread_lengths += neighbour_share * np.where(is_known, lengths[beside], query.mean_length)
        spread_tf[is_known] += neighbour_share * tf[beside[is_known]]
    return bm25(spread_tf, spread_lengths, query.mean_length * (1 + 2 * neighbour_share), query.weights)


def fuse(
    words: dict[int, Scored],
    cosines: dict[int, float],
    looked_up: dict[int, float] | None = None,
    *,
    vector_share: float = VECTOR_SHARE,
) -> list[Scored]:
    """One ranking of units from both searches, best first.

    Each search's scores are put on a scale from 0 (its worst candidate) to 1 (its best) and mixed:
    unlike ranks, scores keep how far ahead the best one is. `looked_up`: cosines of
    units that words found, or the time they are of.
    """
    units = {unit: words.get(unit) or Scored(unit) for unit in {*words, *cosines, *(looked_up or {})}}
    best = max((scored.words for scored in words.values()), default=0.0)
    low, high = min(cosines.values(), default=0.0), max(cosines.values(), default=0.0)
    share = vector_share if cosines else 0.0
    spread = max(high - low, LEAST_SPREAD)
    cosines = cosines | (looked_up or {})
    for unit, scored in units.items():
        lexical = scored.words / best if best > 0 else 0.0
        scored.cosine = cosines.get(unit)
        near = 0.0 if scored.cosine is None else max(1 - (high - scored.cosine) / spread, 0.0)
        scored.score = (1 - share) * lexical + share * near
    return sorted(units.values(), key=lambda scored: (-scored.score, scored.unit))


def reranked(ranked: Sequence[Scored], relevance: Mapping[int, float]) -> list[Scored]:
    """The units, best first, with what a reranker says of some of them, by unit; of the others it would say its worst.

    Its numbers are put on a scale from 0 to 1, as those of a search are. Where they are all the same they say nothing.
    """
    low, high = min(relevance.values(), default=0.0), max(relevance.values(), default=0.0)
    if high <= low:
        return list(ranked)
    mixed = [
        replace(
            scored,
            score=(1 - RERANK_SHARE) * scored.score
            + RERANK_SHARE * (relevance.get(scored.unit, low) - low) / (high - low),
        )
        for scored in ranked
    ]
    return sorted(mixed, key=lambda scored: (-scored.score, scored.unit))


def line_score(scored: Scored, line_no: int, best_line: float) -> float:
    """The rank of one line among all: its own words and its passage's score, both from 0 to 1."""
    own = scored.lines.get(line_no, 0.0) / best_line if best_line > 0 else 0.0
    return (1 - PASSAGE_SHARE) * own + PASSAGE_SHARE * scored.score
