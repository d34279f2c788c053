"""Migrations on a real PostgreSQL."""

import asyncio
import hashlib
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest

from knowledge import migrate as module
from knowledge.database import connect, drop_database, ensure_database
from knowledge.errors import KnowledgeUnavailable, SchemaMismatch
from knowledge.migrate import Migration, migrate, pending_in, prepare, shipped

CATALOGUE = """
SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
       coalesce(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND c.relkind IN ('r', 'p')
  AND c.relname <> 'schema_version'
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'schema_version'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'schema_version' ORDER BY 1, 2, 3"""

REPOSITORY = Path(__file__).parents[2]
# Beside those that are shipped, the tests apply one that they make up: number, name, statements.
WIDER = (9001, "9001_wider.sql", "ALTER TABLE channel ADD COLUMN depth integer NOT NULL DEFAULT 0;")
MIGRATING = """
import asyncio, sys
from knowledge import migrate as module
shipped = module.shipped()
module.shipped = lambda: [*shipped, module.Migration(int(sys.argv[2]), *sys.argv[3:])]
asyncio.run(module.migrate(sys.argv[1]))"""
WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
async def empty(server_url):
    yield await ensure_database(server_url, "empty_one")
    await drop_database(server_url, "empty_one")


async def catalogue(url):
    async with connect(url) as connection:
        return await (await connection.execute(CATALOGUE)).fetchall()


async def test_all_migrations_together_equal_the_schema(empty, server_url):
    await migrate(empty)
    whole = await ensure_database(server_url, "whole_schema")
    try:
        async with connect(whole) as connection:
            await connection.execute((files("knowledge") / "migrations" / "schema.sql").read_bytes())
        assert await catalogue(empty) == await catalogue(whole)
    finally:
        await drop_database(server_url, "whole_schema")


def test_a_shipped_migration_is_never_edited():
    frozen = (files("knowledge") / "migrations" / "frozen.txt").read_text().splitlines()
    hashes = dict(reversed(line.split()) for line in frozen)
    for migration in shipped():
        digest = hashlib.sha256(migration.sql.encode()).hexdigest()
        assert hashes.get(migration.name) == digest, f"{migration.name}: add a new migration instead of editing it"


async def test_a_second_run_and_two_at_once_apply_nothing_twice(empty):
    applied = await asyncio.gather(migrate(empty), migrate(empty))
    assert sorted(map(len, applied)) == [0, len(shipped())]
    assert await pending_in(empty) == []


async def test_an_empty_database_is_set_up_an_older_one_is_refused(empty):
    await prepare(empty)
    await prepare(empty)
    async with connect(empty) as connection:
        await connection.execute("DELETE FROM schema_version")
    with pytest.raises(SchemaMismatch, match="threadlore migrate"):
        await prepare(empty)


async def test_a_newer_or_edited_schema_is_refused(empty):
    await migrate(empty)
    async with connect(empty) as connection:
        await connection.execute("UPDATE schema_version SET sha256 = 'x'")
        with pytest.raises(SchemaMismatch, match="reinstall"):
            await prepare(empty)
        await connection.execute("INSERT INTO schema_version VALUES (9999, 'x')")
    with pytest.raises(SchemaMismatch, match="newer"):
        await migrate(empty)


async def test_an_unreachable_server_is_one_sentence():
    with pytest.raises(KnowledgeUnavailable, match="THREADLORE_DATABASE__URL"):
        await migrate("postgresql://nobody@127.0.0.1:1/none")


async def test_a_migration_lets_others_through_while_it_waits_for_a_table(empty, monkeypatch):
    assert await longest_wait(empty, monkeypatch, None) < 2.0


async def test_a_migration_that_waits_for_its_table_makes_everybody_wait(empty, monkeypatch):
    assert await longest_wait(empty, monkeypatch, "SELECT 1") > 2.5


async def migrate_all_but(url, monkeypatch, made_up):
    """To the schema before the made-up migration."""
    await migrate(url)
    monkeypatch.setattr(module, "shipped", lambda: [*shipped(), Migration(*made_up)])


async def migrating(url, made_up):
    """A process that applies the made-up migration."""
    number, *rest = made_up
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", MIGRATING, url, str(number), *rest, cwd=REPOSITORY, env={"PYTHONPATH": str(REPOSITORY)}
    )


async def longest_wait(url, monkeypatch, timeout):
    """How long a reader is kept out of a table while a migration wants it and somebody holds it for three seconds."""
    await migrate_all_but(url, monkeypatch, WIDER)
    if timeout is not None:
        monkeypatch.setattr(module, "LOCK_TIMEOUT", timeout)
    waits = []

    async def read():
        async with connect(url) as connection:
            while await pending_in(url):
                began = time.monotonic()
                await connection.execute("SELECT count(*) FROM channel")
                waits.append(time.monotonic() - began)
                await asyncio.sleep(0.05)

    async with connect(url) as holder, asyncio.TaskGroup() as group:
        await holder.execute("BEGIN")
        await holder.execute("SELECT count(*) FROM channel")
        work = group.create_task(migrate(url))
        group.create_task(read())
        await asyncio.sleep(3.0)
        await holder.execute("COMMIT")
        assert await work == [WIDER[1]]
    return max(waits)


async def test_a_migration_killed_midway_leaves_nothing_and_the_next_run_finishes(empty, monkeypatch, size):
    rows = size(5_000, 100_000)
    await migrate_all_but(empty, monkeypatch, WIDER)
    async with connect(empty) as holder:
        await holder.execute(
            "INSERT INTO channel (platform, workspace, channel_id, name, visibility) "
            "VALUES ('test', 't', 'c', 'c', 'public')"
        )
        await holder.execute(
            "INSERT INTO message (channel_pk, message_id, edited_ts, event_ts, body) "
            "SELECT channel_pk, n::text, 0, 0, 'apple ' || n FROM channel, generate_series(1, %(rows)s) n",
            {"rows": rows},
        )
        await holder.execute("BEGIN")
        await holder.execute("SELECT count(*) FROM channel")  # the migration cannot come to its end
        child = await migrating(empty, WIDER)
        async with connect(empty) as watcher, asyncio.timeout(60):
            while not await (await watcher.execute(WAITING)).fetchall():
                await asyncio.sleep(0.02)
        child.kill()
        await child.wait()
        await holder.execute("COMMIT")
    assert await pending_in(empty) == [WIDER[1]]
    assert await migrate(empty) == [WIDER[1]]
    async with connect(empty) as connection:
        assert await (await connection.execute("SELECT count(*) FROM message")).fetchall() == [(rows,)]
        assert await (await connection.execute("SELECT depth FROM channel")).fetchall() == [(0,)]
