"""PostgreSQL away (R20): refused, silent, or cut in the middle of statements while questions come in.

Nothing accepted is lost, nobody waits in the dark, nothing is answered without a permission check, and all is well
again by itself.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

import pytest
from psycopg_pool.base import AttemptWithBackoff

from adapters.catching_up import CatchingUp
from adapters.discord.intake import Intake
from bot.inbox import PostgresInbox
from bot.timing import within
from knowledge import database as databases
from knowledge.database import Database
from knowledge.errors import KnowledgeUnavailable
from tests.chaos.verdict import SOUND, Verdict, verdict
from tests.load.processes import UNLIMITED
from tests.proxy import FaultProxy, fault_proxy
from tests.scenarios.slack.talk import PATIENCE, WHY_KAFKA

TOLD_SECONDS = 3.0
HEALTHY_SECONDS = 10.0
SENTENCE = "I cannot reach the message index right now"


async def seconds_until(happened):
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        while not happened():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


WAYS = {"refuse": FaultProxy.refuse, "swallow": FaultProxy.swallow, "cut": lambda proxy: proxy.interrupt(0.1)}


@dataclass(frozen=True)
class Outage:
    """What came of the questions; `told` and `back` in seconds, `told` None where nobody waits for it."""

    asked: list[str]
    found: Verdict
    told: float | None
    shown: int
    back: float


async def outage(house, proxy, away_seconds, way, *, ask_seconds=0.5, caught_up_seconds=PATIENCE):
    """The database goes while the model is at a question, more are asked meanwhile, and it comes back."""
    shut = asyncio.Event()
    house.tell_again_for(away_seconds + 30)

    def go_away(prompt):
        """What the model says now may not be shown without another look."""
        if not shut.is_set():
            WAYS[way](proxy)
            shut.set()
        return prompt.rpartition("[1] ")[2].splitlines()[0]

    def shows(text, asked):
        return any(text in one.text for one in house.seen() if one.asked == asked)

    async with house.bot(go_away, database=proxy.url, limits=UNLIMITED):
        asked, told = [house.mention(WHY_KAFKA)], None
        await asyncio.wait_for(shut.wait(), PATIENCE)
        if way != "cut":  # where the next try may do, it is tried
            told = await seconds_until(lambda: shows(SENTENCE, asked[0]))
        began = time.monotonic()
        while time.monotonic() - began < away_seconds:
            asked.append(house.mention(f"{WHY_KAFKA} ({len(asked)})"))
            await asyncio.sleep(ask_seconds)
        shown = len(house.seen())
        proxy.restore()
        # Of somebody else, who does not wait for all that was asked meanwhile.
        asked.append(house.mention(f"{WHY_KAFKA} (last)", who=house.tamarind))
        back = await seconds_until(lambda: shows("three outages", asked[-1]))
        # What a platform does not send again is read again, which nothing here tells the end of.
        deadline = time.monotonic() + caught_up_seconds
        while True:
            await house.settled()
            found = verdict(asked, [one.asked for one in house.seen() if not one.is_working])
            if found == SOUND or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.2)
    return Outage(asked, found, told, shown, back)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.timeout(1200)
async def test_an_outage_is_told_at_once_and_loses_no_question(house, proxy, size, report, way, monkeypatch):
    away_seconds = size(3, 300)
    # What was claimed by a commit whose outcome got lost is free again when its lease ends.
    monkeypatch.setitem(PostgresInbox.__init__.__kwdefaults__, "lease_seconds", size(10.0, 60.0))
    # At worst a question waits for that lease, is put off for a minute after its tries, and is asked again.
    patience = size(PATIENCE, 200.0)
    seen = await outage(house, proxy, away_seconds, way, ask_seconds=size(0.5, 10), caught_up_seconds=patience)
    report(
        "database_away", platform=house.platform, way=way, away_seconds=away_seconds, questions=len(seen.asked),
        shown_meanwhile=seen.shown, told_seconds=seen.told and round(seen.told, 2), back_seconds=round(seen.back, 2),
        **seen.found.figures(),
    )  # fmt: skip
    assert seen.found == SOUND
    assert way == "cut" or seen.shown == 1  # nothing else was answered without the database
    assert (seen.told or 0) <= size(2, 1) * TOLD_SECONDS  # a shared machine may be slow
    assert seen.back <= size(2, 1) * HEALTHY_SECONDS


@pytest.mark.parametrize("house", ["discord"], indirect=True)
async def test_a_bot_that_does_not_read_what_it_could_not_keep_would_be_caught(house, proxy, monkeypatch):
    sound = CatchingUp._catch_up

    async def catch_up(catching_up, until):
        if until is None:  # its first start
            await sound(catching_up, until)

    monkeypatch.setattr(CatchingUp, "_catch_up", catch_up)
    monkeypatch.setitem(Intake.keep.__kwdefaults__, "tries", 1)  # a second is no outage to who tries for longer
    assert (await outage(house, proxy, 1, "refuse", caught_up_seconds=3)).found.lost


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


async def back_after(database_url, folder, away_seconds):
    """How long after an outage the first of those who asked all the while is answered, in seconds."""
    async with fault_proxy(database_url, folder) as proxy, Database(proxy.url, size=2) as database:
        proxy.refuse()
        began = restored = time.monotonic()
        while True:
            if restored == began and time.monotonic() - began > away_seconds:
                proxy.restore()
                restored = time.monotonic()
            with suppress(KnowledgeUnavailable):
                await database.fetch("SELECT 1")
                return time.monotonic() - restored
            await asyncio.sleep(0.02)


@pytest.fixture
def ten_times_as_fast(monkeypatch):
    """The pool's pauses, which double, begin at a tenth of a second."""
    monkeypatch.setattr(AttemptWithBackoff, "INITIAL_DELAY", 0.1)
    monkeypatch.setattr(databases, "POOL_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(databases, "RECONNECT_SECONDS", databases.RECONNECT_SECONDS / 10)


async def test_after_a_long_outage_the_first_who_asks_is_answered(database_url, tmp_path, ten_times_as_fast):
    assert await back_after(database_url, tmp_path, 3.5) < 1.5


async def test_a_pool_that_goes_on_doubling_its_pauses_would_be_caught(
    database_url, tmp_path, ten_times_as_fast, monkeypatch
):
    monkeypatch.setattr(databases, "RECONNECT_SECONDS", 300.0)
    assert await back_after(database_url, tmp_path, 3.5) > 1.5
