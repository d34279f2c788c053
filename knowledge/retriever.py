"""ScopedRetriever: built for one question with its Scope, which stands in every SQL statement it runs."""

import heapq
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from knowledge.apart import apart
from knowledge.embeddings import ModelEmbeddings
from knowledge.errors import EmbeddingUnavailable
from knowledge.followup import Exchange, Sought, sought
from knowledge.index import Index, Statistics, TextHit
from knowledge.lexical import term_id, terms
from knowledge.messages import MessageRef
from knowledge.models import IndexModels
from knowledge.passages import Line, Passage
from knowledge.periods import Period
from knowledge.priors import When, preferred, when_of
from knowledge.ranking import (
    FOLLOW_UP_VECTOR_SHARE,
    NEIGHBOUR_SHARE,
    VECTOR_SHARE,
    Hit,
    Query,
    Scored,
    Switches,
    fuse,
    line_score,
    rank_words,
    reranked,
)
from knowledge.reranking import Reranking
from knowledge.scope import Scope

# The rarest terms bring the candidates, until about this many messages hold them; the others only add to scores.
CANDIDATES = 2_000
# What a follow-up borrows is spread over more of them.
FOLLOW_UP_CANDIDATES = 4_000
# Where the rarest term alone brings more than so many times as much, the latest stored.
MOST_TIMES = 2
# So many terms of a question are looked up, and so many of those that tell most are searched for.
MOST_TERMS = 256
MOST_TELLING = 64
VECTOR_HITS = 100
# Units found by words whose vectors are looked at too.
WORD_HITS = 30
# Units of the time that is asked about whose vectors are looked at too.
OF_THEN = 30
# Units whose lines are fetched, before overlapping passages are dropped.
SHORTLIST = 60
KNOWN_LABELS = 4096
EVERYTHING_ON = Switches()


@dataclass(frozen=True, slots=True)
class Ask:
    """What is looked for, the time that plays into it, and where. `asked_in`: the message that asks."""

    wanted: Sought
    when: When
    scope: Scope
    asked_in: MessageRef | None
    switches: Switches


class Label(NamedTuple):
    """What a unit is read by beside its lines: its channel, and whether it is of the time that is asked about."""

    channel_pk: int
    is_then: bool


@dataclass(frozen=True, slots=True)
class Words:
    """Units that hold a question's words, scored. `loose`: those among them that are messages in no unit yet.

    `said_at`: when a line of each that holds such a word was said.
    """

    scored: dict[int, Scored]
    loose: dict[int, int]
    said_at: dict[int, datetime | None]


class Search:
    """The two searches over one index, put together.

    `embeddings` holds the models at hand by name. Where the one that the index was made with is not
    among them, the search goes by words alone.
    """

    def __init__(
        self,
        index: Index,
        models: IndexModels,
        embeddings: Mapping[str, ModelEmbeddings],
        reranking: Reranking | None = None,
    ) -> None:
        self._index = index
        self._models = models
        self._embeddings = embeddings
        self._reranking = reranking

    async def passages(
        self,
        query: str,
        scope: Scope,
        *,
        earlier: Sequence[Exchange] = (),
        limit: int = 10,
        switches: Switches = EVERYTHING_ON,
        asked_in: MessageRef | None = None,
        now: datetime | None = None,
    ) -> list[Passage]:
        """The best passages in scope, best first, no two alike.

        `earlier`: the talk before the question, oldest first; a question that points back at it borrows its words.
        `asked_in`: the message that asks may be learnt before it is answered; nothing is found by its own words.
        `now`: when it is asked, to know what "last week" means.
        Errors: `KnowledgeUnavailable`. An embedding model that is away costs the vector search only, a reranker that
        is away nothing.
        """
        if not scope.channel_pks:
            return []
        now = now or datetime.now(UTC)
        when = when_of(query, now) if switches.priors else When(now, None, wants_latest=False)
        ask = Ask(sought(query, earlier), when, scope, asked_in, switches)
        near = await self._near(ask.wanted) if switches.dense else None
        async with self._index.snapshot() as index:
            words = await _words(index, ask) if switches.lexical else Words({}, {}, {})
            cosines, looked_up = await _cosines(index, ask, near, words) if near else ({}, {})
            share = FOLLOW_UP_VECTOR_SHARE if ask.wanted.leans_back else VECTOR_SHARE
            fused = fuse(words.scored, cosines, looked_up, vector_share=share)
            ranked = await _by_time(index, ask, fused, words) if switches.priors else fused[:SHORTLIST]
            units = [scored.unit for scored in ranked if scored.unit > 0]
            alone = [words.loose[scored.unit] for scored in ranked if scored.unit in words.loose]
            lines = await index.lines(scope.channel_pks, units, alone)
        # The database is free again: a slow reranker holds none of its connections.
        if switches.rerank and self._reranking is not None:
            ranked = await _reranked(self._reranking, ask.wanted, ranked, lines)
        best_line = max((score for scored in ranked for score in scored.lines.values()), default=0.0)
        found = (_passage(scored, lines.get(scored.unit, []), best_line) for scored in ranked)
        return apart([passage for passage in found if passage.lines], ask.wanted.weights, limit)

    async def _near(self, wanted: Sought) -> tuple[int, list[float]] | None:
        """The model that the index was made with and the question's vector; None where that model is away.

        A follow-up is looked for half-way between itself and itself behind the question before it.
        """
        active = await self._models.active()
        if active is None or active.name not in self._embeddings:
            return None
        try:
            model = self._embeddings[active.name]
            return active.model_pk, middle([await model.aembed_query(text) for text in wanted.texts])
        except EmbeddingUnavailable:
            return None


