"""Limits on what is asked: one suite over the fake and Redis, then what only Redis can get wrong."""

import asyncio
import socket
import time

import pytest
import structlog

from bot.errors import RateLimited
from bot.memory import open_redis
from bot.ports import RateLimiter
from bot.ratelimit import OwnWindows, RedisRateLimiter, limits_in
from knowledge.messages import ChannelRef, PersonRef
from tests.fakes.ratelimit import FakeLimiter
from tests.servers import start_redis, stop

QUINCE, TAMARIND = PersonRef("slack", "T1", "U1"), PersonRef("slack", "T1", "U2")
GENERAL, BOARD = ChannelRef("slack", "T1", "C1"), ChannelRef("slack", "T1", "C2")


@pytest.fixture(autouse=True)
def logs():
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
async def redis(redis_url):
    # As in production, but for its haste: a busy test machine is no outage.
    client = open_redis(f"{redis_url}?socket_timeout=20&socket_connect_timeout=20")
    await client.flushall()
    await client.config_set("maxmemory", 0)
    yield client
    await client.aclose()


@pytest.fixture(params=["fake", "redis"])
def make(request):
    """Builds a limiter; all those of one test share one store where there is one."""
    if request.param == "fake":
        return FakeLimiter
    client = request.getfixturevalue("redis")
    return lambda **limits: RedisRateLimiter(client, call_seconds=20, **limits)


async def allowed(limiter: RateLimiter, count, asker=QUINCE, channel=GENERAL):
    """How many of so many questions are let through."""
    refusals = [one for _ in range(count) if (one := await refusal(limiter, asker, channel)) is not None]
    return count - len(refusals)


async def refusal(limiter, asker=QUINCE, channel=GENERAL):
    try:
        await limiter.hit(asker, channel)
    except RateLimited as error:
        return error
    return None


# ---- both ---------------------------------------------------------------------------------------------------------


async def test_so_many_questions_are_let_through_and_no_more(make):
    assert await allowed(make(user="3/minute"), 5) == 3


async def test_what_is_off_limits_nobody(make):
    assert await allowed(make(), 50) == 50


async def test_one_who_asks_much_takes_nothing_from_another(make):
    limiter = make(user="3/minute")
    await allowed(limiter, 10)
    assert await allowed(limiter, 2, TAMARIND) == 2


@pytest.mark.parametrize(
    "other",
    [PersonRef("discord", "T1", "U1"), PersonRef("slack", "T2", "U1"), PersonRef("slack", "T1/U1", ""), TAMARIND],
)
async def test_ids_that_look_alike_are_different_people(make, other):
    limiter = make(user="1/minute")
    await allowed(limiter, 2)
    assert await allowed(limiter, 1, other) == 1


async def test_a_channel_has_a_limit_of_its_own_whoever_asks(make):
    limiter = make(channel="3/minute")
    assert await allowed(limiter, 2) == 2
    assert await allowed(limiter, 5, TAMARIND) == 1
    assert await allowed(limiter, 5, TAMARIND, BOARD) == 3


async def test_a_workspace_has_one_over_all_its_channels_and_orders(make):
    limiter = make(workspace="3/minute")
    assert await allowed(limiter, 2) == 2
    assert await allowed(limiter, 2, TAMARIND, None) == 1
    assert await allowed(limiter, 2, PersonRef("slack", "T2", "U1"), ChannelRef("slack", "T2", "C1")) == 2


async def test_one_who_floods_leaves_the_share_of_the_channel_to_the_others(make):
    limiter = make(user="2/minute", channel="4/minute")
    assert await allowed(limiter, 50) == 2
    assert await allowed(limiter, 2, TAMARIND) == 2


async def test_a_question_of_nobody_counts_for_its_channel(make):
    limiter = make(user="1/minute", channel="2/minute")
    assert await allowed(limiter, 5, None) == 2


async def test_the_first_refusal_says_when_to_ask_again_and_the_later_ones_are_known_to_be_later(make):
    limiter = make(user="2/minute")
    await allowed(limiter, 2)
    first, *later = [await refusal(limiter) for _ in range(20)]
    assert first.is_first
    assert not any(one.is_first for one in later)
    assert 30 < first.seconds <= 60
    assert first.sentence.startswith("You have asked me a lot in a short time")
    assert first.sentence.endswith("seconds.")


async def test_everybody_who_is_refused_hears_of_it_once(make):
    limiter = make(channel="1/minute")
    await allowed(limiter, 1)
    told = [(await refusal(limiter, asker)).is_first for asker in (QUINCE, TAMARIND, QUINCE, TAMARIND)]
    assert told == [True, True, False, False]


