import sys
from pathlib import Path

import pytest

from bot.generation.engine import Engine
from bot.generation.failures import Restarts
from bot.generation.model_files import default_chat_model
from bot.generation.sequence import ModelSpec
from bot.inbox import PostgresInbox
from knowledge.errors import KnowledgeUnavailable
from tests.chaos.forked import Nursery
from tests.chaos.town import town_of
from tests.scenarios.discord.conftest import bot as discord_bot  # noqa: F401 - a fixture
from tests.scenarios.discord.conftest import discord_settings, server  # noqa: F401 - fixtures
from tests.scenarios.shared.conftest import house  # noqa: F401 - a fixture
from tests.scenarios.slack.conftest import (  # noqa: F401 - fixtures
    bot,
    empty_memory,
    proxy,
    slack,
    slack_settings,
)
from tests.scenarios.slack.conftest import bot as slack_bot  # noqa: F401 - a fixture

STUB = Path(__file__).with_name("stub_child.py")


class Stub:
    """An engine over `stub_child.py`, and what reached its children."""

    def __init__(self, folder, make=Engine):
        self.model = folder / "stub.gguf"
        self.model.write_bytes(b"GGUF\3\0\0\0" + bytes(64))
        self.journal = folder / "journal"
        self.engines = []
        self._make = make

    def engine(self, *, gpu_layers=0, most_gpu_layers=1000, make=None, **options):
        spec = ModelSpec(str(self.model), gpu_layers=gpu_layers, embedding=options.pop("embedding", False))
        command = (sys.executable, str(STUB), str(self.journal), str(most_gpu_layers))
        options.setdefault("restarts", Restarts(most=1000))
        engine = (make or self._make)(spec, command=command, **options)
        self.engines.append(engine)
        return engine

    @property
    def lines(self):
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def loads(self):
        """With how many layers on the GPU, and in which context, a model was loaded each time."""
        return [line.split(" ", 2)[2] for line in self.lines if line.split(" ", 2)[1] == "load"]

    def asked(self, word, kind=""):
        """How often a request with this word reached a child."""
        return sum(word in line for line in self.lines if f"ask {kind}" in line)


@pytest.fixture
async def stub(tmp_path):
    one = Stub(tmp_path)
    yield one
    for engine in one.engines:
        await engine.close()


@pytest.fixture(scope="session")
def chat_file(tmp_path_factory):
    return default_chat_model(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def nursery():
    """Where bot processes come from."""
    opened = Nursery()
    yield opened
    opened.close()


@pytest.fixture
async def town(house, nursery, database, servers, tmp_path):  # noqa: F811
    """The house, for bots that are processes; on each platform in turn."""
    async with town_of(house, nursery, database, servers[1], tmp_path) as opened:
        yield opened


@pytest.fixture
def hasty_inbox(monkeypatch):
    """What could not be kept is acknowledged all the same."""
    sound = PostgresInbox.accept

    async def accept(inbox, delivery):
        try:
            return await sound(inbox, delivery)
        except KnowledgeUnavailable:
            return True

    monkeypatch.setattr(PostgresInbox, "accept", accept)
