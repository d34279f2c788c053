"""A claim that the database kept while its answer got lost on the way keeps a row from nobody for long."""

import asyncio

from bot import worker_pool
from bot.conversation import Delivery
from bot.inbox import CLAIM, PostgresInbox
from knowledge.database import Database
from knowledge.errors import KnowledgeUnavailable

PATIENCE = 5.0


async def handled_after_a_lost_claim(database, monkeypatch, seconds):
    """Whether a delivery is handled within so many seconds, though the answer to its first claim got lost."""
    inbox, handled, lost = PostgresInbox(database, lease_seconds=60.0), asyncio.Event(), []
    await inbox.accept(Delivery("slack", "T1", "Ev1", "message", {}))
    sound = Database.fetch

    async def fetch(db, statement, row=None):
        found = await sound(db, statement, row)
        if statement == CLAIM and found and not lost:
            lost.append(found)
            raise KnowledgeUnavailable("the connection was cut")
        return found

    async def handle(_delivery):
        handled.set()

    monkeypatch.setattr(Database, "fetch", fetch)
    running = asyncio.create_task(inbox.run({"slack": handle}))
    try:
        async with asyncio.timeout(seconds):
            await handled.wait()
    except TimeoutError:
        return False
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return bool(lost)


async def test_it_is_free_again_soon(database, monkeypatch):
    monkeypatch.setattr(worker_pool, "FIRST_LEASE_SECONDS", 0.5)
    assert await handled_after_a_lost_claim(database, monkeypatch, PATIENCE)


async def test_a_claim_that_holds_for_a_whole_lease_would_be_caught(database, monkeypatch):
    monkeypatch.setattr(worker_pool, "FIRST_LEASE_SECONDS", 60.0)
    assert not await handled_after_a_lost_claim(database, monkeypatch, 3.0)
