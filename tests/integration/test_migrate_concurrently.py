"""A migration that builds an index while others go on reading and writing, and is finished by the next run."""

import asyncio
import re
import time

import pytest

from knowledge import index_builds
from knowledge import migrate as module
from knowledge.database import connect
from knowledge.errors import KnowledgeUnavailable
from knowledge.index_builds import is_concurrent, steps
from knowledge.migrate import Migration, migrate, pending_in, shipped
from tests.integration.test_migrate import empty, migrate_all_but, migrating  # noqa: F401 - a fixture

# 150 messages at 20 ms each: the build takes three seconds.
SLOW = """
CREATE FUNCTION slow(text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM pg_sleep(0.02); RETURN length($1); END $$"""
CHANNEL = """
INSERT INTO channel (platform, workspace, channel_id, name, visibility) VALUES ('test', 't', 'c', 'c', 'public')"""
MESSAGES = """
INSERT INTO message (channel_pk, message_id, edited_ts, event_ts, body)
SELECT channel_pk, n::text, 0, 0, 'apple ' || n FROM channel, generate_series(1, 150) n"""
WRITE = """
INSERT INTO message (channel_pk, message_id, edited_ts, event_ts, body)
SELECT channel_pk, 'late ' || %s, 0, 0, 'pear' FROM channel"""
READ = "SELECT count(*) FROM message WHERE body = 'pear'"

BESIDE = """-- concurrently
-- By length; the shorter first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS message_slow ON message (slow(body));
DROP INDEX CONCURRENTLY IF EXISTS message_time;
"""
BUILDING = (9002, "9002_beside.sql", BESIDE)
BLOCKING = (9002, "9002_blocking.sql", "CREATE INDEX message_slow ON message (slow(body));")

BUILDER = """
SELECT pid FROM pg_stat_activity
WHERE query LIKE 'CREATE INDEX%' AND datname = current_database() AND state = 'active'"""
END_BUILDER = BUILDER.replace("SELECT pid", "SELECT pg_terminate_backend(pid)")
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('message_slow')"


@pytest.fixture
async def filled(empty, monkeypatch):  # noqa: F811 - the fixture
    """A database with messages, to which the made-up migration is yet to be applied."""
    await migrate_all_but(empty, monkeypatch, BUILDING)
    async with connect(empty) as connection:
        for statement in (CHANNEL, MESSAGES, SLOW):
            await connection.execute(statement)
    return empty


async def is_valid(url):
    """None: there is no such index."""
    async with connect(url) as connection:
        row = await (await connection.execute(VALID)).fetchone()
        return row and row[0]


async def until_building(url):
    async with connect(url) as watcher, asyncio.timeout(60):
        while not await (await watcher.execute(BUILDER)).fetchall():
            await asyncio.sleep(0.02)


async def longest_waits(url, migration, monkeypatch):
    """How long the slowest write and the slowest read took while the migration ran, and how many there were of each."""
    monkeypatch.setattr(module, "shipped", lambda: [*shipped(), Migration(*migration)])
    waits = {"write": [], "read": []}

    async def go_on(kind, statement):
        async with connect(url) as connection:
            while not work.done():
                began = time.monotonic()
                await connection.execute(statement, [str(len(waits[kind]))] if kind == "write" else None)
                waits[kind].append(time.monotonic() - began)
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        work = group.create_task(migrate(url))
        await until_building(url)
        group.create_task(go_on("write", WRITE))
        group.create_task(go_on("read", READ))
    assert work.result() == [migration[1]]
    return max(waits["write"]), max(waits["read"]), min(map(len, waits.values()))


async def test_others_go_on_reading_and_writing_while_an_index_is_built(filled, report, monkeypatch):
    write, read, least = await longest_waits(filled, BUILDING, monkeypatch)
    report("index built concurrently", write_ms=round(write * 1000), read_ms=round(read * 1000), each=least)
    assert max(write, read) < 1.5
    assert least >= 10
    assert await is_valid(filled)
    assert await pending_in(filled) == []


