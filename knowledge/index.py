"""Reading the index: the two searches, each with its scope in the statement, and the lines of what they found."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import sql

from knowledge.database import Connection, Database, array_of
from knowledge.kept import kept
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line
from knowledge.periods import Period
from knowledge.units import MAX_LINES

Terms = NDArray[np.int32]

# Up to this many vectors in scope, every one is compared: exact, and faster than a filtered graph scan.
EXACT_SCAN_UP_TO = 20_000

# OFFSET 0 keeps a sub-select as it is written: rows are looked up by the keys found before it. PostgreSQL cannot know
# how many channels the wall shows, takes them for few, and would rather go through every message in them.

# The message that asks, where it is kept already.
ASKING = """
SELECT m.message_pk, m.terms FROM channel c
CROSS JOIN LATERAL (SELECT message_pk, terms FROM message m
                    WHERE m.channel_pk = c.channel_pk AND m.message_id = %(message)s AND NOT m.deleted OFFSET 0) AS m
WHERE (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(channel)s)"""

STATISTICS = f"""
WITH asking AS ({ASKING})
SELECT coalesce(sum(live_count), 0) - (SELECT count(*) FROM asking),
       coalesce(sum(term_count), 0) - (SELECT coalesce(sum(cardinality(terms)), 0) FROM asking),
       ARRAY(SELECT coalesce(t.df, 0) - (SELECT count(*) FROM asking WHERE q.term = ANY(asking.terms))
             FROM unnest(%(terms)s::integer[]) WITH ORDINALITY AS q (term, place)
             LEFT JOIN term t USING (term) ORDER BY place)
FROM channel"""  # noqa: S608 - constants alone

SEARCH_TEXT = f"""
SELECT m.message_pk, m.channel_pk, m.posted_at, array_send(m.terms), l.unit_pk, l.line_no, u.term_count
FROM messages_holding(%(scope)s, %(terms)s::integer[], %(limit)s) AS held (message_pk)
CROSS JOIN LATERAL (SELECT message_pk, channel_pk, posted_at, terms FROM message m WHERE m.message_pk = held.message_pk
                    AND m.channel_pk = ANY(%(scope)s) AND NOT m.deleted OFFSET 0) AS m
LEFT JOIN unit_line l ON l.message_pk = m.message_pk
LEFT JOIN LATERAL (SELECT term_count FROM unit WHERE unit_pk = l.unit_pk OFFSET 0) AS u ON true
WHERE m.message_pk IS DISTINCT FROM (SELECT message_pk FROM ({ASKING}) AS asking)"""  # noqa: S608 - constants alone

# What a unit with the question in it is near to is the question itself.
UNITS_ASKING = f"SELECT l.unit_pk FROM unit_line l JOIN ({ASKING}) AS asking USING (message_pk)"  # noqa: S608 - constants alone

# The graph is scanned on until enough rows are in scope; the outer query puts them in order.
GO_ON = "SET LOCAL hnsw.iterative_scan = relaxed_order"

# At most ten lines make a unit: over so many messages there are too many vectors, without counting them.
COUNT_MESSAGES = "SELECT sum(live_count) FROM channel WHERE channel_pk = ANY(%(scope)s)"

COUNT_VECTORS = """
SELECT count(*) FROM (SELECT FROM unit_vector WHERE model_pk = %(model)s AND channel_pk = ANY(%(scope)s)
                      LIMIT %(limit)s) AS counted"""

# Adding zero keeps the planner from the graph index: each vector in scope is compared.
SEARCH_VECTOR_EXACT = """
SELECT unit_pk, 1 - distance FROM (
    SELECT unit_pk, embedding <=> %(vector)s AS distance FROM unit_vector
    WHERE model_pk = %(model)s AND channel_pk = ANY(%(scope)s)) AS scanned
ORDER BY distance + 0 LIMIT %(limit)s"""

SEARCH_VECTOR_HNSW = """
SELECT unit_pk, 1 - distance FROM (
    SELECT unit_pk, embedding::halfvec({dimension}) <=> %(vector)s::halfvec({dimension}) AS distance
    FROM unit_vector WHERE model_pk = {model} AND channel_pk = ANY(%(scope)s)
    ORDER BY distance LIMIT %(limit)s) AS found
