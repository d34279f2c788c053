import pytest

from tests.chaos.forked import Nursery
from tests.chaos.town import town_of
from tests.scenarios.discord.conftest import bot as discord_bot  # noqa: F401 - a fixture
from tests.scenarios.discord.conftest import discord_settings, server  # noqa: F401 - fixtures
from tests.scenarios.shared.conftest import house  # noqa: F401 - a fixture
from tests.scenarios.slack.conftest import bot as slack_bot  # noqa: F401 - a fixture
from tests.scenarios.slack.conftest import empty_memory, proxy, slack, slack_settings  # noqa: F401 - fixtures


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
