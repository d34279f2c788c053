"""The scope is part of the vector search: whoever reads little of a large index still gets all that there is for them.

Small, the graph index is forced, so that what goes on behind its filter shows; in full size the product chooses.
"""

import time

import numpy as np
import pytest
from pgvector import HalfVector
from psycopg import sql

from knowledge import index as index_module
from knowledge.index import SEARCH_VECTOR_EXACT, Index
from knowledge.models import IndexModels
from knowledge.retriever import VECTOR_HITS

SHARES = {"0.1 %": 0.001, "1 %": 0.01, "10 %": 0.1}
WANTED = 10
BATCH = 20_000
# How far apart the vectors of an embedder lie, as measured on 20,000 passages of multilingual-e5-small: the nearest
# has a cosine of .95, the tenth of .91, the hundredth of .88, any other of .76. So this much of a vector is common to
# all, to its topic, its talk and its next neighbour; the rest is its own.
COMMON, TOPIC, TALK, PAIR, OWN = 0.764, 0.116, 0.026, 0.044, 0.05
TOPICS = 3_000
A_TALK, A_PAIR = 30, 3

CHANNELS = """
INSERT INTO channel (platform, workspace, channel_id, name, visibility)
SELECT 'test', 'tidepool', name, name, 'public' FROM unnest(%(names)s::text[]) AS name
RETURNING channel_id, channel_pk"""
UNITS = """
INSERT INTO unit (channel_pk, family, text_hash, term_count)
SELECT unnest(%(channels)s::bigint[]), 'day', '', 1 RETURNING unit_pk, channel_pk"""
# With few rows the planner would rather sort them than go through the graph.
THROUGH_THE_GRAPH = "SET LOCAL enable_sort = off"
NOTHING = "SELECT 0, 0.0 WHERE false"
COPY = "COPY unit_vector (model_pk, unit_pk, channel_pk, embedding) FROM STDIN (FORMAT BINARY)"