async def test_an_index_built_in_a_transaction_makes_a_writer_wait(filled, monkeypatch):
    write, _, _ = await longest_waits(filled, BLOCKING, monkeypatch)
    assert write > 2.0


async def kill_midway(url):
    """A migrating process is killed while it builds, and what it had asked of the server ends too."""
    child = await migrating(url, BUILDING)
    await until_building(url)
    child.kill()
    await child.wait()
    async with connect(url) as connection:
        await connection.execute(END_BUILDER)
        async with asyncio.timeout(30):
            while await (await connection.execute(BUILDER)).fetchall():
                await asyncio.sleep(0.02)


async def test_a_build_that_is_killed_leaves_half_an_index_and_the_next_run_makes_it_whole(filled):
    await kill_midway(filled)
    assert await is_valid(filled) is False
    assert await pending_in(filled) == [BUILDING[1]]
    assert await migrate(filled) == [BUILDING[1]]
    assert await is_valid(filled)


async def test_half_an_index_that_is_taken_for_a_whole_one_is_noticed(filled, monkeypatch):
    async def take_it(connection, index):
        pass

    monkeypatch.setattr(index_builds, "_drop_invalid", take_it)
    await kill_midway(filled)
    await migrate(filled)
    assert await is_valid(filled) is False


async def test_the_server_may_finish_what_a_killed_run_began(filled):
    child = await migrating(filled, BUILDING)
    await until_building(filled)
    child.kill()
    await child.wait()
    assert await migrate(filled) == [BUILDING[1]]
    assert await is_valid(filled)


async def test_two_at_once_build_it_once_and_neither_waits_for_the_other_in_a_circle(filled):
    applied = await asyncio.gather(migrate(filled), migrate(filled))
    assert sorted(map(len, applied)) == [0, 1]
    assert await is_valid(filled)


async def test_a_turn_that_is_waited_for_in_a_statement_is_a_circle(filled, monkeypatch):
    async def wait(connection):
        await connection.execute("SELECT pg_advisory_lock(%s)", [module.MIGRATION_LOCK])

    monkeypatch.setattr(module, "_take_turn", wait)
    ends = await asyncio.gather(migrate(filled), migrate(filled), return_exceptions=True)
    assert [end for end in ends if isinstance(end, KnowledgeUnavailable)]


async def test_a_transaction_that_never_ends_is_told_in_one_sentence(filled, monkeypatch):
    monkeypatch.setattr(index_builds, "PATIENCE", "SET lock_timeout = '500ms'")
    async with connect(filled) as holder:
        await holder.execute("BEGIN")
        await holder.execute("UPDATE message SET fresh = false")
        with pytest.raises(KnowledgeUnavailable, match="waits for tables"):
            await migrate(filled)
        await holder.execute("COMMIT")
    assert await migrate(filled) == [BUILDING[1]]
    assert await is_valid(filled)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX message_slow ON message (body)",
        "CREATE INDEX CONCURRENTLY message_slow ON message (body)",
        "DROP INDEX CONCURRENTLY message_slow",
        "ALTER TABLE message ADD COLUMN depth integer",
    ],
)
def test_what_cannot_be_done_again_may_not_run_outside_a_transaction(statement):
    with pytest.raises(ValueError, match="concurrently"):
        steps(f"-- concurrently\n{statement};")


# Not after the first version: then the tables are full.
BEFORE_ANY_RELEASE = {"0002_platforms.sql"}


def held_up_by(migration_sql):
    """Tables that a migration keeps writers out of, because it builds an index on them and did not make them itself."""
    made = set(re.findall(r"CREATE TABLE (\w+)", migration_sql))
    return set(re.findall(r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)\w+ ON (\w+)", migration_sql)) - made


def test_no_shipped_migration_builds_an_index_that_others_wait_for():
    assert held_up_by(BLOCKING[2]) == {"message"}
    for migration in shipped():
        if migration.name not in BEFORE_ANY_RELEASE:
            assert held_up_by(migration.sql) == set(), migration.name
        if is_concurrent(migration.sql):
            assert steps(migration.sql)
