"""How Discord is reached: sessions that break, are resumed or begin anew, starts that are counted, guilds, shards."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import discord
import pytest

from adapters import catching_up
from bot.errors import BadConfiguration
from tests.scenarios.shared.on_discord import DiscordHouse
from tests.scenarios.slack.conftest import proxy, running  # noqa: F401 - one is a fixture
from tests.scenarios.slack.talk import KAFKA, PATIENCE, WHY_KAFKA

MEMBERS, CONTENT = 1 << 1, 1 << 15
KEPT = "SELECT count(*) FROM message WHERE strpos(body, %(words)s) > 0 AND NOT deleted"


@pytest.fixture
def house(server, bot):
    return DiscordHouse(server, bot)


@pytest.fixture
def threadlore_run(server, database_url, servers, tmp_path):
    """`threadlore run` as a process: its exit code and what it says. Its models are never asked anything."""

    async def run(**more):
        given = {"DATABASE__URL": database_url, "REDIS__URL": servers[1], "HOME": str(tmp_path), "HTTP__PORT": "0"}
        given |= {"MODEL__URL": "http://127.0.0.1:1/v1", "MODEL__NAME": "x"}
        given |= {"EMBEDDING__URL": "http://127.0.0.1:1/v1", "EMBEDDING__NAME": "x", "EMBEDDING__DIMENSION": "3"}
        given |= {"DISCORD__TOKEN": server.token, "DISCORD__API_URL": server.api_url}
        given |= {"DISCORD__GATEWAY_URL": server.gateway_url} | more
        environment = {name: value for name, value in os.environ.items() if not name.startswith("THREADLORE_")}
        environment |= {f"THREADLORE_{name}": value for name, value in given.items()}
        began = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run"),
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(Path(__file__).parents[3])},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await asyncio.wait_for(began.communicate(), 120)
        finally:
            if began.returncode is None:
                began.kill()
                await began.wait()
        return began.returncode, said.decode()

    return run


async def learnt(house, words):
    """Waits until a message with these words is kept; how often it is."""

    async def is_kept():
        [(count,)] = await house.rows(KEPT, words=words)
        return count

    return await house._until(is_kept)


# ---- what Discord refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switched_on", [0, MEMBERS, CONTENT])
async def test_an_intent_that_is_switched_off_is_one_sentence(server, discord_settings, switched_on):
    server.enable_intents(switched_on)
    with pytest.raises(BadConfiguration, match="Privileged Gateway Intents"):
        await ended(server, discord_settings(server))
    assert [one.outcome for one in server.gateway.identifies] == ["4014"]


async def test_a_wrong_token_is_one_sentence_at_the_start(server, discord_settings):
    with pytest.raises(BadConfiguration, match="THREADLORE_DISCORD__TOKEN"):
        await ended(server, discord_settings(server, token="another"))
    assert server.gateway.openings == []


async def test_a_token_that_is_reset_while_the_bot_runs_ends_it_with_a_sentence(server, discord_settings):
    async def reset():
        server.token = "another"
        server.gateway.close(4000)
        await server.until(lambda: server.gateway.openings[-1].outcome == "4004")

    with pytest.raises(BadConfiguration, match="THREADLORE_DISCORD__TOKEN"):
        await ended(server, discord_settings(server), reset)


async def test_a_bot_that_must_be_sharded_is_told_which_setting_does_that(server, discord_settings):
    async def want_shards():
        server.gateway.close(4011)

    with pytest.raises(BadConfiguration, match="THREADLORE_DISCORD__SHARDS"):
        await ended(server, discord_settings(server), want_shards)


async def ended(server, settings, why=None):
    """The bot runs until it has been refused, and raises why."""
    async with running(settings):
        await server.until(lambda: server.gateway.openings)
        if why is not None:
            await server.connected()
            await why()
        await asyncio.sleep(0.5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"DISCORD__TOKEN": "another"}, "THREADLORE_DISCORD__TOKEN"), ({}, "Privileged Gateway Intents")],
    ids=["token", "intents"],
)
async def test_the_command_says_what_discord_refuses_and_ends_with_78(threadlore_run, server, settings, words):
    server.enable_intents(0)
    code, said = await threadlore_run(**settings)
    assert code == 78, said
    assert words in said
    assert "Traceback" not in said


# ---- sessions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reconnect", "invalidate", "drop"])
async def test_a_session_that_is_resumed_loses_nothing_and_repeats_nothing(house, how):
    gateway = house.discord.gateway
    async with house.bot():
        gateway.hold()
        house.say("the barrels are in the red barn")
        asked = house.mention(WHY_KAFKA)
        house.delete(house.decision)
        match how:
            case "close":
                gateway.close(4000)
            case "reconnect":
                gateway.reconnect()
            case "invalidate":
                gateway.invalidate(resumable=True)
            case "drop":
                gateway.drop()
        await house.discord.until(lambda: gateway.resumes)
        gateway.release()
        assert await learnt(house, "red barn") == 1
        assert len(await house.answers(asked)) == 1
        assert (await house.rows(KEPT, words=KAFKA)) == [(0,)]
    assert [one.outcome for one in gateway.openings] == ["ready", "resumed"]
    assert any(one.is_replayed and one.event == "MESSAGE_CREATE" for one in gateway.dispatches)


@pytest.mark.parametrize("hello", [True, False])
async def test_a_stop_while_a_connection_is_being_opened_leaves_none_behind(house, hello, sockets):
    gateway = house.discord.gateway
    async with house.bot():
        gateway.says_hello = hello
        gateway.close(4000)
        while len(sockets) < 2:
            await asyncio.sleep(0.02)
    assert [one for one in sockets if one._response.connection is not None] == []


@pytest.fixture
def sockets(monkeypatch):
    """Those that discord.py opens to the gateway."""
    opened, connect = [], discord.http.HTTPClient.ws_connect

    async def noted(*args, **options):
        opened.append(await connect(*args, **options))
        return opened[-1]

    monkeypatch.setattr(discord.http.HTTPClient, "ws_connect", noted)
    return opened


async def test_what_came_while_a_session_ended_is_read(house):
    gateway = house.discord.gateway
    async with house.bot():
        with house.discord.silently():
            house.say("the barrels are in the red barn")
            house.edit(house.decision, "Decision: we keep Kafka after all")
        gateway.invalidate()
        await house.discord.until(lambda: len(gateway.identifies) == 2)
        assert await learnt(house, "red barn") == 1
        assert await learnt(house, "after all") == 1


async def test_a_question_that_came_while_a_session_ended_is_answered_once(house):
    gateway = house.discord.gateway
    async with house.bot():
        with house.discord.silently():
            asked = house.mention(WHY_KAFKA)
        gateway.invalidate()
        assert KAFKA in (await house.appears(KAFKA)).text
        gateway.invalidate()
        await house.discord.until(lambda: len(gateway.identifies) == 3)
        await house.learned()
        assert len(await house.answers(asked)) == 1


async def test_a_long_time_without_a_connection_counts_as_absence(house, monkeypatch):
    """The bot is alive and well, and its connection cannot be opened again until its session is forgotten."""
    monkeypatch.setattr(catching_up, "SEEN_SECONDS", 0.1)
    monkeypatch.setattr(catching_up, "OVERLAP", timedelta(0))
    discord = house.discord
    async with house.bot():
        await asyncio.sleep(0.5)
        discord.gateway.refuses_connections = True
        discord.gateway.forget_sessions()
        discord.gateway.drop()
        await discord.until(lambda: not discord.gateway.connections)
        await asyncio.sleep(0.5)
        with discord.silently():
            house.say("the barrels are in the red barn")
        await asyncio.sleep(0.5)
        discord.gateway.refuses_connections = False
        assert await learnt(house, "red barn") == 1


async def test_what_comes_while_the_database_is_away_is_made_up_for(house, proxy):  # noqa: F811
    async with house.bot(database=proxy.url):
        proxy.refuse()
        house.say("the barrels are in the red barn")
        asked = house.mention(WHY_KAFKA)
        await house.unheard()
        proxy.restore()
        assert await learnt(house, "red barn") == 1
        await house.appears(KAFKA)
        assert len(await house.answers(asked)) == 1


async def test_a_command_that_cannot_be_kept_is_answered_with_a_sentence(house, proxy):  # noqa: F811
    async with house.bot(database=proxy.url):
        proxy.refuse()
        given = house.discord.slash_command(house.quince, house.harvest, "ask", {"question": WHY_KAFKA})
        said = await given.answer(PATIENCE)
        proxy.restore()
    assert "try again in a minute" in said["content"] + str(said["embeds"])
    assert given.deferred_after < 3


# ---- starts --------------------------------------------------------------------------------------------------------


async def test_a_day_whose_starts_are_used_up_is_waited_out(server, house):
    server.gateway.handshake.use_up(remaining=50, day_ends_in=3.0)
    began = asyncio.get_running_loop().time()
    async with house.bot():
        assert server.gateway.identifies[0].at - began >= 2.5


@pytest.mark.parametrize(("before", "least"), [(4, 0.0), (5, 2.0), (6, 4.0)])
async def test_starts_that_repeat_wait_longer_and_longer(house, before, least):
    async with house.bot() as app:
        now = datetime.now(UTC)
        long_ago = [(now - timedelta(hours=2)).isoformat()] * 9
        noted = " ".join([*long_ago, *[now.isoformat()] * before])
        await app.desk.upkeep.note("discord", "starts", noted)
    login = len(house.discord.calls_of("GET /users/@me"))
    async with house.bot(learned=False) as app:
        began = house.discord.calls_of("GET /users/@me")[login].at
        waited = house.discord.gateway.identifies[1].at - began
        assert least <= waited < least + 1.9
        assert len((await app.desk.upkeep.noted("discord", "starts")).split()) == before + 1
        await house.learned()


# ---- guilds and shards ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [0, 2])
async def test_guilds_answer_each_from_their_own_on_one_connection_or_several(house, shards):
    discord = house.discord
    guilds = [house.guild]
    while len(guilds) < 2 or (int(guilds[0]) >> 22) % 2 == (int(guilds[-1]) >> 22) % 2:
        guilds.append(discord.add_guild("orchard"))
    other = guilds[-1]
    damson = discord.add_member(other, "damson")
    there = discord.add_channel(other, "press")
    discord.seed(there, [(damson, "We keep Kafka and are happy with it")])
    async with house.bot(shards=shards):
        await learnt(house, "happy")
        mine, theirs = house.mention("why Kafka?"), house.mention("why Kafka?", who=damson, where=there)
        answer, other_answer = await house.answer(mine), await house.answer(theirs, where=there)
    assert ("outages" in answer.text, "happy" in answer.text) == (True, False)
    assert ("outages" in other_answer.text, "happy" in other_answer.text) == (False, True)
    assert [one.shard for one in discord.gateway.identifies] == ([[0, 2], [1, 2]] if shards else [None])


async def test_a_shard_that_begins_anew_makes_up_for_its_own_guilds(house):
    gateway = house.discord.gateway
    async with house.bot(shards=2):
        with house.discord.silently():
            house.say("the barrels are in the red barn")
        gateway.invalidate()
        assert await learnt(house, "red barn") == 1