async def test_when_the_window_has_passed_there_is_room_again_and_a_new_refusal_is_a_first_one(make):
    limiter = make(user="2/2 second")
    assert await allowed(limiter, 3) == 2
    await asyncio.sleep(2.1)
    assert await allowed(limiter, 2) == 2
    assert (await refusal(limiter)).is_first


async def test_two_limiters_over_one_store_count_together(make):
    first = make(user="3/minute")
    second = first if isinstance(first, FakeLimiter) else make(user="3/minute")
    assert await allowed(first, 2) + await allowed(second, 2) == 3


# ---- only Redis ---------------------------------------------------------------------------------------------------


async def test_several_limits_hold_together(redis):
    limiter = RedisRateLimiter(redis, user="5/second; 7/day", call_seconds=20)
    assert await allowed(limiter, 6) <= 6
    await asyncio.sleep(1.1)
    await allowed(limiter, 6)
    error = await refusal(limiter)
    assert error.sentence.endswith("hours.")


async def test_every_key_has_our_prefix_and_an_expiry(redis):
    limiter = RedisRateLimiter(redis, user="2/minute; 9/day", channel="5/hour", workspace="9/hour", call_seconds=20)
    await allowed(limiter, 4)
    await allowed(limiter, 1, PersonRef("slack", "T:1", "ü/% *"), None)
    keys = await redis.keys()
    assert len(keys) >= 6
    for key in keys:
        assert key.startswith(b"threadlore:limits:")
        assert await redis.ttl(key) > 0


async def hits_beside(limiter, counted):
    """While Redis is away: this process counts, nobody waits long, and one line says so."""
    started = time.monotonic()
    assert await allowed(limiter, 5) == counted
    return time.monotonic() - started


def warnings(logs):
    return [one["event"] for one in logs if one["event"].startswith("limits_")]


async def test_without_redis_the_process_counts_by_itself_and_says_so_once(logs):
    limiter = RedisRateLimiter(open_redis("unix:///nowhere/redis.sock"), user="3/minute")
    assert await hits_beside(limiter, 3) < 1
    assert (await refusal(limiter, TAMARIND)) is None
    assert warnings(logs) == ["limits_counted_here"]


async def test_a_redis_that_swallows_everything_costs_one_short_wait(tmp_path, logs):
    path = tmp_path / "hole.sock"
    with socket.socket(socket.AF_UNIX) as hole:
        hole.bind(str(path))
        hole.listen()
        client = open_redis(f"unix://{path}")
        assert await hits_beside(RedisRateLimiter(client, user="3/minute"), 3) < 2
        await client.aclose()
    assert warnings(logs) == ["limits_counted_here"]


async def test_a_redis_that_is_full_refuses_nobody(redis, logs):
    limiter = RedisRateLimiter(redis, user="3/minute", call_seconds=20)
    await redis.config_set("maxmemory", 1)
    await redis.config_set("maxmemory-policy", "noeviction")
    assert await hits_beside(limiter, 3) < 5
    assert warnings(logs) == ["limits_counted_here"]


async def test_when_redis_is_back_it_counts_again(tmp_path, logs):
    url, process = start_redis(tmp_path)
    client = open_redis(url)
    limiter = RedisRateLimiter(client, user="2/minute", call_seconds=20, pause_seconds=0.2)
    try:
        assert await allowed(limiter, 1) == 1
        stop(process)
        assert await allowed(limiter, 3) == 2
        url, process = start_redis(tmp_path)
        await asyncio.sleep(0.3)
        assert await allowed(limiter, 3) == 2
        assert await client.keys()
    finally:
        await client.aclose()
        stop(process)
    assert warnings(logs) == ["limits_counted_here", "limits_shared_again"]


async def test_a_limiter_that_lets_a_broken_redis_decide_would_be_caught(monkeypatch):
    """The mutant: an error of Redis reaches whoever asks."""

    class Trusting(RedisRateLimiter):
        async def hit(self, asker, channel):
            for item, names in self._checks(asker, channel):
                await self._shared.take(item, names)

    with pytest.raises(Exception, match=r"(?i)connect|no such file"):
        await hits_beside(Trusting(open_redis("unix:///nowhere/redis.sock"), user="3/minute"), 3)


# ---- only this process --------------------------------------------------------------------------------------------


async def test_this_process_remembers_a_bounded_number_of_people(monkeypatch):
    monkeypatch.setattr("bot.ratelimit.MOST_KEYS", 10)
    windows, [item] = OwnWindows(), limits_in("1/day")
    for number in range(100):
        assert await windows.take(item, (str(number),))
    assert len(windows._came) == 10
    assert not await windows.take(item, ("99",))


@pytest.mark.parametrize("written", ["off", "OFF", ""])
def test_off_is_no_limit(written):
    assert limits_in(written) == ()
