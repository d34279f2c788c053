"""The wall in the database holds alone: with the scope out of a statement, on connections shared and cut short."""

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from pgvector import HalfVector
from psycopg import sql
from psycopg.conninfo import make_conninfo

from knowledge import database as database_module
from knowledge import index as index_module
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.database import Database, connect, drop_database
from knowledge.embeddings import ModelEmbeddings
from knowledge.index import Index
from knowledge.indexer import Indexer
from knowledge.lexical import term_ids
from knowledge.messages import Visibility
from knowledge.migrate import migrate, prepare
from knowledge.models import IndexModels
from knowledge.passages import Line
from knowledge.periods import Period
from knowledge.retriever import Search
from knowledge.scope import Audience
from knowledge.wall import reader_of
from tests.fakes.models import WordEmbedding
from tests.talk import START, channel, described, said

READER = "threadlore_reader"
# Without its conditions on channels and messages each of these would show everything there is.
UNSCOPED = {
    "SEARCH_TEXT": """
        SELECT m.message_pk, m.channel_pk, m.posted_at, array_send(m.terms), l.unit_pk, l.line_no, u.term_count
        FROM message m LEFT JOIN unit_line l USING (message_pk) LEFT JOIN unit u USING (unit_pk)
        WHERE m.terms && %(terms)s::integer[]""",
    "SEARCH_VECTOR_EXACT": index_module.SEARCH_VECTOR_EXACT.replace("channel_pk = ANY(%(scope)s)", "true"),
    "SEARCH_VECTOR_HNSW": index_module.SEARCH_VECTOR_HNSW.replace("channel_pk = ANY(%(scope)s)", "true"),
    "SEARCH_VECTOR_WITHIN": index_module.SEARCH_VECTOR_WITHIN.replace("channel_pk = ANY(%(scope)s)", "channel_pk > 0"),
    "BEGINNINGS": index_module.BEGINNINGS.replace("channel_pk = ANY(%(scope)s)", "true"),
    "LINES": index_module.LINES.replace("m.channel_pk = ANY(%(scope)s)", "true"),
    "LOOSE_LINES": index_module.LOOSE_LINES.replace("m.channel_pk = ANY(%(scope)s)", "true"),
    "STILL_TRUE": index_module.STILL_TRUE.replace("m.channel_pk = ANY(%(scope)s)", "true"),
    "STORED": index_module.STORED.replace("m.channel_pk = ANY(%(scope)s)", "true"),
    "BEING_READ": index_module.BEING_READ.replace("c.channel_pk = ANY(%(scope)s)", "true"),
}


class World:
    """#general and the closed #board, each with a message that is embedded."""

    def __init__(self, database):
        self.database = database
        self.index = Index(database)
        self.embeddings = ModelEmbeddings(WordEmbedding(dimension=64))

    async def settle(self):
        access, indexer = Access(self.database), Indexer(self.database, self.embeddings)
        await access.record_channels([described("general"), described("board", Visibility.PRIVATE)])
        await Archive(self.database).record(
            [said("1", "the kettle is green"), said("2", "the kettle canary", where="board")]
        )
        self.model = (await indexer.register()).model_pk
        await indexer.drain()
        self.general, self.board = (await access.scope_for(Audience(), None)).channel_pks
        await self.database.execute("INSERT INTO job (kind, channel_pk) SELECT 'backfill', channel_pk FROM channel")
        return self

    async def everything(self, name, scope):  # noqa: PLR0911 - one case for each statement
        """What each reading statement gives: how much of it, and whether #board is in it."""
        vector = await self.embeddings.aembed_query("kettle")
        lines = [
            Line(-1, 0, said(key, "", where=where).message.ref, 0, "", "", "", None, "")
            for key, where in (("1", "general"), ("2", "board"))
        ]
        match name:
            case "SEARCH_TEXT":
                return {hit.message_pk for hit in await self.index.search_text(scope, term_ids("kettle"), 10)}
            case "SEARCH_VECTOR_EXACT" | "SEARCH_VECTOR_HNSW":
                return {hit.unit_pk for hit in await self.index.search_vector(scope, self.model, vector, 10)}
            case "SEARCH_VECTOR_WITHIN":
                period = Period(START - timedelta(days=9), START + timedelta(days=9), "then")
                return set(await self.index.search_vector_within(scope, self.model, vector, 10, period))
            case "BEGINNINGS":
                return set(await self.index.beginnings(scope, [1, 2]))
            case "LINES":
                return {
                    one.message_pk for found in (await self.index.lines(scope, [1, 2], [])).values() for one in found
                }
            case "LOOSE_LINES":
                found = await self.index.lines(scope, [], [1, 2])
                return {one.message_pk for lines in found.values() for one in lines}
            case "STILL_TRUE":
                return await self.index.still_true(scope, ["1:1", "2:1"])
            case "STORED":
                of_each = [await self.index.stored(scope, [line]) for line in lines]
                return {line.message_pk for (line,) in of_each if line.message_pk > 0}
            case "BEING_READ":
                return set(await self.index.being_read(scope))


