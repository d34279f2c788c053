"""`house` is each platform in turn."""

import pytest

from adapters import progress
from tests.scenarios.discord.conftest import bot as discord_bot  # noqa: F401 - a fixture
from tests.scenarios.discord.conftest import discord_settings, server  # noqa: F401 - fixtures
from tests.scenarios.shared.on_discord import DiscordHouse
from tests.scenarios.shared.on_slack import SlackHouse
from tests.scenarios.slack.conftest import bot as slack_bot  # noqa: F401 - a fixture
from tests.scenarios.slack.conftest import empty_memory, proxy, slack, slack_settings  # noqa: F401 - fixtures


@pytest.fixture
def quick_progress(monkeypatch):
    """How far a job is, is shown without a pause."""
    monkeypatch.setattr(progress, "PROGRESS_SECONDS", 0.05)


@pytest.fixture(params=["slack", "discord"])
def house(request):
    if request.param == "slack":
        opened = SlackHouse(request.getfixturevalue("slack"), request.getfixturevalue("slack_bot"))
    else:
        opened = DiscordHouse(request.getfixturevalue("server"), request.getfixturevalue("discord_bot"))
    yield opened
    opened.shut()