ORDER BY distance + 0"""

COSINES = f"""
SELECT wanted.unit_pk, 1 - (v.embedding <=> %(vector)s) FROM unnest(%(units)s::bigint[]) AS wanted (unit_pk)
CROSS JOIN LATERAL (SELECT embedding FROM unit_vector v WHERE v.model_pk = %(model)s AND v.unit_pk = wanted.unit_pk
                    AND v.channel_pk = ANY(%(scope)s) OFFSET 0) AS v
WHERE wanted.unit_pk NOT IN ({UNITS_ASKING})"""  # noqa: S608 - constants alone

# What was said within a time, the latest where that is too much to compare.
SEARCH_VECTOR_WITHIN = """
SELECT unit_pk, 1 - distance FROM (
    SELECT said.unit_pk, v.embedding <=> %(vector)s AS distance
    FROM (SELECT unit_pk FROM unit
          WHERE channel_pk = ANY(%(scope)s) AND starts_at >= %(start)s AND starts_at < %(end)s
          ORDER BY starts_at DESC LIMIT %(most)s) AS said
    CROSS JOIN LATERAL (SELECT embedding FROM unit_vector v WHERE v.model_pk = %(model)s AND v.unit_pk = said.unit_pk
                        AND channel_pk = ANY(%(scope)s) OFFSET 0) AS v) AS scanned
ORDER BY distance + 0 LIMIT %(limit)s"""

BEGINNINGS = """
SELECT wanted.unit_pk, u.starts_at FROM unnest(%(units)s::bigint[]) AS wanted (unit_pk)
CROSS JOIN LATERAL (SELECT starts_at FROM unit WHERE unit_pk = wanted.unit_pk
                    AND channel_pk = ANY(%(scope)s) OFFSET 0) AS u"""

LINES = """
SELECT l.unit_pk, l.line_no, m.message_pk, m.rev, c.platform, c.workspace, c.channel_id, m.message_id, c.channel_pk,
       c.name, coalesce(p.name, ''), substr(m.body, l.begin_char + 1, l.end_char - l.begin_char), m.posted_at,
       m.permalink
FROM unit_line l
CROSS JOIN LATERAL (SELECT * FROM message m WHERE m.message_pk = l.message_pk
                    AND m.channel_pk = ANY(%(scope)s) AND NOT m.deleted OFFSET 0) AS m
JOIN channel c USING (channel_pk)
LEFT JOIN person p ON p.person_pk = m.author_pk
WHERE l.unit_pk = ANY(%(units)s) AND c.removed_at IS NULL AND c.hidden_at IS NULL
ORDER BY l.unit_pk, l.line_no"""

LOOSE_LINES = """
SELECT -m.message_pk, 0, m.message_pk, m.rev, c.platform, c.workspace, c.channel_id, m.message_id, c.channel_pk,
       c.name, coalesce(p.name, ''), substr(m.body, 1, 1200), m.posted_at, m.permalink
FROM message m
JOIN channel c USING (channel_pk)
LEFT JOIN person p ON p.person_pk = m.author_pk
WHERE m.message_pk = ANY(%(messages)s) AND m.channel_pk = ANY(%(scope)s) AND NOT m.deleted AND c.removed_at IS NULL
  AND c.hidden_at IS NULL"""

STILL_TRUE = """
SELECT k.message_pk || ':' || k.rev FROM unnest(%(messages)s::bigint[], %(revs)s::integer[]) AS k (message_pk, rev)
JOIN message m USING (message_pk, rev) JOIN channel c USING (channel_pk)
WHERE m.channel_pk = ANY(%(scope)s) AND NOT m.deleted AND c.removed_at IS NULL
  AND c.hidden_at IS NULL"""

STORED = """
SELECT m.message_id, m.message_pk, m.rev, m.channel_pk FROM message m JOIN channel c USING (channel_pk)
WHERE (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(id)s)
  AND m.message_id = ANY(%(messages)s) AND m.channel_pk = ANY(%(scope)s) AND NOT m.deleted AND c.removed_at IS NULL
  AND c.hidden_at IS NULL"""


BEING_READ = """
SELECT c.name FROM channel c WHERE c.channel_pk = ANY(%(scope)s) AND EXISTS (
    SELECT 1 FROM job j WHERE j.channel_pk = c.channel_pk AND j.kind = 'backfill' AND j.state = 'running')
