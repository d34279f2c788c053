"""Many ask without a pause, and the model's process is killed again and again: nobody waits in the dark.

The whole bot on the fake Slack, with the real small model; everything else is played.
"""

import asyncio
import os
import random
import time
from contextlib import asynccontextmanager

import pytest

from bot.chain import MODEL_AWAY, QUARANTINED
from bot.generation.chat_model import LlamaChatModel
from bot.generation.child import Child
from bot.generation.engine import Engine
from bot.generation.failures import Restarts
from bot.generation.sequence import ModelSpec
from bot.models import ChatModel
from tests.chaos.test_model_faults import SIGNALS, ended, heartbeat
from tests.scenarios.slack.conftest import running
from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA, Tidepool

PARALLEL, ASKERS = 4, 8
OFF = {"user": "off", "channel": "off", "workspace": "off"}
ENDED = "SELECT outcome FROM answer WHERE message_id = %s AND state IN ('posted', 'removed')"


@pytest.fixture
async def tidepool(slack, slack_settings, chat_file):
    """The workspace, and a bot that answers with the real model; `tidepool.engine` is what is killed."""
    engine = Engine(ModelSpec(str(chat_file), n_ctx=2048, gpu_layers=0, parallel=PARALLEL), restarts=Restarts(most=999))
    chat = ChatModel(LlamaChatModel(engine=engine, max_tokens=32), "small", engine.count, engine, 400, 32)

    @asynccontextmanager
    async def start(_script):
        async with running(slack_settings(slack, parallel=PARALLEL, limits=OFF), chat=chat) as (app, _):
            await slack.connected(2)
            yield app

    place = Tidepool(slack, start)
    place.engine = engine
    yield place
    await engine.close()


class Crowd:
    """Askers who ask the next question when they have their answer. `fates`: of each question, how it ended."""

    def __init__(self, tidepool, deadline):
        self._tidepool = tidepool
        self._deadline = deadline
        self.asked, self.fates, self.slowest = [], {}, 0.0
        self.enough = asyncio.Event()

    async def ask(self, who):
        while not self.enough.is_set():
            question = self._tidepool.mention(f"{WHY_KAFKA} ({len(self.asked)})", who=who)
            self.asked.append(question)
            begun = time.monotonic()
            async with asyncio.timeout(self._deadline):
                while not (found := await self._tidepool.rows(ENDED, question)):
                    await asyncio.sleep(0.05)
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.fates[question] = found[0][0]


async def killed(engine, times, chance):
    """Kills the child so often, each at a moment of its own; how long it was away each time."""
    away = []
    for _ in range(times):
        while (victim := engine.pid) is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(chance.uniform(0.0, 2.0))
        os.kill(victim, chance.choice(SIGNALS))
        begun = time.monotonic()
        async with asyncio.timeout(60):
            while engine.pid in {victim, None}:
                await asyncio.sleep(0.01)
        away.append(time.monotonic() - begun)
    return away


@asynccontextmanager
async def asking(tidepool, deadline):
    """The crowd at work, for the block; then all have their answers. Errors: TimeoutError, to whoever has none."""
    people = [tidepool.slack.add_user(f"asker{number}") for number in range(ASKERS)]
    for one in people:
        tidepool.slack.join(tidepool.harvest, one)
    crowd = Crowd(tidepool, deadline)
    async with asyncio.TaskGroup() as group:
        for one in people:
            group.create_task(crowd.ask(one))
        yield crowd
        crowd.enough.set()


@pytest.mark.model
@pytest.mark.timeout(3600)
async def test_whoever_asks_while_the_model_is_killed_is_served_or_told(tidepool, size, report):
    kills, engine = size(3, 50), tidepool.engine
    async with tidepool.bot():
        begun = time.monotonic()
        await engine.start()
        load_seconds = time.monotonic() - begun
        sockets, opened = list(tidepool.slack.sockets), tidepool.slack.server.socket_mode.connections
        beats = asyncio.create_task(heartbeat())
        async with asking(tidepool, deadline=150) as crowd:
            away = await killed(engine, kills, random.Random(23))
        missed = await ended(beats)
        answers = {question: await tidepool.answers(question) for question in crowd.asked}
        told = [found for found in answers.values() if any(why in found[0].text for why in (MODEL_AWAY, QUARANTINED))]
        report(
            "killed under load",
            kills=kills,
            asked=len(answers),
            told=len(told),
            quarantined=engine.quarantined,
            load_s=round(load_seconds, 2),
            slowest_back_s=round(max(away), 2),
            slowest_answer_s=round(crowd.slowest, 1),
            longest_missed_beat_s=round(missed, 2),
        )
        assert len(answers) >= ASKERS
        assert {len(found) for found in answers.values()} == {1}
        assert all(KAFKA in found[0].text for found in answers.values())
        assert set(crowd.fates.values()) <= {"answered", "answered_with_warning"}
        assert engine.restarts == kills
        assert (tidepool.slack.sockets, tidepool.slack.server.socket_mode.connections) == (sockets, opened)
        assert max(away) <= size(60, load_seconds + 5)
        assert missed <= size(10, 1)


@pytest.mark.model
async def test_a_death_that_nobody_is_told_of_would_be_noticed(tidepool, monkeypatch):
    monkeypatch.setattr(Child, "_die", Child._end)
    tidepool.engine._silence_seconds = 1000.0
    async with tidepool.bot():
        await tidepool.engine.start()
        with pytest.raises(BaseExceptionGroup) as noticed:
            await in_the_dark(tidepool)
    assert noticed.group_contains(TimeoutError)


async def in_the_dark(tidepool):
    async with asking(tidepool, deadline=12):
        await asyncio.sleep(1)
        os.kill(tidepool.engine.pid, SIGNALS[0])
