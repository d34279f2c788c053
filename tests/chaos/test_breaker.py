"""PostgreSQL away for longer (R20): after some lost connections nobody waits for it, until it is found again."""

import asyncio
import time
from contextlib import asynccontextmanager

import psycopg
import psycopg_pool.base
import pytest

from bot.conversation import Delivery
from bot.inbox import PostgresInbox
from knowledge import breaker as module
from knowledge import database as pools
from knowledge.breaker import LOST_COUNT, Breaker
from knowledge.database import Database
from knowledge.errors import KnowledgeUnavailable
from tests.proxy import FaultProxy, fault_proxy

WAYS = {"refuse": FaultProxy.refuse, "swallow": FaultProxy.swallow}
ALL_ASK = 3 * LOST_COUNT


@asynccontextmanager
async def behind_a_door(database_url, folder, size=4):
    async with fault_proxy(database_url, folder) as proxy, Database(proxy.url, size=size) as database:
        yield proxy, database


async def refused_after(database):
    """How long a hurried caller waits for its refusal, in seconds; None where it is not refused."""
    began = time.monotonic()
    try:
        await database.hurried(1.0).fetch("SELECT 1")
    except KnowledgeUnavailable:
        return time.monotonic() - began
    return None


async def lost(database):
    """The connections are lost, by callers at once, until the breaker is open or might be."""
    waits = await asyncio.gather(*(refused_after(database) for _ in range(ALL_ASK)))
    await asyncio.sleep(1.5 * module.PROBE_SECONDS)
    return max(waits)


async def seconds_until_back(database, most=30.0):
    began = time.monotonic()
    while time.monotonic() - began < most:
        if await refused_after(database) is None:
            return time.monotonic() - began
        await asyncio.sleep(0.05)
    return most


async def outage(database_url, folder, way, away_seconds=1.0):
    """The longest wait before the breaker opens, the longest after, and the seconds from the return to an answer."""
    async with behind_a_door(database_url, folder) as (proxy, database):
        WAYS[way](proxy)
        first = await lost(database)
        later = max([await refused_after(database) or 0.0 for _ in range(2)])
        await asyncio.sleep(away_seconds)
        proxy.restore()
        return first, later, await seconds_until_back(database)


@pytest.mark.parametrize("way", WAYS)
async def test_who_comes_later_is_refused_at_once_and_the_first_after_its_return_is_served(
    database_url, tmp_path, report, size, way
):
    first, later, back = await outage(database_url, tmp_path, way, size(1.0, 300.0))
    report(
        "breaker", way=way, first_seconds=round(first, 2), later_seconds=round(later, 3), back_seconds=round(back, 2)
    )
    assert first > 0.9
    assert later < 0.5
    assert back < 10.0