class Heap:
    """Vectors that lie as an embedder's do, in channels of which each holds its share."""

    def __init__(self, database, dimension):
        self.database, self.dimension = database, dimension
        self.dice = np.random.default_rng(5)
        self.common = self.noise(1, COMMON)
        self.topics = self.noise(TOPICS, TOPIC)
        self.places = []  # of talk that is kept, for questions about it
        self.index = Index(database)

    async def fill(self, count, dimension):
        self.model = (await IndexModels(self.database).register("random", dimension, {})).model_pk
        names = [*SHARES, "the rest"]
        rows = await self.database.fetch(CHANNELS, {"names": names})
        self.channels = dict(rows)
        chances = [*SHARES.values(), 1 - sum(SHARES.values())]
        table = sql.Identifier(f"unit_vector_{self.model}")
        [(graph, made)] = await self.database.fetch(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %(table)s AND indexdef LIKE '%%hnsw%%'",
            {"table": f"unit_vector_{self.model}"},
        )
        async with self.database.transaction() as connection:
            await connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(graph)))
        for start in range(0, count, BATCH):
            chosen = self.dice.choice(names, min(BATCH, count - start), p=chances)
            await self._add([self.channels[name] for name in chosen])
        async with self.database.transaction() as connection:
            await connection.execute("SET LOCAL maintenance_work_mem = '3GB'")
            await connection.execute(made)
        async with self.database.transaction() as connection:
            await connection.execute(sql.SQL("ANALYZE {}").format(table))

    async def _add(self, channels):
        vectors = self.kept(len(channels))
        async with self.database.transaction() as connection:
            added = await (await connection.execute(UNITS, {"channels": channels})).fetchall()
            async with connection.cursor().copy(COPY) as copy:
                copy.set_types(["int4", "int8", "int8", "halfvec"])
                for (unit, channel), vector in zip(added, vectors, strict=True):
                    await copy.write_row((self.model, unit, channel, HalfVector(vector)))

    def noise(self, count, share):
        """Directions of about this share of a vector's square: (count, dimension)."""
        return self.dice.standard_normal((count, self.dimension)) * (share / self.dimension) ** 0.5

    def kept(self, count):
        """So many vectors, of talk of their own: (count, dimension)."""
        talks = self.topics[self.dice.integers(0, TOPICS, count // A_TALK + 1)] + self.noise(count // A_TALK + 1, TALK)
        pairs = talks[self.dice.integers(0, len(talks), count // A_PAIR + 1)] + self.noise(count // A_PAIR + 1, PAIR)
        self.places += list(self.common + pairs[: 1 + count // 500])
        about = pairs[self.dice.integers(0, len(pairs), count)]
        return (self.common + about + self.noise(count, OWN)).astype(np.float32)

    def asked_about(self, count):
        """So many questions, each about something that is kept: (count, dimension)."""
        chosen = self.dice.integers(0, len(self.places), count)
        return (np.array(self.places)[chosen] + self.noise(count, OWN)).astype(np.float32)

    async def exact(self, scope, vector):
        """The units that are nearest, from looking at every one."""
        row = {"scope": scope, "model": self.model, "vector": HalfVector(vector), "limit": WANTED}
        async with self.database.reading(scope) as connection:
            return {unit for unit, _ in await (await connection.execute(SEARCH_VECTOR_EXACT, row)).fetchall()}

    async def asked(self, queries):
        """For each scope: the share of what exists that came back, how much of it is right, and the slowest."""
        told = {}
        for name in SHARES:
            scope, found, right, wanted, took = [self.channels[name]], 0, 0, 0, []
            for vector in self.asked_about(queries):
                best = await self.exact(scope, vector)
                began = time.monotonic()
                hits = await self.index.search_vector(scope, self.model, list(vector), VECTOR_HITS)
                took.append(time.monotonic() - began)
                wanted += len(best)
                found += min(len(hits), len(best))
                right += len(best & {hit.unit_pk for hit in hits[:WANTED]})
            p95_ms = round(1000 * sorted(took)[int(0.95 * (queries - 1))], 1)
            told[name] = {"returned": round(found / wanted, 3), "recall": round(right / wanted, 3), "p95_ms": p95_ms}
        return told


@pytest.fixture
async def heap(database, size, monkeypatch):
    count, dimension = size((6_000, 48), (1_000_000, 384))
    if count < index_module.EXACT_SCAN_UP_TO:
        monkeypatch.setattr(index_module, "EXACT_SCAN_UP_TO", 0)
        monkeypatch.setattr(index_module, "GO_ON", f"{index_module.GO_ON}; {THROUGH_THE_GRAPH}")
        monkeypatch.setattr(index_module, "SEARCH_VECTOR_EXACT", NOTHING)
    heap = Heap(database, dimension)
    await heap.fill(count, dimension)
    return heap


@pytest.mark.timeout(7200)
async def test_a_narrow_scope_gets_all_that_it_may_see(heap, size, report):
    told = await heap.asked(size(20, 200))
    report("filtered_search", vectors=size(6_000, 1_000_000), queries_each=size(20, 200), **told)
    assert {one["returned"] for one in told.values()} == {1.0}
    assert min(one["recall"] for one in told.values()) >= 0.95


async def test_a_graph_scan_that_ends_at_its_first_rows_would_be_noticed(heap, monkeypatch):
    monkeypatch.setattr(index_module, "GO_ON", THROUGH_THE_GRAPH)
    monkeypatch.setattr(index_module, "SEARCH_VECTOR_EXACT", NOTHING)
    told = await heap.asked(5)
    assert told["0.1 %"]["returned"] < 0.5


async def test_where_the_graph_gives_too_few_each_vector_is_compared(heap, monkeypatch):
    monkeypatch.setattr(index_module, "GO_ON", THROUGH_THE_GRAPH)
    monkeypatch.setattr(index_module, "SEARCH_VECTOR_EXACT", SEARCH_VECTOR_EXACT)
    told = await heap.asked(5)
    assert told["0.1 %"]["returned"] == 1.0
