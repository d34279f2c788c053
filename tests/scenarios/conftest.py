from contextlib import asynccontextmanager

import pytest

from bot import worker_pool
from bot.config import Settings
from bot.conversation import Answer, Fragment
from bot.questions import question
from bot.wiring import open_app
from knowledge import backfill, indexer
from knowledge.messages import Visibility
from knowledge.scope import Audience
from tests.fakes.memory import FakeMemory
from tests.fakes.models import WordEmbedding, first_source, scripted
from tests.talk import described, said


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    """Whoever looks for work looks more often, so that a test waits less for what it is about."""
    for works in (backfill, indexer):
        monkeypatch.setattr(works, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(worker_pool, "POLL_SECONDS", 0.2)


@pytest.fixture
def settings(database_url, servers):
    return Settings(
        _env_file=None,
        database={"url": database_url},
        redis={"url": servers[1]},
        answer={"decline_below": 0.3, "warn_below": 0.5},
    )


@pytest.fixture
def opened(settings):
    """Opens the whole application; only the models are replaced."""

    @asynccontextmanager
    async def open_with(script=first_source, *, delay_seconds=0.0, memory=None, embedder=None):
        chat = scripted(script, delay_seconds=delay_seconds)
        async with open_app(
            settings, model=chat, embedder=embedder or WordEmbedding(), memory=memory or FakeMemory()
        ) as app:
            await app.access.record_channels([described("general"), described("board", Visibility.PRIVATE)])
            yield app

    return open_with


async def learn(app, *changes):
    await app.archive.record(changes)
    await app.indexer.drain()


async def ask(app, text, *, audience=None, asker=None, conversation="c"):
    fragments, answers = [], []
    async for event in app.assistant.answer(question(text, asker, audience or Audience(), conversation)):
        match event:
            case Fragment():
                fragments.append(event.text)
            case Answer():
                answers.append(event)
    assert len(answers) == 1
    return answers[0], "".join(fragments)


KAFKA = said("1", "Decision: we drop Kafka because it caused three outages this winter", who="tamarind")
LUNCH = said("2", "lunch is served at noon in the kitchen", minute=600)