async def test_a_pool_without_a_breaker_would_be_caught(database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(Breaker, "lost", lambda _breaker: None)
    _, later, _ = await outage(database_url, tmp_path, "refuse")
    assert later > 0.5


async def test_a_breaker_that_nobody_closes_would_be_caught(database_url, tmp_path, monkeypatch):
    sound = Database._is_there

    async def only_away(database):
        return await sound(database) and await asyncio.sleep(60)

    monkeypatch.setattr(Database, "_is_there", only_away)
    async with behind_a_door(database_url, tmp_path) as (proxy, database):
        proxy.refuse()
        await lost(database)
        proxy.restore()
        assert await seconds_until_back(database, most=3.0) == 3.0


# ---- how the pool connects again ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reconnect_seconds", "is_quick"), [(pools.RECONNECT_SECONDS, True), (300.0, False)])
async def test_the_pool_looks_again_as_soon_as_it_is_asked_however_long_it_was_away(
    database_url, tmp_path, monkeypatch, reconnect_seconds, is_quick
):
    """The pool's pauses double: after an hour the next would be an hour long. Here the first is already."""
    monkeypatch.setattr(psycopg_pool.base.AttemptWithBackoff, "INITIAL_DELAY", 3600.0)
    monkeypatch.setattr(pools, "RECONNECT_SECONDS", reconnect_seconds)
    async with behind_a_door(database_url, tmp_path) as (proxy, database):
        proxy.refuse()
        await lost(database)
        proxy.restore()
        assert (await seconds_until_back(database, most=7.0) < 7.0) == is_quick


# ---- what is no loss ------------------------------------------------------------------------------------------------


async def noted(database):
    """Statements fail, and callers give up. Returns how many losses that makes."""
    for statement in (
        "SELECT 1/0",
        "SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)",  # 57014, an OperationalError
        "DO $$ BEGIN RAISE SQLSTATE '55P03'; END $$",  # a lock that was not to be had, another one
    ):
        with pytest.raises((psycopg.Error, KnowledgeUnavailable)):
            await database.fetch(statement)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await database.fetch("SELECT pg_sleep(0.2)")
    return len(database.breaker._lost)


async def test_what_the_server_refuses_and_who_gives_up_is_no_loss(database):
    assert await noted(database) == 0


async def test_counting_whatever_fails_would_be_caught(database, monkeypatch):
    monkeypatch.setattr(pools, "_is_lost", lambda error: isinstance(error, psycopg.OperationalError))
    assert await noted(database) == 2


async def exhausted(database_url, monkeypatch):
    """A pool whose only connection is at work, and many who wait for it in vain. Whether another pool is refused."""
    monkeypatch.setattr(pools, "POOL_TIMEOUT_SECONDS", 0.1)
    async with Database(database_url, size=1) as busy, Database(database_url, size=1, breaker=busy.breaker) as door:
        async with busy.transaction() as connection:
            await connection.execute("SELECT 1")
            assert [await refused_after(busy) is not None for _ in range(2 * LOST_COUNT)] == [True] * 2 * LOST_COUNT
            is_refused = await refused_after(door) is not None
        assert await seconds_until_back(busy) < 5.0
        return is_refused


async def test_a_pool_that_is_only_busy_refuses_nobody(database_url, monkeypatch):
    assert not await exhausted(database_url, monkeypatch)


async def test_a_breaker_that_opens_without_a_probe_would_be_caught(database_url, monkeypatch):
    sound = Breaker.lost

    def lost(breaker):
        sound(breaker)
        if len(breaker._lost) == LOST_COUNT:
            breaker._there.clear()

    monkeypatch.setattr(Breaker, "lost", lost)
    assert await exhausted(database_url, monkeypatch)


async def test_losses_that_lie_apart_are_none(database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOST_SECONDS", 0.0)
    async with behind_a_door(database_url, tmp_path) as (proxy, database):
        proxy.refuse()
        await lost(database)
        assert not database.breaker.is_open


async def kept_in_the_end(database_url, tmp_path):
    """Whether an event is kept that comes while the database is being looked for, and a moment before it is back."""
    async with (
        behind_a_door(database_url, tmp_path) as (proxy, database),
        Database(proxy.url, size=2, breaker=database.breaker) as door,
    ):
        inbox = PostgresInbox(database, door=door)
        proxy.refuse()
        await lost(database)
        began = time.monotonic()
        with pytest.raises(KnowledgeUnavailable):
            await inbox.accept(Delivery("test", "tidepool", "1", "message", {}))
        assert time.monotonic() - began < 2.9
        accepting = asyncio.create_task(inbox.accept(Delivery("test", "tidepool", "2", "message", {})))
        await asyncio.sleep(0.1)
        proxy.restore()
        try:
            return await accepting
        except KnowledgeUnavailable:
            return False


async def test_an_event_waits_for_the_look_that_finds_the_database(database_url, tmp_path):
    assert await kept_in_the_end(database_url, tmp_path)


async def test_an_inbox_that_refuses_at_once_would_be_caught(database_url, tmp_path, monkeypatch):
    async def refuse(breaker):
        breaker.ask()

    monkeypatch.setattr(Breaker, "closed", refuse)
    assert not await kept_in_the_end(database_url, tmp_path)