class ScopedRetriever(BaseRetriever):
    """LangChain's face of a search. The scope is a required argument: there is no default of everything."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    search: Search
    scope: Scope
    limit: int = 10
    earlier: tuple[Exchange, ...] = ()
    asked_in: MessageRef | None = None

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 -- LangChain passes it by name
    ) -> list[Document]:
        passages = await self.search.passages(
            query, self.scope, earlier=self.earlier, limit=self.limit, asked_in=self.asked_in
        )
        return [_document(passage) for passage in passages]

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        raise NotImplementedError("Threadlore is asynchronous throughout: use ainvoke.")


def passage_of(document: Document) -> Passage:
    """The passage that a retrieved document stands for."""
    passage = document.metadata["passage"]
    if not isinstance(passage, Passage):
        raise TypeError("this document did not come from ScopedRetriever")
    return passage


def _document(passage: Passage) -> Document:
    text = "\n".join(f"{line.author}: {line.text}" for line in passage.lines)
    metadata: dict[str, Any] = {
        "passage": passage,
        "channel": passage.channel_name,
        "score": passage.score,
        "message_ids": [line.ref.message_id for line in passage.lines],
    }
    return Document(page_content=text, metadata=metadata)


async def _words(index: Index, ask: Ask) -> Words:
    """The units that hold the question's words, scored."""
    weights, period = ask.wanted.weights, ask.when.period
    words = sorted(weights, key=lambda word: -weights[word])[:MOST_TERMS]
    if not words:
        return Words({}, {}, {})
    statistics = await index.statistics([term_id(word) for word in words], ask.asked_in)
    described = _telling(words, [weights[word] for word in words], statistics)
    candidates = FOLLOW_UP_CANDIDATES if ask.wanted.leans_back else CANDIDATES
    # Of the messages that hold a term, so many are in scope as of all messages.
    spread = statistics.live_count / max(1, await index.said_in(ask.scope.channel_pks))
    essential = _essential(described, candidates * max(1.0, spread))
    if not essential:
        return Words({}, {}, {})
    hits = await index.search_text(ask.scope.channel_pks, essential, MOST_TIMES * candidates, ask.asked_in)
    labels = [Label(hit.channel_pk, period is not None and period.holds(hit.posted_at)) for hit in hits]
    placed = [_place(hit, label) for hit, label in zip(hits, labels, strict=True)]
    lengths = {hit.unit_pk: hit.unit_terms for hit in hits if hit.unit_pk is not None and hit.unit_terms}
    loose = {-hit.message_pk: hit.message_pk for hit in hits if hit.unit_pk is None}
    said_at = {place.unit: hit.posted_at for place, hit in zip(placed, hits, strict=True)}
    scored = rank_words(
        described,
        placed,
        lengths,
        _labels(labels, ask.scope, period),
        neighbour_share=NEIGHBOUR_SHARE if ask.switches.context else 0.0,
    )
    return Words(scored, loose, said_at)


async def _by_time(index: Index, ask: Ask, fused: Sequence[Scored], words: Words) -> list[Scored]:
    """The best units, with what speaks for each by when it was said."""
    undated = [scored.unit for scored in fused if scored.unit not in words.said_at]
    said_at = words.said_at | await index.beginnings(ask.scope.channel_pks, undated)
    return preferred(fused, said_at, ask.when, SHORTLIST)


