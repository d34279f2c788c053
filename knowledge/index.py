"""The unit, line and vector tables: replacing what changed, and the two searches, each with its scope in the statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pgvector import HalfVector
from psycopg import sql

from knowledge.database import Connection, Database
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line
from knowledge.units import Said, Unit, UnitLine

# Up to this many vectors in scope, every one is compared: exact, and faster than a filtered graph scan.
EXACT_SCAN_UP_TO = 20_000

STATISTICS = """
SELECT coalesce(sum(live_count), 0), coalesce(sum(term_count), 0),
       ARRAY(SELECT coalesce(t.df, 0) FROM unnest(%(terms)s::integer[]) WITH ORDINALITY AS q (term, place)
             LEFT JOIN term t USING (term) ORDER BY place)
FROM channel"""

SEARCH_TEXT = """
SELECT m.message_pk, m.channel_pk, m.terms, l.unit_pk, l.line_no, u.term_count
FROM (SELECT message_pk, channel_pk, terms FROM message
      WHERE channel_pk = ANY(%(scope)s) AND terms && %(terms)s::integer[] AND NOT deleted
      ORDER BY message_pk DESC LIMIT %(limit)s) AS m
LEFT JOIN unit_line l USING (message_pk)
LEFT JOIN unit u USING (unit_pk)"""

COUNT_VECTORS = """
SELECT count(*) FROM (SELECT FROM unit_vector WHERE model_pk = %(model)s AND channel_pk = ANY(%(scope)s)
                      LIMIT %(limit)s) AS counted"""

# Adding zero keeps the planner from the graph index: each vector in scope is compared.
SEARCH_VECTOR_EXACT = """
SELECT unit_pk, channel_pk, 1 - distance FROM (
    SELECT unit_pk, channel_pk, embedding <=> %(vector)s AS distance FROM unit_vector
    WHERE model_pk = %(model)s AND channel_pk = ANY(%(scope)s)) AS scanned
ORDER BY distance + 0 LIMIT %(limit)s"""

SEARCH_VECTOR_HNSW = """
SELECT unit_pk, channel_pk, 1 - distance FROM (
    SELECT unit_pk, channel_pk, embedding::halfvec({dimension}) <=> %(vector)s::halfvec({dimension}) AS distance
    FROM unit_vector WHERE model_pk = {model} AND channel_pk = ANY(%(scope)s)
    ORDER BY distance LIMIT %(limit)s) AS found
ORDER BY distance + 0"""

LINES = """
SELECT l.unit_pk, l.line_no, m.message_pk, m.rev, c.platform, c.workspace, c.channel_id, m.message_id, c.channel_pk,
       c.name, coalesce(p.name, ''), substr(m.body, l.begin_char + 1, l.end_char - l.begin_char), m.posted_at, m.permalink
FROM unit_line l
JOIN message m USING (message_pk)
JOIN channel c USING (channel_pk)
LEFT JOIN person p ON p.person_pk = m.author_pk
WHERE l.unit_pk = ANY(%(units)s) AND m.channel_pk = ANY(%(scope)s) AND NOT m.deleted AND c.removed_at IS NULL
ORDER BY l.unit_pk, l.line_no"""

LOOSE_LINES = """
SELECT -m.message_pk, 0, m.message_pk, m.rev, c.platform, c.workspace, c.channel_id, m.message_id, c.channel_pk,
       c.name, coalesce(p.name, ''), substr(m.body, 1, 1200), m.posted_at, m.permalink
