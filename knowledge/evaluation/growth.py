"""The work of `threadlore bench retrieval`: how fast and how complete search is over so many messages."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from knowledge.access import Access
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation import metrics
from knowledge.evaluation.bulk import fill
from knowledge.evaluation.clocked import Clocked
from knowledge.evaluation.directions import directions, unit_length
from knowledge.evaluation.library import Progress
from knowledge.evaluation.synthetic import Talk
from knowledge.index import SEARCH_VECTOR_EXACT, Index
from knowledge.lexical import query_terms, term_id
from knowledge.models import IndexModel, IndexModels
from knowledge.retriever import CANDIDATES, MOST_TIMES, VECTOR_HITS, Search
from knowledge.scope import Audience, Scope

VISIBLE = (0.001, 0.01, 0.1, 1.0)
"""Which shares of the messages are in scope."""
QUERIES = 100
MADE_UP = "made up"
COMPARED = 10
# A question is so many words of a message, and a vector that has as much of a direction of its own beside its unit's.
WORDS = 6
OWN_SHARE = 0.5
WARMING_UP = 5

ASKED = """
SELECT m.body, v.embedding::vector::real[] FROM (
    SELECT unit_pk FROM unit WHERE channel_pk = ANY(%(scope)s) ORDER BY md5(unit_pk::text) LIMIT %(queries)s) AS u
JOIN unit_line l ON l.unit_pk = u.unit_pk AND l.line_no = 0 JOIN message m USING (message_pk)
JOIN unit_vector v ON v.unit_pk = u.unit_pk AND v.model_pk = %(model)s"""
SIZES = "SELECT channel_pk, live_count FROM channel WHERE live_count > 0"
COUNT_VECTORS = "SELECT count(*) FROM unit_vector WHERE model_pk = %(model)s AND channel_pk = ANY(%(scope)s)"
COUNT_HOLDING = """
SELECT count(*) FROM (SELECT FROM message WHERE channel_pk = ANY(%(scope)s) AND terms && %(terms)s::integer[]
                      AND NOT deleted LIMIT %(limit)s) AS counted"""
BYTES = """
SELECT sum(pg_relation_size(c.oid)) FILTER (WHERE c.relkind = 'r' AND c.relname !~ '^unit_vector_'),
       sum(pg_relation_size(c.oid)) FILTER (WHERE c.relname ~ '^unit_vector_' AND c.relkind = 'r'),
       sum(pg_relation_size(c.oid)) FILTER (WHERE a.amname = 'gin'),
       sum(pg_relation_size(c.oid)) FILTER (WHERE a.amname = 'hnsw'),
       sum(pg_relation_size(c.oid)) FILTER (WHERE a.amname = 'btree')
FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam WHERE c.relnamespace = 'public'::regnamespace"""


class Prepared:
    """An embedding model of which the next question's vector is known before: search without the model's time."""

    def __init__(self, name: str, dimension: int) -> None:
        self.name = name
        self.dimension = dimension
        self.vector: list[float] = []

    async def embed_query(self, _text: str) -> list[float]:
        """The vector that was prepared."""
        return self.vector

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Nothing is embedded here."""
        raise NotImplementedError(f"{len(texts)} texts, and no model")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: its words and its vector."""

    text: str
    vector: list[float]


@dataclass(frozen=True, slots=True)
class Took:
    """What one question took and found. `returned` and `exists` count rows of each search, by meaning and by words."""

    milliseconds: float
    sql_milliseconds: float
    recall: float
    returned: tuple[int, int]
    exists: tuple[int, int]


class Growth:
    """A filled database, and a search over it."""

    def __init__(self, database: Clocked, talk: Talk, model: IndexModel) -> None:
        self._database = database
        self._talk = talk
        self._model = model
        self._prepared = Prepared(model.name, model.dimension)
        self._index = Index(database)
        embeddings = ModelEmbeddings(self._prepared)
        self._search = Search(self._index, IndexModels(database), {embeddings.name: embeddings})

    async def scope(self, visible: float) -> Scope:
        """Channels taken at random that together hold about this share of the messages; at least one."""
        everything = await Access(self._database).scope_for(Audience(), None)
        if visible >= 1:
            return everything
        sizes: dict[int, int] = dict(await self._database.fetch(SIZES))
        names = dict(zip(everything.channel_pks, everything.channel_names, strict=True))
        order = np.random.default_rng(self._talk.seed).permutation(sorted(sizes)).tolist()
        chosen, left = list[int](), visible * self._talk.messages
        for pk in order:
            if sizes[pk] <= left:
                chosen.append(pk)
                left -= sizes[pk]
        chosen = chosen or [min(order, key=lambda pk: sizes[pk])]
        return Scope(Audience(), tuple(chosen), tuple(names[pk] for pk in chosen))

    async def questions(self, scope: Scope, count: int) -> list[Asked]:
        """Questions that something in scope answers: some of its words, and a vector near its own."""
        row = {"scope": list(scope.channel_pks), "queries": count, "model": self._model.model_pk}
        rows = await self._database.fetch(ASKED, row)
        dice = np.random.default_rng((self._talk.seed, len(scope.channel_pks)))
        own = directions(dice, len(rows), self._model.dimension)
        vectors = unit_length(np.array([vector for _, vector in rows], dtype=np.float32) + OWN_SHARE * own)
        found = [Asked(_words_of(body, dice), vector.tolist()) for (body, _), vector in zip(rows, vectors, strict=True)]
        return [found[number % len(found)] for number in range(count)] if found else []

    async def vectors(self, scope: Scope) -> int:
        """How many vectors there are in scope."""
        row = {"model": self._model.model_pk, "scope": list(scope.channel_pks)}
        [(count,)] = await self._database.fetch(COUNT_VECTORS, row)
        return int(count)

    async def ask(self, scope: Scope, asked: Asked, vectors: int) -> Took:
        """One question, timed as a whole; then both searches again, beside what there is to be found."""
        self._prepared.vector = asked.vector
        self._database.reset()
        began = time.perf_counter()
        await self._search.passages(asked.text, scope)
        took, in_sql = time.perf_counter() - began, self._database.seconds
        pks, model_pk = scope.channel_pks, self._model.model_pk
        terms = [term_id(word) for word in query_terms(asked.text)]
        near = await self._index.search_vector(pks, model_pk, asked.vector, VECTOR_HITS)
        exact = await self._database.read(
            pks, SEARCH_VECTOR_EXACT, {"model": model_pk, "vector": str(asked.vector), "limit": COMPARED}
        )
        holding = await self._index.search_text(pks, terms, MOST_TIMES * CANDIDATES)
        best = {unit_pk for unit_pk, _ in exact}
        row = {"scope": list(pks), "terms": terms, "limit": MOST_TIMES * CANDIDATES}
        [(held,)] = await self._database.fetch(COUNT_HOLDING, row)
        return Took(
            took * 1000,
            in_sql * 1000,
            len(best & {hit.unit_pk for hit in near[:COMPARED]}) / len(best) if best else 1.0,
            (len(near), len({hit.message_pk for hit in holding})),
            (min(vectors, VECTOR_HITS), held),
        )


async def measure_growth(
    database: Clocked, talk: Talk, dimension: int, queries: int, on_progress: Progress
) -> dict[str, Any]:
    """Fills an empty, migrated database and asks it. Returns what `--json` prints."""
    model = await IndexModels(database).register(MADE_UP, dimension, {})
    filled = await fill(database, talk, model, on_progress)
    scopes = await asked_of(Growth(database, talk, model), queries, on_progress)
    [sizes] = await database.fetch(BYTES)
    parts = ("rows", "vectors", "term_index", "graph_index", "other_indexes")
    return {
        "messages": talk.messages,
        "units": filled.units,
        "scopes": scopes,
        "raw_sql_p50_ms": scopes[-1]["sql_p50_ms"],
        "queries": queries,
        "vectors": "synthetic",
        "dimension": dimension,
        "fill_s": round(filled.fill_s, 1),
        "graph_s": round(filled.graph_s, 1),
        "bytes": {part: int(size or 0) for part, size in zip(parts, sizes, strict=True)},
    }


async def asked_of(growth: Growth, queries: int, on_progress: Progress) -> list[dict[str, Any]]:
    """So many questions in each scope, the narrowest first: one entry for each."""
    scopes: list[dict[str, Any]] = []
    for visible in VISIBLE:
        scope = await growth.scope(visible)
        asked, vectors = await growth.questions(scope, queries), await growth.vectors(scope)
        for one in asked[:WARMING_UP]:
            await growth.ask(scope, one, vectors)
        took: list[Took] = []
        for number, one in enumerate(asked, start=1):
            took.append(await growth.ask(scope, one, vectors))
            on_progress(f"ask, {visible:.1%} visible", number, len(asked))
        scopes.append(_entry(visible, len(scope.channel_pks), took))
    return scopes


def _entry(visible: float, channels: int, took: Sequence[Took]) -> dict[str, Any]:
    times = [one.milliseconds for one in took]
    by_meaning, by_words = (
        sum(one.returned[leg] for one in took) / max(1, sum(one.exists[leg] for one in took)) for leg in (0, 1)
    )
    return {
        "visible": visible,
        "channels": channels,
        "p50_ms": round(metrics.percentile(times, 0.5), 2),
        "p95_ms": round(metrics.percentile(times, 0.95), 2),
        "recall@10_vs_exact": round(metrics.mean([one.recall for one in took]), 4),
        "returned_share": round(by_meaning, 4),
        "words_returned_share": round(by_words, 4),
        "sql_p50_ms": round(metrics.percentile([one.sql_milliseconds for one in took], 0.5), 2),
    }


def _words_of(body: str, dice: np.random.Generator) -> str:
    """Some words of a message in the order they stand; of a Chinese one, a stretch."""
    words = body.split()
    if len(words) == 1:
        begin = int(dice.integers(0, max(1, len(body) - 2 * WORDS)))
        return body[begin : begin + 2 * WORDS]
    places = sorted(dice.permutation(len(words))[:WORDS].tolist())
    return " ".join(words[place] for place in places)
