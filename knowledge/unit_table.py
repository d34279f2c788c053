"""Writing the index: a family's messages are read, its units, lines and vectors replaced in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pgvector import HalfVector

from knowledge.database import Connection, Database
from knowledge.units import EMBED_TRIES, Said, Unit, UnitLine

_SAID = """
SELECT m.message_pk, m.message_id, coalesce(p.name, ''), m.body, m.thread_id, m.posted_at, m.seq
FROM message m LEFT JOIN person p ON p.person_pk = m.author_pk
WHERE m.channel_pk = %(channel)s AND NOT m.deleted AND m.body <> '' AND """
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

TRIED = """
SELECT u.text_hash, max(f.tries) FROM unit u JOIN unit_failure f USING (unit_pk)
WHERE f.model_pk = %(model)s AND u.text_hash = ANY(%(hashes)s) GROUP BY u.text_hash"""
ADD_FAILURE = """
INSERT INTO unit_failure (model_pk, unit_pk, tries, reason)
VALUES (%(model)s, %(unit)s, %(tries)s, 'the embedding model fails on it')
ON CONFLICT (unit_pk, model_pk) DO UPDATE SET tries = EXCLUDED.tries, reason = EXCLUDED.reason"""
DROP_FAILURE = "DELETE FROM unit_failure WHERE model_pk = %(model)s AND unit_pk = %(unit)s"

LOCK_CHANNEL = "SELECT name FROM channel WHERE channel_pk = %(channel)s AND removed_at IS NULL FOR NO KEY UPDATE"
CHANNEL_NAME = "SELECT name FROM channel WHERE channel_pk = %(channel)s"
LOCK_DIRTY = "SELECT version FROM dirty WHERE channel_pk = %(channel)s AND family = %(family)s FOR UPDATE"
CLEAR_DIRTY = "DELETE FROM dirty WHERE channel_pk = %(channel)s AND family = %(family)s"
RELEASE_DIRTY = """
UPDATE dirty SET lease_until = '-infinity', tries = 0 WHERE channel_pk = %(channel)s AND family = %(family)s"""
# What could be embedded again has been. The new version keeps whoever takes an order back from clearing the rest.
TRY_AGAIN = """
UPDATE dirty SET lease_until = '-infinity', tries = 0, full_rebuild = false, version = version + 1
WHERE channel_pk = %(channel)s AND family = %(family)s"""


@dataclass(frozen=True, slots=True)
class Family:
    """A claimed family: what to rebuild, and the version of its dirt when it was claimed."""

    channel_pk: int
    name: str
    version: int
    full_rebuild: bool


@dataclass(frozen=True, slots=True)
class Vectors:
    """What the model made of texts, by hash: vectors, and how often it was tried on those that it fails on."""

    made: dict[bytes, list[float]]
    failed: dict[bytes, int]


class UnitTable:
    """Units, their lines and their vectors, as the indexer writes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

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

    async def tries(self, model_pk: int, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """How often this model failed on each of these texts, where it did."""
        rows = await self._database.fetch(TRIED, {"model": model_pk, "hashes": list(hashes)}) if hashes else []
        return {bytes(text_hash): tries for text_hash, tries in rows}

    async def replace(self, family: Family, units: Sequence[tuple[Unit, int]], model_pk: int, vectors: Vectors) -> bool:
        """Puts a family's units (each with its number of search terms) and vectors in place of the old ones.

        A unit whose text the model fails on is stored without a vector: words find it. The family is tried again until
        each text has its vector or is given up.
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
            again = any(vectors.failed.get(unit.text_hash, EMBED_TRIES) < EMBED_TRIES for unit, _ in units)
            await connection.execute(TRY_AGAIN if again else CLEAR_DIRTY, row)
            return True


async def _write_units(  # noqa: PLR0917 -- one row of each table that it writes
    connection: Connection,
    family: Family,
    stored: Sequence[tuple[Any, ...]],
    units: Sequence[tuple[Unit, int]],
    model_pk: int,
    vectors: Vectors,
) -> None:
    kept = {(bytes(text_hash), *_shape(*shape)): pk for pk, text_hash, *shape in stored}
    wanted = {(unit.text_hash, *_unit_shape(unit.lines)): (unit, terms) for unit, terms in units}
    await connection.execute(DROP_UNITS, {"units": [pk for key, pk in kept.items() if key not in wanted]})
    for key, (unit, term_count) in wanted.items():
        unit_pk = kept.get(key)
        if unit_pk is None:
            unit_pk = await _add_unit(connection, family, unit, term_count)
        row: dict[str, Any] = {"model": model_pk, "unit": unit_pk, "channel": family.channel_pk}
        if (vector := vectors.made.get(unit.text_hash)) is not None:
            await connection.execute(ADD_VECTOR, {**row, "vector": HalfVector(vector)})
            await connection.execute(DROP_FAILURE, row)
        elif (tries := vectors.failed.get(unit.text_hash)) is not None:
            await connection.execute(ADD_FAILURE, {**row, "tries": tries})


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