FROM message m
JOIN channel c USING (channel_pk)
LEFT JOIN person p ON p.person_pk = m.author_pk
WHERE m.message_pk = ANY(%(messages)s) AND m.channel_pk = ANY(%(scope)s) AND NOT m.deleted AND c.removed_at IS NULL"""

STILL_TRUE = """
SELECT k.message_pk || ':' || k.rev FROM unnest(%(messages)s::bigint[], %(revs)s::integer[]) AS k (message_pk, rev)
JOIN message m USING (message_pk, rev) JOIN channel c USING (channel_pk)
WHERE m.channel_pk = ANY(%(scope)s) AND NOT m.deleted AND c.removed_at IS NULL"""

_SAID = """
SELECT m.message_pk, m.message_id, coalesce(p.name, ''), m.body, m.thread_id, m.posted_at, m.seq
FROM message m LEFT JOIN person p ON p.person_pk = m.author_pk WHERE m.channel_pk = %(channel)s AND NOT m.deleted AND """
_HAS_REPLIES = """EXISTS (SELECT FROM message r WHERE r.channel_pk = m.channel_pk AND r.thread_id = m.message_id
                 AND r.message_pk <> m.message_pk AND NOT r.deleted)"""
_IN_ORDER = " ORDER BY m.posted_at, m.seq, m.message_id"
SAID_IN = {
    "thread": _SAID
    + f"(m.thread_id = %(key)s OR (m.message_id = %(key)s AND m.thread_id IS NULL AND {_HAS_REPLIES}))"
    + _IN_ORDER,
    "day": _SAID
    + "m.thread_id IS NULL AND m.posted_at >= %(key)s::timestamp AT TIME ZONE 'UTC'"
    + " AND m.posted_at < (%(key)s::timestamp + interval '1 day') AT TIME ZONE 'UTC'"
    + f" AND NOT {_HAS_REPLIES}"
    + _IN_ORDER,
    "seq": _SAID
    + "m.thread_id IS NULL AND m.posted_at IS NULL AND m.seq >= %(key)s::bigint * 200"
    + f" AND m.seq < (%(key)s::bigint + 1) * 200 AND NOT {_HAS_REPLIES}"
    + _IN_ORDER,
    "message": _SAID + f"m.message_id = %(key)s AND m.thread_id IS NULL AND NOT {_HAS_REPLIES}",
}

UNITS_OF_FAMILY = """
SELECT u.unit_pk, u.text_hash, array_agg(l.message_pk ORDER BY l.line_no), array_agg(l.begin_char ORDER BY l.line_no),
       array_agg(l.end_char ORDER BY l.line_no)
FROM unit u LEFT JOIN unit_line l USING (unit_pk)
WHERE u.channel_pk = %(channel)s AND u.family = %(family)s GROUP BY u.unit_pk"""
DROP_UNITS = "DELETE FROM unit WHERE unit_pk = ANY(%(units)s)"
ADD_UNIT = """
INSERT INTO unit (channel_pk, family, text_hash, term_count, starts_at)
VALUES (%(channel)s, %(family)s, %(hash)s, %(term_count)s, %(starts_at)s) RETURNING unit_pk"""
ADD_LINES = """
INSERT INTO unit_line (unit_pk, line_no, message_pk, begin_char, end_char)
SELECT %(unit)s, place - 1, message_pk, begin_char, end_char
FROM unnest(%(messages)s::bigint[], %(begins)s::integer[], %(ends)s::integer[]) WITH ORDINALITY
    AS t (message_pk, begin_char, end_char, place)"""
ADD_VECTOR = """
INSERT INTO unit_vector (model_pk, unit_pk, channel_pk, embedding) VALUES (%(model)s, %(unit)s, %(channel)s, %(vector)s)
ON CONFLICT (model_pk, unit_pk) DO UPDATE SET embedding = EXCLUDED.embedding"""
KNOWN_VECTORS = """
SELECT DISTINCT ON (u.text_hash) u.text_hash, v.embedding FROM unit u JOIN unit_vector v USING (unit_pk)
WHERE v.model_pk = %(model)s AND u.text_hash = ANY(%(hashes)s)"""

LOCK_CHANNEL = "SELECT name FROM channel WHERE channel_pk = %(channel)s AND removed_at IS NULL FOR NO KEY UPDATE"
CHANNEL_NAME = "SELECT name FROM channel WHERE channel_pk = %(channel)s"
LOCK_DIRTY = "SELECT version FROM dirty WHERE channel_pk = %(channel)s AND family = %(family)s FOR UPDATE"
CLEAR_DIRTY = "DELETE FROM dirty WHERE channel_pk = %(channel)s AND family = %(family)s"
RELEASE_DIRTY = """
UPDATE dirty SET lease_until = '-infinity', tries = 0 WHERE channel_pk = %(channel)s AND family = %(family)s"""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What BM25 needs to know of the collection: live messages, their terms, and each query term's frequency."""

    live_count: int
    term_count: int
    df: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TextHit:
    """A message that holds a search term. `unit_pk` is None until the message has been cut into a unit."""

    message_pk: int
    channel_pk: int
    terms: list[int]
    unit_pk: int | None
    line_no: int | None
    unit_terms: int | None