ORDER BY c.name"""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What BM25 needs to know of the collection: live messages, their terms, and each query term's frequency."""

    live_count: int
    term_count: int
    df: tuple[int, ...]


class TextHit(NamedTuple):
    """A message that holds a search term. `unit_pk` is None until the message has been cut into a unit."""

    message_pk: int
    channel_pk: int
    posted_at: datetime | None
    terms: Terms
    unit_pk: int | None
    line_no: int | None
    unit_terms: int | None


@dataclass(frozen=True, slots=True)
class VectorHit:
    """A unit near the question. `cosine` is 1 for the same direction."""

    unit_pk: int
    cosine: float


class Index:
    """Units, their lines and their vectors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Index"]:
        """The index as it stands at one moment: no unit is cut anew between finding it and reading its lines."""
        async with self._database.snapshot() as database:
            yield Index(database)

    async def statistics(self, terms: Sequence[int], asked_in: MessageRef | None = None) -> Statistics:
        """Collection figures for the terms of one query, in their order; as they were before it was asked."""
        rows = await self._database.fetch(STATISTICS, {"terms": list(terms), **_asking(asked_in)})
        live, count, df = rows[0]
        return Statistics(int(live), int(count), tuple(df))

    async def said_in(self, scope: Sequence[int]) -> int:
        """How many messages there are in scope."""
        rows = await self._database.read(scope, COUNT_MESSAGES)
        return int(rows[0][0] or 0)

    async def being_read(self, scope: Sequence[int]) -> list[str]:
        """The names of the channels in scope whose past has not been read to its end yet."""
        return [row[0] for row in await self._database.read(scope, BEING_READ)]

    async def search_text(
        self, scope: Sequence[int], terms: Sequence[int], limit: int, asked_in: MessageRef | None = None
    ) -> list[TextHit]:
        """Messages in scope that hold any of the terms, the latest stored first where there are too many."""
        row = {"terms": list(terms), "limit": limit, **_asking(asked_in)}
        rows = await self._database.read(scope, SEARCH_TEXT, row, binary=True)
        return [TextHit(pk, channel, posted, _numbers(sent), *place) for pk, channel, posted, sent, *place in rows]

    async def search_vector(
        self,
        scope: Sequence[int],
        model_pk: int,
        vector: Sequence[float],
        limit: int,
        asked_in: MessageRef | None = None,
    ) -> list[VectorHit]:
        """Units in scope nearest to the vector, nearest first, as many as exist up to the limit."""
        row: dict[str, Any] = {
            "scope": array_of(scope),
            "model": model_pk,
            "vector": HalfVector(list(vector)),
            "limit": limit,
        }
        async with self._database.reading(scope) as connection:
            hits: list[VectorHit] = []
            if not await _are_few(connection, row):
                await connection.execute(GO_ON)
                await connection.execute("SET LOCAL hnsw.ef_search = 100")
                statement = sql.SQL(SEARCH_VECTOR_HNSW).format(
                    dimension=sql.Literal(len(vector)), model=sql.Literal(model_pk)
                )
                cursor = await connection.execute(statement, row)
                hits = [VectorHit(*hit) for hit in await cursor.fetchall()]
            # The graph is left when it was scanned long enough, whether all was found or not.
            if len(hits) < limit:
                cursor = await connection.execute(SEARCH_VECTOR_EXACT, row)
                compared = [VectorHit(*hit) for hit in await cursor.fetchall()]
                hits = compared if len(compared) > len(hits) else hits
            if asked_in is None:
                return hits
            asking = await connection.execute(UNITS_ASKING, _asking(asked_in))
            own = {unit_pk for (unit_pk,) in await asking.fetchall()}
            return [hit for hit in hits if hit.unit_pk not in own]

    async def search_vector_within(
        self, scope: Sequence[int], model_pk: int, vector: Sequence[float], limit: int, period: Period
    ) -> dict[int, float]:
        """The units nearest to the vector among those that begin within a time, with how near they are."""
        row = {
            "model": model_pk,
            "vector": HalfVector(list(vector)),
            "start": period.start,
            "end": period.end,
            "most": EXACT_SCAN_UP_TO,
            "limit": limit,
        }
        return dict(await self._database.read(scope, SEARCH_VECTOR_WITHIN, row))

    async def beginnings(self, scope: Sequence[int], units: Sequence[int]) -> dict[int, datetime | None]:
        """When these units begin; None for talk without dates."""
        return dict(await self._database.read(scope, BEGINNINGS, {"units": list(units)})) if units else {}

    async def cosines(
        self,
        scope: Sequence[int],
        model_pk: int,
        vector: Sequence[float],
        units: Sequence[int],
        asked_in: MessageRef | None = None,
    ) -> dict[int, float]:
        """How near these units are to the vector, those of them that are in scope and have one."""
        if not units:
            return {}
        row: dict[str, Any] = {
            "model": model_pk,
            "vector": HalfVector(list(vector)),
            "units": list(units),
            **_asking(asked_in),
        }
        return dict(await self._database.read(scope, COSINES, row))

    async def lines(self, scope: Sequence[int], units: Sequence[int], loose: Sequence[int]) -> dict[int, list[Line]]:
        """The lines of units, in order, as they stand now; `loose` messages are in no unit yet.

        Shape: unit_pk → lines; a loose message is its own unit under minus its key.
        """
        found: dict[int, list[Line]] = {}
        rows = await self._database.read(scope, LINES, {"units": list(units)})
        if loose:
            rows += await self._database.read(scope, LOOSE_LINES, {"messages": list(loose)})
        for unit, _, pk, rev, platform, workspace, cid, mid, channel, name, author, text, posted, link in rows:
            ref = MessageRef(ChannelRef(platform, workspace, cid), mid)
            line = Line(pk, rev, ref, channel, name, author, text or "", posted, link or "")
            found.setdefault(unit, []).append(line)
        return found

    async def stored(self, scope: Sequence[int], lines: Sequence[Line]) -> tuple[Line, ...]:
        """Lines of one channel that the platform gave, as the archive would keep them.

        Those of messages that it does keep, and that are in scope, get their keys: a deletion of such a message
        reaches whatever was made of its line.
        """
        if not lines:
            return ()
        channel = lines[0].ref.channel
        row = {
            "platform": channel.platform,
            "workspace": channel.workspace,
            "id": channel.channel_id,
            "messages": [line.ref.message_id for line in lines],
        }
        found = {message_id: keys for message_id, *keys in await self._database.read(scope, STORED, row)}
        lines = [replace(line, text=kept(line.text).text) for line in lines]
        return tuple(
            replace(line, message_pk=keys[0], rev=keys[1], channel_pk=keys[2])
            if (keys := found.get(line.ref.message_id))
            else line
            for line in lines
        )

    async def still_true(self, scope: Sequence[int], keys: Sequence[str]) -> set[str]:
        """Which of these messages ("message_pk:rev") are unchanged, undeleted and in scope: asked again before use."""
        if not keys:
            return set()
        pairs = [key.split(":") for key in keys]
        row = {
            "messages": [int(message_pk) for message_pk, _ in pairs],
            "revs": [int(rev) for _, rev in pairs],
        }
        return {found[0] for found in await self._database.read(scope, STILL_TRUE, row)}


async def _are_few(connection: Connection, row: dict[str, Any]) -> bool:
    """Whether the vectors in scope are so few that each is compared."""
    said = await (await connection.execute(COUNT_MESSAGES, row)).fetchone()
    if said is not None and (said[0] or 0) > MAX_LINES * EXACT_SCAN_UP_TO:
        return False
    found = await (await connection.execute(COUNT_VECTORS, {**row, "limit": EXACT_SCAN_UP_TO + 1})).fetchone()
    return found is not None and found[0] <= EXACT_SCAN_UP_TO


def _numbers(sent: bytes) -> Terms:
    """The numbers of an array as PostgreSQL sends it: a head of five, then each behind its length in bytes.

    Making Python's own numbers of them took longer than finding them.
    """
    return np.frombuffer(sent, dtype=">i4")[6::2]


def _asking(message: MessageRef | None) -> dict[str, str]:
    """Parameters of ASKING; empty ones find no message."""
    if message is None:
        return dict.fromkeys(("platform", "workspace", "channel", "message"), "")
    channel = message.channel
    return {
        "platform": channel.platform,
        "workspace": channel.workspace,
        "channel": channel.channel_id,
        "message": message.message_id,
    }
