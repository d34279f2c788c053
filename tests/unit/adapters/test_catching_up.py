import asyncio

from adapters import catching_up
from adapters.catching_up import DATABASE_SECONDS, RETRY_SECONDS, CatchingUp, Workspace
from knowledge.errors import KnowledgeUnavailable, SourceUnavailable


class Away:
    """Upkeep while something is away."""

    def __init__(self, error):
        self._error = error

    async def connect(self, *workspace):
        raise self._error


async def pauses(monkeypatch, error, tries):
    """How long it waits after each of so many failures, in seconds."""
    found, enough = [], asyncio.Event()
    sleep = asyncio.sleep

    async def noted(seconds):
        found.append(seconds)
        if len(found) == tries:
            enough.set()
        await sleep(0)

    monkeypatch.setattr(catching_up.asyncio, "sleep", noted)
    gap = asyncio.Event()
    gap.set()
    one = CatchingUp(Workspace("slack", "T1", "Tidepool", Away(error), None, None), gap)
    running = asyncio.create_task(one.run(lambda: True))
    async with asyncio.timeout(5):
        await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return found[:tries]


async def test_a_platform_that_is_away_is_spared_more_and_more(monkeypatch):
    assert await pauses(monkeypatch, SourceUnavailable("away"), 6) == [*RETRY_SECONDS, RETRY_SECONDS[-1]]


async def test_a_database_that_is_away_is_tried_every_few_seconds(monkeypatch):
    assert max(await pauses(monkeypatch, KnowledgeUnavailable("away"), 20)) == DATABASE_SECONDS