@pytest.fixture
async def world(database):
    return await World(database).settle()


# ---- one wall taken away --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNSCOPED)
async def test_a_statement_that_lost_its_scope_shows_nothing_outside_it_and_without_the_wall_it_does(
    world, monkeypatch, name
):
    if name == "SEARCH_VECTOR_HNSW":
        monkeypatch.setattr(index_module, "EXACT_SCAN_UP_TO", 0)
    as_written = await world.everything(name, [world.general])
    assert len(as_written) == 1
    assert UNSCOPED[name] != getattr(index_module, name)
    monkeypatch.setattr(index_module, name, UNSCOPED[name])
    assert await world.everything(name, [world.general]) == as_written
    assert await world.everything(name, []) == set()
    world.database._reader = None
    assert len(await world.everything(name, [world.general])) == 2


async def test_the_whole_search_is_the_same_with_the_wall_as_without(world):
    search = Search(world.index, IndexModels(world.database), {world.embeddings.name: world.embeddings})
    scope = await Access(world.database).scope_for(Audience(channel("general")), None)
    with_wall = await search.passages("kettle", scope, now=START)
    assert [line.text for passage in with_wall for line in passage.lines] == ["the kettle is green"]
    world.database._reader = None
    assert await search.passages("kettle", scope, now=START) == with_wall


async def test_the_reader_can_write_nothing_and_reach_no_other_table(world):
    for statement in (
        "DELETE FROM message",
        "UPDATE channel SET name = ''",
        "SELECT * FROM inbox",
        "SELECT * FROM answer",
        "SELECT person_id FROM person",
        "SELECT cursor FROM job",
        f"SELECT * FROM unit_vector_{world.model}",
    ):
        with pytest.raises(Exception, match="permission denied"):
            await world.database.read([world.general, world.board], statement)


async def test_what_is_stored_and_kept_up_is_not_narrowed(world):
    await world.database.read([world.general], "SELECT 1")
    assert await world.database.fetch("SELECT count(*) FROM message") == [(2,)]


# ---- many at once ---------------------------------------------------------------------------------------------------


UNSET = "SELECT set_config('role', %(reader)s, true)"
SEEN = "SELECT channel_pk, count(*) FROM message GROUP BY 1"


async def storm(database, queries, dice, pks):
    """Readers with scopes of their own, a tenth with none, some cut short, over few connections. Returns the leaks."""
    leaks, cut = [], 0

    async def query():
        nonlocal cut
        scope = dice.sample(pks, dice.randint(1, len(pks)))
        match dice.randrange(20):
            case 0 | 1:
                scope = []
                async with database.transaction() as connection:
                    await connection.execute(UNSET, {"reader": READER})
                    rows = await (await connection.execute(SEEN)).fetchall()
            case 2:
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.001 * dice.random()):
                        await database.read(scope, "SELECT pg_sleep(0.05)")
                cut += 1
                return
            case 3:
                scope = pks
                rows = await database.fetch(SEEN)
                if len(rows) != len(pks):
                    leaks.append("a writer was narrowed")
            case _:
                rows = await database.read(scope, SEEN)
        leaks.extend(found for found, _ in rows if found not in scope)

    waiting = iter(range(queries))

    async def work():
        for _ in waiting:
            await query()

    await asyncio.gather(*(work() for _ in range(15)))
    return leaks, cut


@asynccontextmanager
async def grove(database_url):
    async with Database(database_url, size=5) as database:
        names = [f"grove-{number}" for number in range(12)]
        await Access(database).record_channels([described(name) for name in names])
        await Archive(database).record([said(name, "canary", where=name) for name in names])
        scope = await Access(database).scope_for(Audience(), None)
        yield database, list(scope.channel_pks)


@pytest.mark.timeout(900)
async def test_scopes_do_not_mix_on_shared_connections(database_url, size, report):
    queries = size(1_500, 10_000)
    async with grove(database_url) as (database, pks):
        leaks, cut = await storm(database, queries, random.Random(5), pks)
        report("scopes on shared connections", queries=queries, cut_short=cut, leaks=len(leaks))
    assert leaks == []
    assert cut > queries / 40


async def test_a_setting_that_outlives_its_transaction_would_be_noticed(database_url, monkeypatch):
    outliving = database_module.WITHIN_AS.replace(
        "'threadlore.scope', %(scope)s, true", "'threadlore.scope', %(scope)s, false"
    )
    assert outliving != database_module.WITHIN_AS
    monkeypatch.setattr(database_module, "WITHIN_AS", outliving)
    async with grove(database_url) as (database, pks):
        leaks, _ = await storm(database, 300, random.Random(5), pks)
    assert leaks


async def test_a_role_that_outlives_its_transaction_would_be_noticed(database_url, monkeypatch):
    outliving = database_module.WITHIN_AS.replace("%(reader)s, true", "%(reader)s, false")
    assert outliving != database_module.WITHIN_AS
    monkeypatch.setattr(database_module, "WITHIN_AS", outliving)
    async with grove(database_url) as (database, pks):
        leaks, _ = await storm(database, 300, random.Random(5), pks)
    assert "a writer was narrowed" in leaks


