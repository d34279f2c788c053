"""Migrations on a real PostgreSQL."""

import asyncio
import hashlib
from importlib.resources import files

import pytest

from knowledge.database import connect, drop_database, ensure_database
from knowledge.errors import KnowledgeUnavailable, SchemaMismatch
from knowledge.migrate import migrate, pending_in, prepare, shipped

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