@dataclass(frozen=True, slots=True)
class VectorHit:
    """A unit near the question. `cosine` is 1 for the same direction."""

    unit_pk: int
    channel_pk: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Family:
    """A claimed family: what to rebuild, and the version of its dirt when it was claimed."""

    channel_pk: int
    name: str
    version: int
    full_rebuild: bool


class Index:
    """Units, their lines and their vectors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def statistics(self, terms: Sequence[int]) -> Statistics:
        """Collection figures for the terms of one query, in their order."""
        rows = await self._database.fetch(STATISTICS, {"terms": list(terms)})
        live, count, df = rows[0]
        return Statistics(int(live), int(count), tuple(df))

    async def search_text(self, scope: Sequence[int], terms: Sequence[int], limit: int) -> list[TextHit]:
        """Messages in scope that hold any of the terms, the latest stored first where there are too many."""
        row = {"scope": list(scope), "terms": list(terms), "limit": limit}
        return [TextHit(*hit) for hit in await self._database.fetch(SEARCH_TEXT, row)]

    async def search_vector(
        self, scope: Sequence[int], model_pk: int, vector: Sequence[float], limit: int
    ) -> list[VectorHit]:
        """Units in scope nearest to the vector, nearest first, as many as exist up to the limit."""
        row: dict[str, Any] = {
            "scope": list(scope),
            "model": model_pk,
            "vector": HalfVector(list(vector)),
            "limit": limit,
        }
        async with self._database.transaction() as connection:
            counted = await connection.execute(COUNT_VECTORS, {**row, "limit": EXACT_SCAN_UP_TO + 1})
            found = await counted.fetchone()
            if found is not None and found[0] <= EXACT_SCAN_UP_TO:
                cursor = await connection.execute(SEARCH_VECTOR_EXACT, row)
            else:
                # Go on scanning the graph until enough rows are in scope; the outer query puts them in order.
                await connection.execute("SET LOCAL hnsw.iterative_scan = relaxed_order")
                await connection.execute("SET LOCAL hnsw.ef_search = 100")
                statement = sql.SQL(SEARCH_VECTOR_HNSW).format(
                    dimension=sql.Literal(len(vector)), model=sql.Literal(model_pk)
                )
                cursor = await connection.execute(statement, row)
            return [VectorHit(*hit) for hit in await cursor.fetchall()]

    async def lines(self, scope: Sequence[int], units: Sequence[int], loose: Sequence[int]) -> dict[int, list[Line]]:
        """The lines of units, in order, as they stand now; `loose` messages are in no unit yet.

        Shape: unit_pk → lines; a loose message is its own unit under minus its key.
        """
        found: dict[int, list[Line]] = {}
        rows = await self._database.fetch(LINES, {"scope": list(scope), "units": list(units)})
        if loose:
            rows += await self._database.fetch(LOOSE_LINES, {"scope": list(scope), "messages": list(loose)})
        for unit, _, pk, rev, platform, workspace, cid, mid, channel, name, author, text, posted, link in rows:
            ref = MessageRef(ChannelRef(platform, workspace, cid), mid)
            line = Line(pk, rev, ref, channel, name, author, text or "", posted, link or "")
            found.setdefault(unit, []).append(line)
        return found

    async def still_true(self, scope: Sequence[int], keys: Sequence[str]) -> set[str]:
        """Which of these messages ("message_pk:rev") are unchanged, undeleted and in scope: asked again before use."""
        if not keys:
            return set()
        pairs = [key.split(":") for key in keys]
        row = {
            "scope": list(scope),
            "messages": [int(message_pk) for message_pk, _ in pairs],
            "revs": [int(rev) for _, rev in pairs],
        }
        return {found[0] for found in await self._database.fetch(STILL_TRUE, row)}

    async def said_in(self, family: Family) -> tuple[str, list[Said]]:
        """The name of the family's channel, and the family's messages in the order they were said."""
        kind, _, key = family.name.partition(":")
        row = {"channel": family.channel_pk, "key": key}
        async with self._database.transaction() as connection:
            name = await (await connection.execute(CHANNEL_NAME, row)).fetchone()
            rows = await (await connection.execute(SAID_IN[kind].encode(), row)).fetchall()
        return (name[0] if name else ""), [Said(*said) for said in rows]

    async def known_vectors(self, model_pk: int, hashes: Sequence[bytes]) -> dict[bytes, list[float]]:
        """Vectors that this model already made for the same texts."""
        rows = await self._database.fetch(KNOWN_VECTORS, {"model": model_pk, "hashes": list(hashes)})
        return {bytes(text_hash): embedding.to_list() for text_hash, embedding in rows}

    async def replace(
        self,
        family: Family,
        units: Sequence[tuple[Unit, int]],
        model_pk: int,
        vectors: dict[bytes, list[float]],
    ) -> bool:
        """Puts a family's units (each with its number of search terms) and vectors in place of the old ones.

        One transaction. Returns False, and changes nothing, when a message of the family changed
        after it was claimed: writing then could bring back a deleted text's vector.
        """
        row = {"channel": family.channel_pk, "family": family.name}
        async with self._database.transaction() as connection:
            if await (await connection.execute(LOCK_CHANNEL, row)).fetchone() is None:
                return True
            dirt = await (await connection.execute(LOCK_DIRTY, row)).fetchone()
            if dirt is None or dirt[0] != family.version:
                await connection.execute(RELEASE_DIRTY, row)
                return False
            stored = await (await connection.execute(UNITS_OF_FAMILY, row)).fetchall()
            await _write_units(connection, family, stored, units, model_pk, vectors)
            await connection.execute(CLEAR_DIRTY, row)
            return True


async def _write_units(
    connection: Connection,
    family: Family,
    stored: Sequence[tuple[Any, ...]],
    units: Sequence[tuple[Unit, int]],
    model_pk: int,
    vectors: dict[bytes, list[float]],
) -> None:
    kept = {(bytes(text_hash), *_shape(*shape)): pk for pk, text_hash, *shape in stored}
    wanted = {(unit.text_hash, *_unit_shape(unit.lines)): (unit, terms) for unit, terms in units}
    await connection.execute(DROP_UNITS, {"units": [pk for key, pk in kept.items() if key not in wanted]})
    for key, (unit, term_count) in wanted.items():
        unit_pk = kept.get(key)
        if unit_pk is None:
            unit_pk = await _add_unit(connection, family, unit, term_count)
        vector = vectors.get(unit.text_hash)
        if vector is not None:
            row = {"model": model_pk, "unit": unit_pk, "channel": family.channel_pk, "vector": HalfVector(vector)}
            await connection.execute(ADD_VECTOR, row)


async def _add_unit(connection: Connection, family: Family, unit: Unit, term_count: int) -> int:
    row = {
        "channel": family.channel_pk,
        "family": family.name,
        "hash": unit.text_hash,
        "term_count": term_count,
        "starts_at": unit.starts_at,
    }
    added = await (await connection.execute(ADD_UNIT, row)).fetchone()
    unit_pk = int(added[0]) if added else 0
    messages, begins, ends = _unit_shape(unit.lines)
    lines = {"unit": unit_pk, "messages": list(messages), "begins": list(begins), "ends": list(ends)}
    await connection.execute(ADD_LINES, lines)
    return unit_pk


def _shape(*columns: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(column) for column in columns)


def _unit_shape(lines: Sequence[UnitLine]) -> tuple[tuple[int, ...], ...]:
    return (
        tuple(line.message_pk for line in lines),
        tuple(line.begin for line in lines),
        tuple(line.end for line in lines),
    )