async def test_a_reader_that_bypasses_the_policies_would_be_noticed_and_is_not_used(database_url):
    async with grove(database_url) as (database, pks):
        await database.execute(f"ALTER ROLE {READER} BYPASSRLS")
        try:
            leaks, _ = await storm(database, 200, random.Random(5), pks)
            async with connect(database_url) as connection:
                assert await reader_of(connection) is None
        finally:
            await database.execute(f"ALTER ROLE {READER} NOBYPASSRLS")
    assert leaks


@pytest.mark.parametrize("is_forced", [True, False])
async def test_a_reader_that_came_to_own_a_table_is_held_by_force_alone(world, is_forced):
    await world.database.execute(f"ALTER TABLE message OWNER TO {READER}")
    if not is_forced:
        await world.database.execute("ALTER TABLE message NO FORCE ROW LEVEL SECURITY")
    seen = await world.database.read([world.general], "SELECT channel_pk FROM message")
    assert len(seen) == (1 if is_forced else 2)
    async with connect(world.database.url) as connection:
        assert await reader_of(connection) is None


# ---- whose database -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def own_server(server_url, user, *, may_create_roles):
    """A database of its own for a user who is no superuser."""
    may = sql.SQL("CREATEROLE" if may_create_roles else "NOCREATEROLE")
    name, role = f"of_{user}", sql.Identifier(user)
    async with connect(server_url) as connection:
        await connection.execute(sql.SQL("CREATE ROLE {} LOGIN {}").format(role, may))
        await connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), role))
    async with connect(make_conninfo(server_url, dbname=name)) as connection:
        await connection.execute("CREATE EXTENSION vector")
    try:
        yield make_conninfo(server_url, dbname=name, user=user)
    finally:
        await drop_database(server_url, name)
        async with connect(server_url) as connection:
            for gone in (f"{user}_reader", user):
                await connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(gone)))


async def test_a_database_user_who_may_create_roles_has_the_wall(server_url, monkeypatch):
    async with own_server(server_url, "gardener", may_create_roles=True) as url:
        await migrate(url)
        async with Database(url, size=2) as database:
            assert database.missing_wall == ""
            world = await World(database).settle()
            for name, statement in UNSCOPED.items():
                monkeypatch.setattr(index_module, name, statement)
                assert len(await world.everything(name, [world.general])) == 1, name
            assert await database.fetch("SELECT count(*) FROM message") == [(2,)]


async def test_a_database_user_who_may_not_goes_on_with_the_scope_in_each_statement_until_somebody_helps(server_url):
    async with own_server(server_url, "tenant", may_create_roles=False) as url:
        await migrate(url)
        async with Database(url, size=2) as database:
            assert "CREATE ROLE tenant_reader; GRANT tenant_reader TO tenant;" in database.missing_wall
            world = await World(database).settle()
            for name in UNSCOPED:
                assert len(await world.everything(name, [world.general])) == 1, name
        async with connect(server_url) as connection:
            await connection.execute("CREATE ROLE tenant_reader")
            await connection.execute("GRANT tenant_reader TO tenant")
        await prepare(url)
        async with Database(url, size=2) as database:
            assert database.missing_wall == ""
            assert await database.read([], "SELECT * FROM message") == []


async def test_policies_that_came_with_a_backup_do_not_shut_out_a_user_without_the_role(server_url):
    async with own_server(server_url, "heir", may_create_roles=False) as url:
        await migrate(url)
        async with connect(url) as connection:
            await connection.execute("ALTER TABLE message ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        await prepare(url)
        async with Database(url, size=2) as database:
            world = await World(database).settle()
            assert len(await world.everything("SEARCH_TEXT", [world.general, world.board])) == 2


# ---- indexes --------------------------------------------------------------------------------------------------------


async def plan(connection, statement, values):
    rows = await (await connection.execute(sql.SQL("EXPLAIN ") + statement, values)).fetchall()
    return "\n".join(row[0] for row in rows)


async def test_the_wall_keeps_no_search_from_its_index(world):
    statement = sql.SQL(index_module.SEARCH_VECTOR_HNSW).format(
        dimension=sql.Literal(64), model=sql.Literal(world.model)
    )
    vector = HalfVector(await world.embeddings.aembed_query("kettle"))
    values = {"vector": vector, "scope": [world.general], "limit": 5}
    async with world.database.reading([world.general]) as connection:
        await connection.execute("SET LOCAL enable_sort = off")
        await connection.execute("SET LOCAL enable_seqscan = off")
        found = await plan(connection, statement, values)
    assert "embedding_idx" in found, found
    assert "Order By" in found, found
    # What the function looks for, as it does; with a policy in its way && could not use the index.
    holding = sql.SQL("SELECT message_pk FROM message WHERE terms && ARRAY[1, 2]")
    async with world.database.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        assert "message_terms" in await plan(connection, holding, None)
    async with world.database.reading([world.general]) as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        assert "message_terms" not in await plan(connection, holding, None)
