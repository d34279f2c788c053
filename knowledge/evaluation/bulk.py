"""Fills an empty database with made-up talk in minutes: the rows that archive and indexer would leave, without a model.

A test compares both. Only the vectors differ: they are made up too, each near the direction of its topic, because to
embed a million messages takes a processor a day.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from knowledge.access import Access, channel_pks, person_pks
from knowledge.database import Connection, Database
from knowledge.evaluation.directions import Vectors, copied, directions, unit_length
from knowledge.evaluation.library import Progress
from knowledge.evaluation.synthetic import Talk, Uttered
from knowledge.ledger import Ledger
from knowledge.lexical import term_ids, terms
from knowledge.message_table import UPSERT, columns
from knowledge.models import IndexModel
from knowledge.units import Said, Unit, family_of, labelled_line, units_of

# Beside its topic's direction, of length 1, each vector has as much of a direction of its own.
OWN_SHARE = 1.0
DAYS_AT_ONCE = 5
MEMORY_MB = 1_024

# What is not needed to keep rows unique is built when all are there. The index by channel belongs to a partitioned one.
INDEXES = """
SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE (t.relname IN ('message', 'unit', 'unit_line') OR t.relname = %(vectors)s)
  AND NOT i.indisunique AND NOT c.relispartition ORDER BY c.relname"""
ADD_UNITS = """
INSERT INTO unit (unit_pk, channel_pk, family, text_hash, term_count, starts_at) OVERRIDING SYSTEM VALUE
SELECT * FROM unnest(%(units)s::bigint[], %(channels)s::bigint[], %(families)s::text[], %(hashes)s::bytea[],
                     %(terms)s::integer[], %(starts)s::timestamptz[])"""
ADD_LINES = """
INSERT INTO unit_line (unit_pk, line_no, message_pk, begin_char, end_char)
SELECT * FROM unnest(%(units)s::bigint[], %(numbers)s::integer[], %(messages)s::bigint[], %(begins)s::integer[],
                     %(ends)s::integer[])"""
COPY_VECTORS = "COPY unit_vector (model_pk, unit_pk, channel_pk, embedding) FROM STDIN (FORMAT BINARY)"
GO_ON_FROM = "SELECT setval(pg_get_serial_sequence('unit', 'unit_pk'), %(last)s)"
# To make one text of half a million counts takes the driver a while, in which the database hears nothing.
PATIENTLY = "SET LOCAL idle_in_transaction_session_timeout = 0"
STATISTICS = "ANALYZE message, term, unit, unit_line, unit_vector, channel"


@dataclass(frozen=True, slots=True)
class Filled:
    """How many units came of it, how long all took, and how long that the graph over the vectors."""

    units: int
    fill_s: float
    graph_s: float


@dataclass(frozen=True, slots=True)
class _Cut:
    unit_pk: int
    channel_pk: int
    family: str
    unit: Unit
    topic: int


async def fill(database: Database, talk: Talk, model: IndexModel, on_progress: Progress) -> Filled:
    """Writes all of a talk into an empty, migrated database."""
    started = time.perf_counter()
    await Access(database).record_channels(talk.channels)
    await Access(database).record_people(talk.people)
    indexes = await database.fetch(INDEXES, {"vectors": f"unit_vector_{model.model_pk}"})
    async with database.transaction() as connection:
        for name, _ in indexes:
            await connection.execute(f"DROP INDEX {name}".encode())
    writer = _Writer(talk, model)
    async with database.transaction() as connection:
        await writer.prepare(connection)
    waiting: list[list[Uttered]] = []
    for day in talk.days():
        waiting.append(day)
        if len(waiting) == DAYS_AT_ONCE:
            await writer.write(database, waiting)
            on_progress("write", writer.written, talk.messages)
            waiting = []
    await writer.write(database, waiting)
    on_progress("write", writer.written, talk.messages)
    async with database.transaction() as connection:
        await connection.execute(PATIENTLY)
        await writer.ledger.settle(connection)
        await connection.execute(GO_ON_FROM, {"last": max(1, writer.units)})
    graph_s = await _build(database, indexes, on_progress)
    return Filled(writer.units, time.perf_counter() - started, graph_s)


async def _build(database: Database, indexes: Sequence[tuple[str, str]], on_progress: Progress) -> float:
    graph_s = 0.0
    for number, (_, made) in enumerate(indexes):
        on_progress("build indexes", number, len(indexes))
        began = time.perf_counter()
        async with database.transaction() as connection:
            await connection.execute(f"SET LOCAL maintenance_work_mem = '{MEMORY_MB}MB'".encode())
            await connection.execute(made.encode())
        if "USING hnsw" in made:
            graph_s = time.perf_counter() - began
    on_progress("build indexes", len(indexes), len(indexes))
    async with database.transaction() as connection:
        await connection.execute(STATISTICS)
    return graph_s


class _Writer:
    """Writes days of talk, and keeps the books that are settled at the end."""

    def __init__(self, talk: Talk, model: IndexModel) -> None:
        self.ledger = Ledger()
        self.written = 0
        self.units = 0
        self._talk = talk
        self._model = model
        self._numbers = count(1)
        self._topics = directions(np.random.default_rng(talk.seed), talk.topics, model.dimension)

    async def prepare(self, connection: Connection) -> None:
        """Looks up the keys of channels and people."""
        talk = self._talk
        found = await channel_pks(connection, (one.ref for one in talk.channels))
        self._channels = {ref: pk for ref, (pk, _) in found.items()}
        self._names = {pk: one.name for one in talk.channels if (pk := self._channels[one.ref])}
        self._people = await person_pks(connection, {one.ref: one.name for one in talk.people})

    async def write(self, database: Database, days: Sequence[Sequence[Uttered]]) -> None:
        """Some days, whole ones: no family is on two of them."""
        said = [one for day in days for one in day]
        if not said:
            return
        messages = [one.message for one in said]
        keys = [(self._channels[one.ref.channel], one.ref.message_id) for one in messages]
        words = {
            key: term_ids(labelled_line(one.author_name, one.text)) for key, one in zip(keys, messages, strict=True)
        }
        rows = columns(messages, self._channels, self._people, words)
        for (channel_pk, _), found in words.items():
            self.ledger.replace(channel_pk, None, found)
        async with database.transaction() as connection:
            await connection.execute(PATIENTLY)
            written = await (await connection.execute(UPSERT, rows)).fetchall()
        pks = {(channel_pk, message_id): pk for channel_pk, message_id, pk, *_ in written}
        cut = list(self._cut(said, pks))
        vectors = self._vectors(cut)
        async with database.transaction() as connection:
            await connection.execute(PATIENTLY)
            await connection.execute(ADD_UNITS, _unit_columns(cut))
            await connection.execute(ADD_LINES, _line_columns(cut))
            async with connection.cursor().copy(COPY_VECTORS) as copy:
                keys_of = [(one.unit_pk, one.channel_pk) for one in cut]
                await copy.write(copied(self._model.model_pk, keys_of, vectors))
        self.written += len(said)
        self.units += len(cut)

    def _cut(self, said: Sequence[Uttered], pks: Mapping[tuple[int, str], int]) -> list[_Cut]:
        families: dict[tuple[int, str], list[tuple[Said, int]]] = defaultdict(list)
        for one, topic in said:
            channel_pk = self._channels[one.ref.channel]
            family = family_of(one.ref.message_id, one.thread_id, one.posted_at, one.seq)
            pk = pks[channel_pk, one.ref.message_id]
            line = Said(pk, one.ref.message_id, one.author_name, one.text, one.thread_id, one.posted_at, one.seq)
            families[channel_pk, family].append((line, topic))
        return [
            _Cut(next(self._numbers), channel_pk, family, unit, topics[unit.lines[0].message_pk])
            for (channel_pk, family), lines in families.items()
            for topics in [{line.message_pk: topic for line, topic in lines}]
            for unit in units_of(sorted((line for line, _ in lines), key=_order), channel_name=self._names[channel_pk])
        ]

    def _vectors(self, cut: Sequence[_Cut]) -> Vectors:
        dice = np.random.default_rng((self._talk.seed, cut[0].unit_pk))
        own = directions(dice, len(cut), self._model.dimension)
        return unit_length(self._topics[[one.topic for one in cut]] + OWN_SHARE * own)


def _order(said: Said) -> tuple[Any, str]:
    return said.posted_at, said.message_id


def _unit_columns(cut: Sequence[_Cut]) -> dict[str, object]:
    return {
        "units": [one.unit_pk for one in cut],
        "channels": [one.channel_pk for one in cut],
        "families": [one.family for one in cut],
        "hashes": [one.unit.text_hash for one in cut],
        "terms": [len(terms(one.unit.text)) for one in cut],
        "starts": [one.unit.starts_at for one in cut],
    }


def _line_columns(cut: Sequence[_Cut]) -> dict[str, object]:
    lines = [(one.unit_pk, number, line) for one in cut for number, line in enumerate(one.unit.lines)]
    return {
        "units": [unit_pk for unit_pk, _, _ in lines],
        "numbers": [number for _, number, _ in lines],
        "messages": [line.message_pk for _, _, line in lines],
        "begins": [line.begin for _, _, line in lines],
        "ends": [line.end for _, _, line in lines],
    }
