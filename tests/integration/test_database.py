"""The pool of connections, as hurried callers treat it; on a real PostgreSQL."""

import asyncio
import random

import pytest

from bot.timing import within
from knowledge import database as pools
from knowledge.database import Database
from knowledge.errors import KnowledgeUnavailable


async def test_callers_who_give_up_take_no_connection_with_them(database_url):
    dice = random.Random(3)

    async def ask(database):
        try:
            return await within(dice.uniform(0, 0.4), database.fetch("SELECT 1"))
        except KnowledgeUnavailable:
            return None

    async with Database(database_url, size=2) as database:
        for _ in range(4):
            await asyncio.gather(*(ask(database) for _ in range(600)))
        async with asyncio.timeout(5), database.transaction(), database.transaction():
            pass


async def test_a_caller_who_gives_up_while_giving_back_loses_no_connection(database_url):
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def work(database):
        async with database.transaction():
            inside.set()
            await go_on.wait()

    async with Database(database_url, size=1) as database:
        task = asyncio.create_task(work(database))
        await inside.wait()
        async with database._pool._lock:
            go_on.set()
            while not database._giving:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await database.fetch("SELECT 1") == [(1,)]


async def test_a_transaction_in_which_nobody_moves_lets_go_of_its_rows(database_url, monkeypatch):
    monkeypatch.setattr(pools, "IDLE_SECONDS", 0.5)

    async def stand_still(database):
        async with database.transaction() as connection:
            await connection.execute("LOCK TABLE message")
            await asyncio.sleep(2)
            await connection.execute("SELECT 1")

    async with Database(database_url, size=1) as frozen, Database(database_url, size=1) as other:
        still = asyncio.create_task(stand_still(frozen))
        await asyncio.sleep(0.2)
        assert await within(5, other.fetch("SELECT count(*) FROM message")) == [(0,)]
        with pytest.raises(KnowledgeUnavailable):
            await still
        assert await frozen.fetch("SELECT 1") == [(1,)]
