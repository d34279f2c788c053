"""The fake Discord fails on demand, and limits the real discord.py as Discord would."""

import asyncio

import aiohttp
import discord
import pytest

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.client import refusal, routed_to, served

SEND = "POST /channels/*/messages"


@pytest.fixture
async def place():
    """(fake, client, channel as discord.py knows it)."""
    async with served() as (fake, client):
        guild = fake.add_guild("tidepool")
        yield fake, client, await client.fetch_channel(int(fake.add_channel(guild, "harvest")))


def said(fake, target):
    return [seen.content for seen in fake.bot_messages(str(target.id))]


async def test_work_may_be_done_and_the_answer_lost(place):
    fake, _, target = place
    fake.faults.on(SEND, drop=True, done=True)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await target.send("once", nonce="n1")
    assert said(fake, target) == ["once"]
    await target.send("once", nonce="n1")
    assert said(fake, target) == ["once"]
    lost, found = fake.calls_of("POST /channels/{channel_id}/messages")
    assert (lost.status, lost.outcome, lost.worked) == (0, "dropped", True)
    assert (found.status, found.outcome) == (200, "ok")


async def test_the_connection_may_drop_before_the_work(place):
    fake, _, target = place
    fake.faults.on(SEND, drop=True)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await target.send("never")
    assert said(fake, target) == []


async def test_the_nth_call_fails_with_an_error_of_discords(place):
    fake, _, target = place
    fake.faults.on(SEND, nth=2, error=50013, where=lambda body: body["content"] != "other")
    await target.send("one")
    await target.send("other")
    assert await refusal(target.send("two")) == (403, 50013)
    await target.send("three")
    assert said(fake, target) == ["one", "other", "three"]
    assert fake.invalid_requests == 1


async def test_a_call_can_be_held_until_it_is_let_go(place):
    fake, _, target = place
    fault = fake.faults.on(SEND, hold=True)
    sending = asyncio.create_task(target.send("late"))
    await fault.reached.wait()
    assert said(fake, target) == []
    fault.release()
    await sending
    assert said(fake, target) == ["late"]


@pytest.mark.parametrize(("scope", "counted"), [("user", 1), ("global", 1), ("shared", 0)])
async def test_a_429_is_obeyed_and_counted_by_its_scope(place, scope, counted):
    fake, _, target = place
    fake.faults.on(SEND, retry_after=0.05, scope=scope)
    await target.send("after a while")
    first, second = fake.calls_of("POST /channels/{channel_id}/messages")
    assert (first.status, second.status) == (429, 200)
    assert second.at - first.at >= 0.05
    assert fake.invalid_requests == counted


async def test_too_long_a_wait_is_an_error_of_its_own(place):
    fake, _, target = place
    fake.faults.on(SEND, retry_after=31.5)
    with pytest.raises(discord.RateLimited) as caught:
        await target.send("never")
    assert caught.value.retry_after == 31.5


async def test_bad_json_and_upstream_errors_reach_the_client(place):
    fake, _, target = place
    fake.faults.on("GET /channels/*/messages", bad_json=True)
    with pytest.raises(ValueError, match="line 1"):
        await target.history().__anext__()
    fake.faults.on("GET /channels/*/messages", status=503)
    assert (await refusal(target.history().__anext__()))[0] == 503


async def test_limits_are_off_unless_switched_on(place):
    _, _, target = place
    for number in range(12):
        await target.send(str(number))


async def burst(fake, count):
    """The statuses of so many sends at once, each on its own, as if by clients that know of no limits."""
    channel = fake.add_channel(fake.add_guild("tidepool"), "harvest")
    url, headers = f"{fake.api_url}/channels/{channel}/messages", {"Authorization": f"Bot {fake.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        answers = []
        for number in range(count):
            async with session.post(url, json={"content": str(number)}) as response:
                answers.append((response.status, response.headers, await response.json()))
    return answers


async def test_a_bucket_says_how_full_it_is_and_refuses_one_too_many():
    async with FakeDiscord(rate_limits=True) as fake:
        *passed, (status, headers, body) = await burst(fake, 6)
        assert [each[0] for each in passed] == [200] * 5
        assert [each[1]["X-RateLimit-Remaining"] for each in passed] == ["4", "3", "2", "1", "0"]
        assert (status, headers["X-RateLimit-Scope"]) == (429, "user")
        assert 0 < body["retry_after"] <= 5
        assert (body["global"], body["code"]) == (False, 0)
        assert len({each[1]["X-RateLimit-Bucket"] for each in passed}) == 1
        fake.clock.advance(5)
        assert [each[0] for each in await burst(fake, 1)] == [200]
        assert fake.violations == []


async def test_all_calls_together_have_a_limit_too():
    async with FakeDiscord(rate_limits=True) as fake:
        fake.rate_limits.whole = (3, 60.0)
        *passed, (status, headers, body) = await burst(fake, 4)
        assert [each[0] for each in passed] == [200] * 3
        assert (status, headers["X-RateLimit-Global"], body["global"]) == (429, "true", True)


async def test_a_client_that_reads_the_headers_is_never_refused():
    async with FakeDiscord(rate_limits=True) as fake:
        fake.rate_limits.buckets["POST /channels/{channel_id}/messages"] = (3, 0.2)
        channel = fake.add_channel(fake.add_guild("tidepool"), "harvest")
        client = discord.Client(intents=discord.Intents.none())
        with routed_to(fake):
            await client.login(fake.token)
            target = await client.fetch_channel(int(channel))
            for number in range(7):
                await target.send(str(number))
        await client.close()
        assert fake.invalid_requests == 0
        assert len(said(fake, target)) == 7
