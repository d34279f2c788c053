"""The whole bot on the fake Discord: real discord.py, PostgreSQL and Redis; only Discord and the models are played."""

from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from adapters.discord import client
from bot.config import Settings
from tests.fakes.discord.fake import FakeDiscord
from tests.fakes.models import first_source
from tests.scenarios.shared.on_discord import DiscordHouse
from tests.scenarios.slack.conftest import running


@pytest.fixture
async def server(monkeypatch):
    """The fake, whose guilds are told of without a pause."""
    monkeypatch.setattr(client, "LAST_GUILD_SECONDS", 0.2)
    async with FakeDiscord() as opened:
        yield opened
    assert opened.violations == []


@pytest.fixture(autouse=True)
async def empty_memory(servers):
    """Keys of messages begin anew with each database: what a test before remembered of them is not this one's."""
    async with Redis.from_url(servers[1]) as client:
        await client.flushall()


@pytest.fixture
def discord_settings(database_url, servers):
    def settings(server, *, parallel=4, database=database_url, limits=None, knowledge=None, **more):
        urls = {"api_url": server.api_url, "gateway_url": server.gateway_url}
        return Settings(
            _env_file=None,
            database={"url": database},
            redis={"url": servers[1]},
            answer={"decline_below": 0.3, "warn_below": 0.5},
            discord={"token": server.token, **urls, **more},
            model={"parallel": parallel},
            limits=limits or {},
            knowledge=knowledge or {},
        )

    return settings


@pytest.fixture
def bot(server, discord_settings):
    """Starts the bot on the fake Discord, and waits until it listens."""

    @asynccontextmanager
    async def start(script=first_source, *, delay_seconds=0.0, **more):
        async with running(discord_settings(server, **more), script, delay_seconds=delay_seconds) as (app, _):
            await server.connected()
            yield app

    return start


@pytest.fixture
def house(server, bot):
    """The guild "tidepool" with its people and the channel #harvest."""
    opened = DiscordHouse(server, bot)
    yield opened
    opened.shut()
