"""A backup is one file of pg_dump. It is put back whole or not at all, in one transaction."""

import asyncio
import os
import re
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from knowledge.database import connect
from knowledge.errors import BackupFailed, SchemaMismatch
from knowledge.migrate import migrate, shipped
from knowledge.postgres_programs import Programs, programs_for, reason

CHUNK_BYTES = 1 << 16
OnProgress = Callable[[int], None]

# A session that idles holds no lock now, but would ask the half-restored database next.
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
ANALYZE = "ANALYZE"
# Waiting for a lock means that somebody else is there after all. HNSW graphs are built several times faster in memory.
BEGIN = """
\\set ON_ERROR_STOP on
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL maintenance_work_mem = '256MB';
CREATE EXTENSION IF NOT EXISTS vector;
"""
# Roles belong to the server, so what names them stays out: policies are made anew after the restore.
NOT_OURS = re.compile(r"\b(EXTENSION|SCHEMA - public|COMMENT - SCHEMA|ACL|DEFAULT ACL|POLICY|ROW SECURITY)\b")
# The database user sees every row; asked for that way, PostgreSQL lets a user dump tables that have policies.
DUMP = ("--format=custom", "--no-owner", "--no-privileges", "--enable-row-security")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds: the schema's version, the tables, and the table of contents without what is not ours."""

    version: int
    tables: tuple[str, ...]
    list: str


async def back_up(url: str, path: Path, *, force: bool = False, on_progress: OnProgress) -> int:
    """Writes a backup, readable by its owner alone; it appears whole or not at all. Returns its size.

    `on_progress` hears how many bytes are written. Errors: `BackupFailed`, `KnowledgeUnavailable`.
    """
    programs = await programs_for(url)
    return await asyncio.to_thread(_dump, programs, path, on_progress, force=force)


async def contents_of(url: str, path: Path) -> Contents:
    """What a file holds, before anything is touched.

    Errors: `BackupFailed` when it is no backup of Threadlore, `SchemaMismatch` when a newer version made it.
    """
    contents = await asyncio.to_thread(_contents, await programs_for(url), path)
    newest = shipped()[-1].version
    if contents.version > newest:
        raise SchemaMismatch(
            f"{path.name} was made by a newer version of Threadlore (schema {contents.version:04d}, this one knows "
            f"{newest:04d}): install that version, then restore."
        )
    return contents


async def others_connected(url: str) -> int:
    """How many sessions beside ours use the database."""
    async with connect(url) as connection:
        row = await (await connection.execute(OTHERS)).fetchone()
        return int(row[0]) if row else 0


async def put_back(url: str, path: Path, contents: Contents, *, on_progress: OnProgress) -> list[str]:
    """Replaces what is in the database by a backup, in one transaction, and brings it up to date.

    `on_progress` hears how many bytes were sent. Returns the migrations applied. Errors: `BackupFailed`, and then
    nothing has changed; `KnowledgeUnavailable`.
    """
    programs = await programs_for(url)
    await asyncio.to_thread(_restore, programs, path, contents, on_progress)
    applied = await migrate(url)
    async with connect(url) as connection:
        await connection.execute(ANALYZE)
    return applied


def _dump(programs: Programs, path: Path, on_progress: OnProgress, *, force: bool) -> int:
    if path.exists() and not force:
        raise BackupFailed(f"{path} is there already: choose another name, or overwrite it with --force.")
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BackupFailed(f"{path} cannot be written: {error.strerror}.") from error
    try:
        process = programs.start("pg_dump", *DUMP, stdout=file)
        complaint = _listener(process)
        while process.poll() is None:
            on_progress(os.fstat(file).st_size)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
        os.fsync(file)
        size = os.fstat(file).st_size
        complained = complaint()
        if process.returncode != 0:
            raise BackupFailed(f"No backup was made: {reason(complained)}.")
        on_progress(size)
        unfinished.replace(path)
    except OSError as error:
        raise BackupFailed(f"No backup was made: {error.strerror}.") from error
    else:
        return size
    finally:
        os.close(file)
        unfinished.unlink(missing_ok=True)