async def _reranked(
    reranking: Reranking, wanted: Sought, ranked: Sequence[Scored], lines: Mapping[int, Sequence[Line]]
) -> list[Scored]:
    """The units in the order that a reranker's reading of the best of them gives. It sees what the search found, only.

    A follow-up is read behind the question before it: alone it names nothing.
    """
    texts = {
        scored.unit: "\n".join(f"{line.author}: {line.text}" for line in lines[scored.unit])
        for scored in ranked[: reranking.candidates]
        if lines.get(scored.unit)
    }
    scores = await reranking.relevance(wanted.texts[-1], list(texts.values()))
    return reranked(ranked, dict(zip(texts, scores, strict=False)))


def _labels(labels: Iterable[Label], scope: Scope, period: Period | None) -> dict[Hashable, tuple[int, ...]]:
    """What units are read by beside their lines: the channel's name, and the words for the time they are of."""
    names = dict(zip(scope.channel_pks, scope.channel_names, strict=True))
    time = period.words if period is not None else ""
    return {
        label: _term_ids(f"{names.get(label.channel_pk, '')} {time if label.is_then else ''}") for label in set(labels)
    }


@lru_cache(KNOWN_LABELS)
def _term_ids(label: str) -> tuple[int, ...]:
    """The terms of a label: a question meets the same hundreds of channels as the one before it."""
    return tuple(term_id(term) for term in terms(label))


async def _cosines(
    index: Index, ask: Ask, near: tuple[int, list[float]], words: Words
) -> tuple[dict[int, float], dict[int, float]]:
    """The units nearest in meaning; and how near those are that hold the question's words best, or are of its time.

    Among hundreds of much the same text, the only one with the right number in it may not be among the nearest.
    """
    channels, period = ask.scope.channel_pks, ask.when.period
    hits = await index.search_vector(channels, *near, VECTOR_HITS, ask.asked_in)
    cosines = {hit.unit_pk: hit.cosine for hit in hits}
    best = heapq.nlargest(WORD_HITS, (scored for scored in words.scored.values() if scored.unit > 0), key=_by_words)
    missing = [scored.unit for scored in best if scored.unit not in cosines]
    looked_up = await index.cosines(channels, *near, missing, ask.asked_in)
    if period is not None:
        looked_up |= await index.search_vector_within(channels, *near, OF_THEN, period)
    return cosines, looked_up


def _by_words(scored: Scored) -> float:
    return scored.words


def _telling(words: Sequence[str], shares: Sequence[float], statistics: Statistics) -> Query:
    """The terms that tell most, without joined ones that nobody ever wrote: their parts stand for them."""
    kept = [i for i, word in enumerate(words) if statistics.df[i] > 0 or word.isalnum()]
    query = Query.of(
        [term_id(words[i]) for i in kept],
        [statistics.df[i] for i in kept],
        statistics.live_count,
        statistics.term_count,
        [shares[i] for i in kept],
    )
    return query.best(MOST_TELLING)


def _essential(query: Query, candidates: float) -> list[int]:
    """The known terms that tell most, as many as keep the candidates few; at least one."""
    chosen: list[int] = []
    total = 0
    for term, frequency in zip(query.terms, query.df, strict=True):
        if frequency == 0:
            continue
        if chosen and total + frequency > candidates:
            break
        chosen.append(term)
        total += frequency
    return chosen


def middle(vectors: Sequence[Sequence[float]]) -> list[float]:
    """The direction between vectors of length 1, of length 1 itself."""
    if len(vectors) == 1:
        return list(vectors[0])
    total = np.sum(vectors, axis=0)
    return [float(number) for number in total / (np.linalg.norm(total) or 1.0)]


def _place(hit: TextHit, label: Label) -> Hit:
    unit = hit.unit_pk if hit.unit_pk is not None else -hit.message_pk
    return Hit(hit.message_pk, unit, hit.line_no or 0, hit.terms, label)


def _passage(scored: Scored, lines: Sequence[Line], best_line: float) -> Passage:
    # Where a passage is one message, there is nothing to choose within: the line is as good as the passage.
    is_whole = len({line.message_pk for line in lines}) == 1
    ranked = tuple(
        replace(line, score=scored.score if is_whole else line_score(scored, i, best_line))
        for i, line in enumerate(lines)
    )
    first = lines[0] if lines else None
    return Passage(
        channel_pk=first.channel_pk if first else 0,
        channel_name=first.channel_name if first else "",
        lines=ranked,
        score=scored.score,
        cosine=scored.cosine,
        coverage=scored.coverage,
    )
