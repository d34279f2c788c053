"""Real servers once for the whole run; a fresh database for each test, copied from a migrated template."""

import asyncio
import itertools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import discord
import hypothesis
import pytest
import structlog

from knowledge.database import Database, drop_database, ensure_database
from knowledge.embedded import embedded_servers
from knowledge.migrate import migrate

TEMPLATE = "threadlore_template"
_numbers = itertools.count()

# `make check` draws the same examples for the same tests, so that what passed once passes again; `make fuzz` draws
# others, and more of them. How long an example takes is no matter of either: figures of speed are for `bench`.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("fresh", max_examples=1000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="load and fault runs in full size, as `make soak` runs them")


@pytest.fixture
def size(request):
    """Chooses between the small and the full size."""
    full = request.config.getoption("--full")
    return lambda small, whole: whole if full else small


@pytest.fixture
def report(capsys):
    """Prints figures past pytest's capture, as one line of JSON."""

    def tell(name, **figures):
        with capsys.disabled():
            print(f"\n{name}: {json.dumps(figures)}")  # noqa: T201 - what is measured is printed

    return tell


@pytest.fixture(autouse=True)
def no_settings(monkeypatch, tmp_path_factory) -> None:
    """A developer's own settings must not reach a test, nor may the log settings of the test before it."""
    structlog.reset_defaults()
    for name in [name for name in os.environ if name.startswith("THREADLORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))
    if "bot.wiring" in sys.modules:  # what one test forgets is no other's business
        monkeypatch.setattr("bot.wiring.FORGET_LOG", str(tmp_path_factory.mktemp("home") / "forgotten.log"))


@pytest.fixture(autouse=True)
def real_discord(monkeypatch) -> None:
    """Where discord.py looks for Discord, which our adapter sets for the whole process, is put back after each test."""
    gateway = discord.gateway.DiscordWebSocket
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    monkeypatch.setattr(gateway, "DEFAULT_GATEWAY", gateway.DEFAULT_GATEWAY)


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[str, str]]:
    """Addresses of a real PostgreSQL with pgvector and a real Redis."""
    # Not under pytest's own folder: another run may sweep that away.
    home = Path(tempfile.mkdtemp(prefix="threadlore-tests-"))
    loop = asyncio.new_event_loop()
    context = embedded_servers(home, postgres=True, redis=True)
    addresses = loop.run_until_complete(context.__aenter__())
    assert addresses.database_url is not None
    assert addresses.redis_url is not None
    yield addresses.database_url, addresses.redis_url
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def server_url(servers) -> str:
    """The server itself, for tests that make databases of their own."""
    url: str = servers[0]
    return url


@pytest.fixture(scope="session")
def template(server_url) -> str:
    async def make() -> None:
        await migrate(await ensure_database(server_url, TEMPLATE))

    asyncio.run(make())
    return TEMPLATE


@pytest.fixture
async def database_url(server_url, template) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    yield await ensure_database(server_url, name, template=template)
    await drop_database(server_url, name)


@pytest.fixture
async def database(database_url) -> AsyncIterator[Database]:
    async with Database(database_url, size=4) as opened:
        yield opened
