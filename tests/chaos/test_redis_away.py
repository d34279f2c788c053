"""Redis refuses, swallows, or is full while questions are asked: each is answered, and hardly later."""

import asyncio
import time
from contextlib import asynccontextmanager
from functools import partial

import pytest
import structlog
from redis.asyncio import Redis

from bot import memory, ratelimit, wiring
from bot.config import Settings
from bot.lifecycle import stop_all
from bot.wiring import open_app
from tests.chaos.quiet import QuietPlatform, asked
from tests.fakes.models import WordEmbedding, first_source, scripted
from tests.proxy import redis_proxy
from tests.servers import start_redis, stop
from tests.talk import described, said

ASKERS = 40
ADDED_SECONDS = 0.25
# What a question may be later for on a busy test machine; a client with its own timeouts is later by five seconds.
NOISE_SECONDS = 1.5


@pytest.fixture(autouse=True)
def logs(monkeypatch):
    monkeypatch.setattr(wiring, "setup_logging", lambda level: None)  # it would put an end to the capturing
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
async def door(tmp_path_factory):
    """A Redis of its own, and a fault proxy in front of it."""
    folder = tmp_path_factory.mktemp("r")
    url, process = start_redis(folder)
    try:
        async with redis_proxy(url, folder) as proxy, memory.open_redis(url) as direct:
            yield proxy, direct
    finally:
        stop(process)


@pytest.fixture
def opened(database_url, door):
    """The whole application behind the proxy; only platform and models are played."""

    @asynccontextmanager
    async def start():
        settings = Settings(
            _env_file=None,
            database={"url": database_url},
            redis={"url": door[0].url},
            answer={"decline_below": 0.2, "warn_below": 0.2},
            model={"parallel": 8},
            limits={"channel": "off", "workspace": "off"},  # all ask in one channel here
        )
        platform, chat = QuietPlatform(), scripted(first_source)
        async with open_app(settings, model=chat, embedder=WordEmbedding(), adapters=[platform]) as app:
            await app.access.record_channels([described("general")])
            await app.archive.record([said("1", "Decision: we drop Kafka because it caused three outages this winter")])
            await app.indexer.drain()
            running = asyncio.create_task(app.answering.run())
            try:
                yield app, platform
            finally:
                assert not running.done()
                await stop_all([running])

    return start


async def ask_for(app, platform, seconds, per_second, name):
    """Asks at a steady pace, waits for the answers; how long each took, in order."""
    began, wanted = time.monotonic(), []
    while (late := time.monotonic() - began) < seconds:
        number = len(wanted)
        one = asked(f"{name}-{number}", "why did we drop Kafka?", who=f"asker {number % ASKERS}")
        wanted.append(one.answer_id)
        await platform.ask(app, one)
        await asyncio.sleep(max((number + 1) / per_second - late, 0))
    async with asyncio.timeout(60):
        while not platform.said.keys() >= set(wanted):
            await asyncio.sleep(0.01)
    assert {platform.said[one] for one in wanted} == {"answered"}
    return sorted(platform.seconds[one] for one in wanted)


def p95(seconds):
    return seconds[int(0.95 * (len(seconds) - 1))]


def refuse(proxy, direct):
    proxy.refuse()


def swallow(proxy, direct):
    proxy.swallow()


async def fill(proxy, direct):
    await direct.config_set("maxmemory-policy", "noeviction")
    await direct.config_set("maxmemory", 1)


async def mend(proxy, direct):
    proxy.restore()
    await direct.config_set("maxmemory", 0)


@pytest.fixture
def pause(size, monkeypatch):
    """How long nobody tries Redis again after a failure; a small run has no time to wait as long as the product."""
    pause = size(1.0, ratelimit.PAUSE_SECONDS)
    for name in ("RedisMemory", "RedisRateLimiter"):
        monkeypatch.setattr(wiring, name, partial(getattr(wiring, name), pause_seconds=pause))
    return pause


@pytest.mark.timeout(1200)
async def test_without_redis_all_is_answered_and_hardly_later(opened, door, pause, size, report, logs, request):
    seconds, per_second = size(5, 60), size(3, 5)
    async with opened() as (app, platform):
        await ask_for(app, platform, 2, per_second, "warm")
        usual = await ask_for(app, platform, seconds, per_second, "usual")
        took = {}
        for fault in (refuse, swallow, fill):
            if (waiting := fault(*door)) is not None:
                await waiting
            took[fault.__name__] = await ask_for(app, platform, seconds, per_second, fault.__name__)
            await mend(*door)
            await asyncio.sleep(pause + 0.3)
            await ask_for(app, platform, 1, per_second, f"after {fault.__name__}")
    added = {name: p95(one) - p95(usual) for name, one in took.items()}
    report(
        "redis_away", questions={name: len(one) for name, one in took.items()}, usual_p95_ms=round(1000 * p95(usual)),
        added_p95_ms={name: round(1000 * one) for name, one in added.items()},
        slowest_ms={name: round(1000 * one[-1]) for name, one in took.items()},
    )  # fmt: skip
    bar = ADDED_SECONDS if request.config.getoption("--full") else NOISE_SECONDS
    assert max(added.values()) <= bar
    events = [one["event"] for one in logs]
    assert events.count("limits_counted_here") == events.count("limits_shared_again") == 3


async def test_a_client_with_the_usual_timeouts_would_be_caught(opened, door, monkeypatch):
    """The mutant: redis-py's own five seconds a call, and nobody who stops waiting before."""
    monkeypatch.setattr(wiring, "open_redis", lambda url: Redis.from_url(url, socket_timeout=5))
    for name in ("RedisMemory", "RedisRateLimiter"):
        monkeypatch.setattr(wiring, name, partial(getattr(wiring, name), call_seconds=60))
    async with opened() as (app, platform):
        usual = await ask_for(app, platform, 0.5, 2, "usual")
        swallow(*door)
        late = await ask_for(app, platform, 0.4, 2, "swallowed")
        door[0].restore()
    assert p95(late) - p95(usual) > NOISE_SECONDS
