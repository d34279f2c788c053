"""Applies the numbered migrations once each, under a lock; refuses a file that was edited after shipping.

Then come the search terms of messages, where this version makes others of the same words.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from knowledge.database import Connection, connect
from knowledge.errors import KnowledgeUnavailable, SchemaMismatch
from knowledge.index_builds import build, is_concurrent
from knowledge.terms_anew import has_old_terms, make_terms_anew
from knowledge.wall import raise_wall

# Any fixed number: it names the lock that two starting processes contend for. Asked for again and again, because
# who waits in a statement has a transaction open, and an index that is built concurrently waits for those to end.
MIGRATION_LOCK = 0x7EAD_10E
TURN_PAUSE_SECONDS = 0.2
OLDEST_PGVECTOR = (0, 8)
# Who waits for a table keeps everybody else waiting behind. So a running bot is let through again after so long.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '1s'"
LOCK_TRIES = 60
LOCK_PAUSE_SECONDS = 1.0

CREATE_VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_version (
    version     integer PRIMARY KEY,
    sha256      text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
)"""
VERSIONS = "SELECT version, sha256 FROM schema_version ORDER BY version"
HAS_VERSIONS = "SELECT to_regclass('schema_version') IS NOT NULL"
ADD_VERSION = "INSERT INTO schema_version (version, sha256) VALUES (%s, %s)"
AVAILABLE_PGVECTOR = """
SELECT coalesce(
    (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
    (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'))"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One shipped file: its number, name, text and hash."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Its fingerprint, as frozen.txt has it."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> list[Migration]:
    """Every migration in order."""
    folder = files("knowledge") / "migrations"
    found = [entry for entry in folder.iterdir() if entry.name[:4].isdigit() and entry.name.endswith(".sql")]
    return [
        Migration(int(entry.name[:4]), entry.name, entry.read_text(encoding="utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    ]


async def migrate(url: str) -> list[str]:
    """Brings the database up to date. Returns the names of the migrations it applied.

    Errors: `KnowledgeUnavailable` without a server or without pgvector, `SchemaMismatch` when the
    database was made by a newer version or by a migration that has since been edited.
    """
    async with connect(url) as connection:
        await check_pgvector(connection)
        await _take_turn(connection)
        try:
            await connection.execute(CREATE_VERSIONS)
            applied = await _applied(connection)
            pending = _pending(applied)
            for migration in pending:
                await _apply(connection, migration)
            await raise_wall(connection)
            await make_terms_anew(connection)
            return [migration.name for migration in pending]
        except psycopg.errors.InsufficientPrivilege as error:
            raise SchemaMismatch(
                "The database user may not create the tables or the extension: run CREATE EXTENSION vector as a "
                "superuser, then `threadlore migrate` as the owner of the database."
            ) from error
        finally:
            await connection.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


async def _take_turn(connection: Connection) -> None:
    while True:
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])).fetchone()
        if row is not None and row[0]:
            return
        await asyncio.sleep(TURN_PAUSE_SECONDS)


async def _apply(connection: Connection, migration: Migration) -> None:
    """One migration and its number in one transaction, so that a crash leaves both or neither.

    A concurrent one has no transaction: after a crash it is run again, and its number comes last.
    """
    if is_concurrent(migration.sql):
        try:
            await build(connection, migration.sql)
        except psycopg.errors.LockNotAvailable as error:
            raise _held_up(migration) from error
        await connection.execute(ADD_VERSION, [migration.version, migration.sha256])
        return
    for _ in range(LOCK_TRIES):
        try:
            async with connection.transaction():
                await connection.execute(LOCK_TIMEOUT)
                await connection.execute(migration.sql.encode())
                await connection.execute(ADD_VERSION, [migration.version, migration.sha256])
        except psycopg.errors.LockNotAvailable:
            await asyncio.sleep(LOCK_PAUSE_SECONDS)
        else:
            return
    raise _held_up(migration)


def _held_up(migration: Migration) -> KnowledgeUnavailable:
    return KnowledgeUnavailable(
        f"{migration.name} waits for tables that something has held for minutes: end long-running sessions of the "
        "database, then run `threadlore migrate` again."
    )


async def prepare(url: str) -> None:
    """Sets up an empty database; refuses one whose schema is older or newer than this program.

    Errors: `KnowledgeUnavailable`, `SchemaMismatch`.
    """
    async with connect(url) as connection:
        row = await (await connection.execute(HAS_VERSIONS)).fetchone()
        if row is not None and row[0]:
            pending = _pending(await _applied(connection))
            if pending:
                raise SchemaMismatch(
                    f"The database schema is older than this version of Threadlore ({pending[0].name} is missing): "
                    "run `threadlore migrate`, then start again."
                )
            if await has_old_terms(connection):
                raise SchemaMismatch(
                    "The search terms in the database were made by an older version of Threadlore: "
                    "run `threadlore migrate`, then start again."
                )
            await raise_wall(connection)
            return
    await migrate(url)


async def pending_in(url: str) -> list[str]:
    """The names of migrations that the database still lacks. Errors: as `prepare`."""
    async with connect(url) as connection:
        row = await (await connection.execute(HAS_VERSIONS)).fetchone()
        applied = await _applied(connection) if row is not None and row[0] else {}
        return [migration.name for migration in _pending(applied)]


async def check_pgvector(connection: Connection) -> str:
    """The version of pgvector that is or could be installed. Errors: `KnowledgeUnavailable`."""
    row = await (await connection.execute(AVAILABLE_PGVECTOR)).fetchone()
    version = row[0] if row else None
    if version is None:
        raise KnowledgeUnavailable(
            "The database server has no pgvector extension: install it there (Debian: postgresql-NN-pgvector) "
            "or use the image named in docker-compose.yml."
        )
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
        raise KnowledgeUnavailable(f"pgvector {version} is too old: Threadlore needs 0.8 or newer.")
    return str(version)


async def _applied(connection: Connection) -> dict[int, str]:
    rows = await (await connection.execute(VERSIONS)).fetchall()
    return {int(row[0]): str(row[1]) for row in rows}


def _pending(applied: dict[int, str]) -> list[Migration]:
    known = shipped()
    newest = known[-1].version
    if applied and max(applied) > newest:
        raise SchemaMismatch(
            f"The database schema ({max(applied):04d}) is newer than this version of Threadlore ({newest:04d}): "
            "install the newer version again, or restore a backup made with this one."
        )
    for migration in known:
        if migration.version in applied and applied[migration.version] != migration.sha256:
            raise SchemaMismatch(
                f"{migration.name} is not the file this database was made with: reinstall Threadlore unchanged."
            )
    return [migration for migration in known if migration.version not in applied]
