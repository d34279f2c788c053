"""Migrations that build indexes while everybody goes on writing: outside a transaction, one statement after the other.

Such a file begins with the line `-- concurrently`. What it does can be done again, so that a run that was cut off is
finished by the next one; PostgreSQL leaves half an index behind then, invalid, which is dropped first.
"""

import re

from psycopg import sql

from knowledge.database import Connection

MARK = "-- concurrently\n"
# Whoever waits here holds up nobody. But it waits for every transaction that began before, and some never end.
PATIENCE = "SET lock_timeout = '2min'"
NO_PATIENCE = "RESET lock_timeout"
IS_INVALID = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid"

_COMMENT = re.compile(r"--[^\n]*")
_REPEATABLE = re.compile(
    r"(?:CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS|DROP INDEX CONCURRENTLY IF EXISTS) (?P<index>[a-z0-9_]+)\b"
)


def is_concurrent(text: str) -> bool:
    """Whether a migration must be run outside a transaction."""
    return text.startswith(MARK)


def steps(text: str) -> list[tuple[str, str]]:
    """Each statement of such a migration, with the index it makes or drops.

    Errors: `ValueError` for a statement that does something else, or not again.
    """
    found = []
    for statement in filter(None, (part.strip() for part in _COMMENT.sub("", text).split(";"))):
        match = _REPEATABLE.match(statement)
        if match is None:
            raise ValueError(f"not an index that is built or dropped concurrently: {statement[:80]}")
        found.append((match["index"], statement))
    return found


async def build(connection: Connection, text: str) -> None:
    """Runs such a migration, from its beginning. Errors: `psycopg.errors.LockNotAvailable` where it waits too long."""
    await connection.execute(PATIENCE)
    for index, statement in steps(text):
        await _drop_invalid(connection, index)
        await connection.execute(statement.encode())
    await connection.execute(NO_PATIENCE)


async def _drop_invalid(connection: Connection, index: str) -> None:
    if await (await connection.execute(IS_INVALID, [index])).fetchone() is not None:
        await connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(index)))
