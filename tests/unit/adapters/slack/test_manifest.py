"""The manifest asks for what the code uses, and the README gives the reason for each part of it."""

import re
from pathlib import Path

import pytest
import yaml

from adapters.slack import events
from adapters.slack.buttons import SHORTCUT
from adapters.slack.command_help import COMMAND
from adapters.slack.identity import Identity
from adapters.slack.pane import MOST_PROMPTS
from adapters.slack.seen import Ignored

REPOSITORY = Path(__file__).parents[4]
US = Identity("T1", "U0LORE")


@pytest.fixture(scope="module")
def manifest():
    return yaml.safe_load((REPOSITORY / "adapters/slack/manifest.yaml").read_text())


def test_every_event_that_it_subscribes_to_is_one_that_we_read(manifest):
    for name in manifest["settings"]["event_subscriptions"]["bot_events"]:
        kind = "message" if name.startswith("message.") else name
        told = events.read({"type": "event_callback", "event": {"type": kind}}, US)
        assert told != [Ignored("unknown_type")], name


def test_its_command_shortcut_and_prompts_are_ours(manifest):
    features = manifest["features"]
    assert [one["command"] for one in features["slash_commands"]] == [COMMAND]
    assert all(one["should_escape"] for one in features["slash_commands"])
    assert [one["callback_id"] for one in features["shortcuts"]] == [SHORTCUT]
    assert len(features["agent_view"]["suggested_prompts"]) <= MOST_PROMPTS
    assert len(features["agent_view"]["agent_description"]) <= 300
    assert "assistant_view" not in features


def test_it_is_for_socket_mode_without_an_address(manifest):
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert "url" not in str(manifest).replace("request_url", "")
    assert len(manifest["display_information"]["description"]) <= 140
    assert 174 <= len(manifest["display_information"]["long_description"]) <= 4000


def test_the_readme_gives_the_reason_for_every_scope(manifest):
    section = (REPOSITORY / "README.md").read_text().partition("\n## Slack\n")[2].partition("\n## ")[0]
    explained = set(re.findall(r"`([a-z_]+(?::[a-z]+)?)`", section))
    assert set(manifest["oauth_config"]["scopes"]["bot"]) <= explained
