"""PostgreSQL away (R20): refused or silent while questions come in. Nothing accepted is lost, nobody waits in the dark,
nothing is answered without a permission check, and all is well again by itself."""

import asyncio
import time

import pytest

from bot.timing import within
from knowledge.database import Database
from knowledge.errors import KnowledgeUnavailable
from tests.chaos.verdict import SOUND, verdict
from tests.proxy import fault_proxy
from tests.scenarios.slack.talk import PATIENCE, WHY_KAFKA, Tidepool

TOLD_SECONDS = 3.0
HEALTHY_SECONDS = 10.0
SENTENCE = "I cannot reach the message index right now"


async def seconds_until(happened):
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        while not happened():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.parametrize("way", ["refuse", "swallow"])
@pytest.mark.timeout(1200)
async def test_an_outage_is_told_at_once_and_loses_no_question(slack, slack_bot, proxy, size, report, way):
    tidepool, away_seconds = Tidepool(slack, slack_bot), size(3, 300)
    slack.server.ack_seconds, slack.server.retry_delays = 3.0, (0.1, 1.0, *[2.0] * away_seconds)
    shut = asyncio.Event()

    def go_away(prompt):
        """The model is at it when the database goes: what it says may not be shown without another look."""
        if not shut.is_set():
            getattr(proxy, way)()
            shut.set()
        return prompt.rpartition("[1] ")[2].splitlines()[0]

    async with tidepool.bot(go_away, database=proxy.url):
        asked = [tidepool.mention(WHY_KAFKA)]
        await asyncio.wait_for(shut.wait(), PATIENCE)
        told = await seconds_until(lambda: SENTENCE in "".join(one.text for one in tidepool.seen(asked[0])))
        began = time.monotonic()
        while time.monotonic() - began < away_seconds:
            asked.append(tidepool.mention(f"{WHY_KAFKA} ({len(asked)})"))
            await asyncio.sleep(0.5)
        shown = [one.text for one in tidepool.seen()]
        proxy.restore()
        healthy = tidepool.mention(f"{WHY_KAFKA} (last)")
        back = await seconds_until(lambda: "three outages" in "".join(one.text for one in tidepool.seen(healthy)))
        await tidepool.settled()
    found = verdict([*asked, healthy], [one.thread_ts for one in tidepool.seen()])
    report(
        "database_away", way=way, away_seconds=away_seconds, questions=len(asked) + 1,
        told_seconds=round(told, 2), back_seconds=round(back, 2), **found.figures(),
    )  # fmt: skip
    assert found == SOUND
    assert len(shown) == 1  # nothing else was answered without the database
    assert told <= size(2, 1) * TOLD_SECONDS  # a shared machine may be slow
    assert back <= size(2, 1) * HEALTHY_SECONDS


async def silent(database_url, folder, ask):
    """How long `ask` takes to give up on a database that went silent, in seconds."""
    async with fault_proxy(database_url, folder) as proxy, Database(proxy.url, size=4) as database:
        assert await database.hurried(1.0).fetch("SELECT 1") == [(1,)]
        proxy.swallow()
        asking = asyncio.create_task(ask(database))
        began = time.monotonic()
        await asyncio.wait([asking], timeout=6)
        took = time.monotonic() - began
        proxy.restore()
        await asyncio.gather(asking, return_exceptions=True)
        assert await within(HEALTHY_SECONDS, database.fetch("SELECT 1")) == [(1,)]
        return took


async def test_a_silent_database_holds_nobody_longer_than_they_are_patient(database_url, tmp_path):
    async def ask(database):
        with pytest.raises(KnowledgeUnavailable):
            await database.hurried(1.0).fetch("SELECT 1")

    assert await silent(database_url, tmp_path, ask) < TOLD_SECONDS


async def test_a_timeout_around_the_statement_would_be_caught(database_url, tmp_path):
    async def ask(database):
        async with asyncio.timeout(1.0):
            await database.fetch("SELECT 1")

    assert await silent(database_url, tmp_path, ask) > TOLD_SECONDS
