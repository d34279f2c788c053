"""`house` is each platform in turn."""

import pytest

from tests.scenarios.discord.conftest import bot as discord_bot  # noqa: F401 - a fixture
from tests.scenarios.discord.conftest import server  # noqa: F401 - a fixture
from tests.scenarios.shared.on_discord import DiscordHouse
from tests.scenarios.shared.on_slack import SlackHouse
from tests.scenarios.slack.conftest import bot as slack_bot  # noqa: F401 - a fixture
from tests.scenarios.slack.conftest import empty_memory, slack, slack_settings  # noqa: F401 - fixtures


@pytest.fixture(params=["slack", "discord"])
def house(request):
    if request.param == "slack":
        opened = SlackHouse(request.getfixturevalue("slack"), request.getfixturevalue("slack_bot"))
    else:
        opened = DiscordHouse(request.getfixturevalue("server"), request.getfixturevalue("discord_bot"))
    yield opened
    opened.shut()
