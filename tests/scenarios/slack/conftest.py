"""The whole bot on the fake Slack: real slack-bolt, real PostgreSQL and Redis; only Slack and the models are played."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from bot.commands.serve import services
from bot.config import Settings
from bot.lifecycle import stop_all
from bot.web import web_server
from bot.wiring import open_app
from tests.fakes.models import WordEmbedding, first_source, scripted
from tests.fakes.slack import FakeSlack
from tests.proxy import fault_proxy
from tests.scenarios.slack.talk import Tidepool


@pytest.fixture
async def slack():
    async with FakeSlack() as opened:
        yield opened


@pytest.fixture(autouse=True)
async def empty_memory(servers):
    """Keys of messages begin anew with each database: what a test before remembered of them is not this one's."""
    async with Redis.from_url(servers[1]) as client:
        await client.flushall()


@pytest.fixture
async def tidepool(slack, bot):
    """A workspace with people, a channel with a past, and a bot that a test starts."""
    return Tidepool(slack, bot)


@pytest.fixture
async def proxy(database_url, tmp_path_factory):
    """A door in front of the database. A bot goes through it with `database=proxy.url`."""
    async with fault_proxy(database_url, tmp_path_factory.mktemp("door")) as opened:
        yield opened


@pytest.fixture
def slack_settings(database_url, servers):
    def settings(slack, *, parallel=4, database=database_url, limits=None, knowledge=None, **more):
        workspace = {"bot_token": slack.bot_token, "app_token": slack.app_token, "signing_secret": slack.signing_secret}
        return Settings(
            _env_file=None,
            database={"url": database},
            redis={"url": servers[1]},
            answer={"decline_below": 0.3, "warn_below": 0.5},
            slack={"api_url": slack.api_url, **workspace, **more},
            model={"parallel": parallel},
            limits=limits or {},
            knowledge=knowledge or {},
        )

    return settings


@asynccontextmanager
async def running(settings, script=first_source, *, delay_seconds=0.0, chat=None):
    """The application with everything that `threadlore run` runs; `chat` instead of a script is a model of its own."""
    chat = chat or scripted(script, delay_seconds=delay_seconds)
    async with open_app(settings, model=chat, embedder=WordEmbedding()) as app:
        for adapter in app.adapters:
            await adapter.open(app.desk)
        routes = [route for adapter in app.adapters for route in adapter.routes]
        async with web_server("127.0.0.1", 0, routes, app.admin, app.health) as port:
            tasks = [asyncio.create_task(service) for service in services(app)]
            try:
                yield app, port
            finally:
                for task in await stop_all(tasks):
                    if not task.cancelled() and task.exception() is not None:
                        raise task.exception()


@pytest.fixture
def bot(slack, slack_settings):
    """Starts the bot on the fake Slack, and waits until it listens."""

    @asynccontextmanager
    async def start(script=first_source, *, delay_seconds=0.0, **more):
        async with running(slack_settings(slack, **more), script, delay_seconds=delay_seconds) as (app, _):
            await slack.connected(2)
            yield app

    return start
