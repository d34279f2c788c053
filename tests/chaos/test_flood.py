"""One person floods the bot. Whoever else asks hardly waits longer, and the flooder is told once.

A stub in place of the model; the outbox, the queue and the limits are the real ones.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
import structlog

from bot.answering import Answering
from bot.config import LimitSettings
from bot.conversation import Answer, Fragment, Outcome
from bot.errors import RateLimited
from bot.lifecycle import stop_all
from bot.memory import open_redis
from bot.outbox import Outbox
from bot.queue import FairQueue
from bot.ratelimit import RedisRateLimiter
from tests.chaos.quiet import QuietPlatform, asked
from tests.fakes.ratelimit import FakeLimiter

FLOODER = "sloe"
# What the machine may add to an answer under way, in full size. A small run counts turns, and no time.
NOISE_SECONDS = 0.1
# Of the flooder's questions, so many may begin while another's waits: one of each of two that come at once.
TURNS = 2


@dataclass(frozen=True)
class Scene:
    """`questions` of one person, evenly over the time in which `askers` others ask `each`."""

    questions: int
    askers: int
    each: int
    pause_seconds: float
    generation_seconds: float

    @property
    def seconds(self):
        return self.each * self.pause_seconds


@dataclass
class Stub:
    """The first word comes after half of the time."""

    seconds: float
    begun: list = field(default_factory=list)
    first_word_at: dict = field(default_factory=dict)

    async def respond(self, request, question):
        self.begun.append(request.answer_id)
        await asyncio.sleep(self.seconds / 2)
        self.first_word_at[request.answer_id] = time.monotonic()
        yield Fragment("Because ")
        await asyncio.sleep(self.seconds / 2)
        yield Answer("Because of three outages.", Outcome.ANSWERED)

    async def knows_more_privately(self, request, question, answer):
        return False


class Door(QuietPlatform):
    """Notes how many questions had begun when one came to the queue."""

    def __init__(self, stub):
        super().__init__()
        self.came_at = {}
        self._stub = stub

    async def reply_to(self, request, places, *, resumed):
        self.came_at[request.answer_id] = len(self._stub.begun)
        return await super().reply_to(request, places, resumed=resumed)


@dataclass
class Seen:
    """Of each other's question: the seconds to its first word, and how many of the flooder's began before it.

    Both are infinite for one that got no answer. `flooder`: what that one was told how often.
    """

    first_words: list
    overtaken: list
    flooder: Counter
    seconds: float

    @property
    def p95(self):
        return sorted(self.first_words)[int(0.95 * (len(self.first_words) - 1))]

    @property
    def p95_overtaken(self):
        return sorted(self.overtaken)[int(0.95 * (len(self.overtaken) - 1))]

    @property
    def notices(self):
        return sum(count for said, count in self.flooder.items() if said.startswith("You have asked me a lot"))


async def played(database, scene, *, limiter=None, queue=FairQueue, flood=True):
    outbox, stub = Outbox(database), Stub(scene.generation_seconds)
    platform = Door(stub)
    queue = queue(lambda: 1, per_asker=2)
    answering = Answering(outbox, stub, queue, {"test": platform}, limiter or FakeLimiter())
    dice, others, flooders = random.Random(15), {}, {}

    async def open_one(request):
        platform.asked_at[request.answer_id] = time.monotonic()
        await outbox.open(request)
        answering.wake()

    async def ask(number):
        await asyncio.sleep(dice.random() * scene.pause_seconds)
        for turn in range(scene.each):
            one = asked(f"{number}-{turn}", "why?", who=f"asker {number}")
            others[one.answer_id] = time.monotonic()
            await open_one(one)
            await asyncio.sleep(scene.pause_seconds)

    async def pour():
        began = time.monotonic()
        for number in range(scene.questions if flood else 0):
            one = asked(f"flood-{number}", "why?", who=FLOODER)
            flooders[one.answer_id] = number
            await open_one(one)
            due = began + (number + 1) * scene.seconds / scene.questions
            await asyncio.sleep(max(due - time.monotonic(), 0))

    running, began_at = asyncio.create_task(answering.run()), time.monotonic()
    try:
        await asyncio.gather(pour(), *(ask(number) for number in range(scene.askers)))
        # What is left of a flood that nothing limits is not waited for.
        while await outbox.waiting() if limiter else not others.keys() <= platform.said.keys():
            await asyncio.sleep(0.02)
    finally:
        await stop_all([running])
    seconds, never = time.monotonic() - began_at, float("inf")
    first_words = [stub.first_word_at.get(one, never) - came for one, came in others.items()]
    overtaken = [
        sum(other in flooders for other in stub.begun[platform.came_at[one] : stub.begun.index(one)])
        if one in stub.first_word_at else never
        for one in others
    ]  # fmt: skip
    told = Counter(platform.said[one] for one in flooders if one in platform.said)
    return Seen(first_words, overtaken, told, seconds)


class FirstCome(FairQueue):
    """The mutant: all stand in one line."""

    def __init__(self, slots, **more):
        super().__init__(slots, per_asker=slots)

    def turn(self, asker, **more):
        return super().turn("everybody", **more)


class Talkative(FakeLimiter):
    """The mutant: each refusal is told."""

    async def hit(self, asker, channel):
        try:
            await super().hit(asker, channel)
        except RateLimited as error:
            error.is_first = True
            raise


@pytest.fixture(autouse=True)
def logs():
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def scene(size):
    return size(Scene(200, 5, 2, 1.0, 0.05), Scene(1000, 20, 3, 60.0, 0.4))


@pytest.fixture
async def limiter(servers):
    """With the limits of the product."""
    async with open_redis(servers[1]) as client:
        await client.flushall()
        yield RedisRateLimiter(client, **LimitSettings().model_dump())


@pytest.mark.timeout(1800)
async def test_one_who_floods_delays_nobody_by_more_than_the_answer_under_way(
    database,
    scene,
    limiter,
    request,
    report,
):
    alone = await played(database, scene, flood=False)
    await database.execute("DELETE FROM answer")
    unlimited = await played(database, scene)
    await database.execute("DELETE FROM answer")
    limited = await played(database, scene, limiter=limiter)
    p95 = {"alone": alone.p95, "flooded": unlimited.p95, "limited": limited.p95}
    report(
        "flood", questions=scene.questions, others=len(alone.first_words),
        generation_ms=scene.generation_seconds * 1000, p95_first_word_ms={who: round(1000 * p95[who]) for who in p95},
        p95_overtaken={"flooded": unlimited.p95_overtaken, "limited": limited.p95_overtaken},
        answered_of_the_flooder={"flooded": unlimited.flooder["answered"], "limited": limited.flooder["answered"]},
        notices=limited.notices,
    )  # fmt: skip
    assert unlimited.p95_overtaken <= TURNS
    assert limited.p95_overtaken <= TURNS
    if request.config.getoption("--full"):
        assert max(unlimited.p95, limited.p95) <= alone.p95 + scene.generation_seconds + NOISE_SECONDS
    assert 1 <= limited.notices <= 1 + limited.seconds // 60
    assert sum(limited.flooder.values()) == limited.notices + limited.flooder["answered"]


async def test_first_come_first_served_would_be_caught(database):
    flooded = await played(database, Scene(100, 5, 1, 1.0, 0.05), queue=FirstCome)
    assert flooded.p95_overtaken > 5 * TURNS


async def test_a_notice_for_each_question_would_be_caught(database):
    flooded = await played(database, Scene(60, 1, 1, 0.5, 0.01), limiter=Talkative(user="20/minute"))
    assert flooded.notices > 1