def _contents(programs: Programs, path: Path) -> Contents:
    if not path.is_file():
        raise BackupFailed(f"There is no file {path}.")
    listed = programs.start("pg_restore", "--list", str(path), stdout=subprocess.PIPE)
    lines = listed.communicate()[0].decode(errors="replace").splitlines()
    tables = tuple(found.group(1) for line in lines if (found := re.search(r" TABLE public (\w+) ", line)))
    if listed.returncode != 0 or "schema_version" not in tables:
        raise BackupFailed(f"{path.name} is no backup of Threadlore: `threadlore backup` makes one.")
    read = ("--data-only", "--table=schema_version", "--file=-", str(path))
    rows = programs.start("pg_restore", *read, stdout=subprocess.PIPE)
    versions = [int(row) for row in re.findall(rb"^(\d+)\t", rows.communicate()[0], re.MULTILINE)]
    if not versions:
        raise BackupFailed(f"{path.name} cannot be read to its end.")
    return Contents(max(versions), tables, "\n".join(line for line in lines if not NOT_OURS.search(line)))


def _restore(programs: Programs, path: Path, contents: Contents, on_progress: OnProgress) -> None:
    """Feeds what pg_restore writes to psql, which commits only when it has come to its end."""
    chosen = path.with_name(f"{path.name}.list")
    # Tables that this version or the backup knows; whatever else lives in the database stays.
    ours = dict.fromkeys((*re.findall(r"CREATE TABLE (\w+)", _schema()), "schema_version", *contents.tables))
    try:
        chosen.write_text(contents.list, encoding="utf-8")
        into = programs.start("psql", "--no-psqlrc", "--quiet", "--output=/dev/null", stdin=subprocess.PIPE)
        complaint = _listener(into)
        what = ("--no-owner", "--no-privileges", f"--use-list={chosen}", "--file=-", str(path))
        out = programs.start("pg_restore", *what, stdout=subprocess.PIPE)
        other_complaint = _listener(out)
        assert into.stdin is not None and out.stdout is not None  # noqa: S101, PT018 - asked for above
        with suppress(BrokenPipeError):  # psql has stopped at an error, and says which
            into.stdin.write(f"{BEGIN}DROP TABLE IF EXISTS {', '.join(ours)} CASCADE;\n".encode())
            made = re.findall(r"CREATE FUNCTION (\w+)", _schema())
            into.stdin.write(f"DROP FUNCTION IF EXISTS {', '.join(made)} CASCADE;\n".encode())
            sent = 0
            while chunk := out.stdout.read(CHUNK_BYTES):
                into.stdin.write(chunk)
                sent += len(chunk)
                on_progress(sent)
            if out.wait() == 0:
                into.stdin.write(b"\nCOMMIT;\n")
        with suppress(BrokenPipeError):
            into.stdin.close()
        out.stdout.close()
        ended = (into.wait(), out.wait())
        complaints = (complaint(), other_complaint())
    except OSError as error:
        raise BackupFailed(f"Nothing was restored: {error.strerror}.") from error
    finally:
        chosen.unlink(missing_ok=True)
    if ended != (0, 0):
        why = reason(complaints[0] if ended[0] else complaints[1])
        raise BackupFailed(f"Nothing was restored, the database is as it was: {why}.")


def _listener(process: subprocess.Popen[bytes]) -> Callable[[], bytes]:
    """Reads what a program complains of while it runs, so that it never waits for a reader."""
    heard: list[bytes] = []

    def listen() -> None:
        if process.stderr is not None:
            with process.stderr as stream:
                heard.append(stream.read())

    thread = threading.Thread(target=listen)
    thread.start()

    def complaint() -> bytes:
        thread.join()
        return b"".join(heard)

    return complaint


def _schema() -> str:
    return (files("knowledge") / "migrations" / "schema.sql").read_text(encoding="utf-8")
