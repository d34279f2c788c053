"""ScopedRetriever: built for one question with its Scope, which stands in every SQL statement it runs."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from knowledge.embeddings import ModelEmbeddings
from knowledge.errors import EmbeddingUnavailable
from knowledge.followup import Exchange, Sought, sought
from knowledge.index import Index, Statistics, TextHit
from knowledge.lexical import term_id, terms
from knowledge.messages import MessageRef
from knowledge.models import IndexModels
from knowledge.passages import Line, Passage
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
)
from knowledge.scope import Scope

# The rarest terms bring the candidates, until about this many messages hold them; the others only add to scores.
CANDIDATES = 4_000
MOST_CANDIDATES = 8_000
# So many terms of a question are looked up, and so many of those that tell most are searched for.
MOST_TERMS = 256
MOST_TELLING = 64
VECTOR_HITS = 100
# Units found by words whose vectors are looked at too.
WORD_HITS = 30
# Units whose lines are fetched, before overlapping passages are dropped.
SHORTLIST = 60
EVERYTHING_ON = Switches()


class Search:
    """The two searches over one index, put together.

    `embeddings` holds the models at hand by name. Where the one that the index was made with is not
    among them, the search goes by words alone.
    """

    def __init__(self, index: Index, models: IndexModels, embeddings: Mapping[str, ModelEmbeddings]) -> None:
        self._index = index
        self._models = models
        self._embeddings = embeddings

    async def passages(
        self,
        query: str,
        scope: Scope,
        *,
        earlier: Sequence[Exchange] = (),
        limit: int = 10,
        switches: Switches = EVERYTHING_ON,
        asked_in: MessageRef | None = None,
    ) -> list[Passage]:
        """The best passages in scope, best first, no two sharing most of their lines.

        `earlier`: the talk before the question, oldest first; a question that points back at it borrows its words.
        `asked_in`: the message that asks may be learnt before it is answered; nothing is found by its own words.
        Errors: `KnowledgeUnavailable`. An embedding model that is away costs the vector search only.
        """
        if not scope.channel_pks:
            return []
        wanted = sought(query, earlier)
        near = await self._near(wanted) if switches.dense else None
        async with self._index.snapshot() as index:
            words, loose = await _words(index, wanted, scope, asked_in, switches) if switches.lexical else ({}, {})
            cosines, looked_up = await _cosines(index, near, scope, words, asked_in) if near else ({}, {})
            share = FOLLOW_UP_VECTOR_SHARE if wanted.leans_back else VECTOR_SHARE
            ranked = fuse(words, cosines, looked_up, vector_share=share)[:SHORTLIST]
            units = [scored.unit for scored in ranked if scored.unit > 0]
            alone = [loose[scored.unit] for scored in ranked if scored.unit in loose]
            lines = await index.lines(scope.channel_pks, units, alone)
        best_line = max((score for scored in ranked for score in scored.lines.values()), default=0.0)
        found = (_passage(scored, lines.get(scored.unit, []), best_line) for scored in ranked)
        return _apart([passage for passage in found if passage.lines], limit)

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


async def _words(
    index: Index, wanted: Sought, scope: Scope, asked_in: MessageRef | None, switches: Switches
) -> tuple[dict[int, Scored], dict[int, int]]:
    """The units that hold the question's words, scored; and among them the messages that are in no unit yet."""
    words = sorted(wanted.weights, key=lambda word: -wanted.weights[word])[:MOST_TERMS]
    if not words:
        return {}, {}
    statistics = await index.statistics([term_id(word) for word in words], asked_in)
    described = _telling(words, [wanted.weights[word] for word in words], statistics)
    essential = _essential(described)
    if not essential:
        return {}, {}
    hits = await index.search_text(scope.channel_pks, essential, MOST_CANDIDATES, asked_in)
    placed = [_place(hit) for hit in hits]
    lengths = {hit.unit_pk: hit.unit_terms for hit in hits if hit.unit_pk is not None and hit.unit_terms}
    loose = {-hit.message_pk: hit.message_pk for hit in hits if hit.unit_pk is None}
    names = dict(zip(scope.channel_pks, scope.channel_names, strict=True))
    labels = {pk: [term_id(term) for term in terms(names.get(pk, ""))] for pk in {hit.channel_pk for hit in hits}}
    share = NEIGHBOUR_SHARE if switches.context else 0.0
    return rank_words(described, placed, lengths, labels, neighbour_share=share), loose


async def _cosines(
    index: Index, near: tuple[int, list[float]], scope: Scope, words: Mapping[int, Scored], asked_in: MessageRef | None
) -> tuple[dict[int, float], dict[int, float]]:
    """The units nearest in meaning; and how near those are that hold the question's words best.

    Among hundreds of much the same text, the only one with the right number in it may not be among the nearest.
    """
    hits = await index.search_vector(scope.channel_pks, *near, VECTOR_HITS, asked_in)
    cosines = {hit.unit_pk: hit.cosine for hit in hits}
    best = heapq.nlargest(WORD_HITS, (scored for scored in words.values() if scored.unit > 0), key=_by_words)
    missing = [scored.unit for scored in best if scored.unit not in cosines]
    return cosines, await index.cosines(scope.channel_pks, *near, missing, asked_in)


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


def _essential(query: Query) -> list[int]:
    """The known terms that tell most, as many as keep the candidates few; at least one."""
    chosen: list[int] = []
    total = 0
    for term, frequency in zip(query.terms, query.df, strict=True):
        if frequency == 0:
            continue
        if chosen and total + frequency > CANDIDATES:
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


def _place(hit: TextHit) -> Hit:
    unit = hit.unit_pk if hit.unit_pk is not None else -hit.message_pk
    return Hit(hit.message_pk, unit, hit.line_no or 0, hit.terms, hit.channel_pk)


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


def _apart(passages: Sequence[Passage], limit: int) -> list[Passage]:
    """Drops a passage when most of its lines stand in better ones already."""
    seen: set[int] = set()
    kept: list[Passage] = []
    for passage in passages:
        keys = {line.message_pk for line in passage.lines}
        if len(keys & seen) > len(keys) / 2:
            continue
        seen |= keys
        kept.append(passage)
        if len(kept) == limit:
            break
    return kept
