"""The bot on a Slack server that somebody else wrote: what it covers of asking, learning and forgetting."""

import pytest

from bot.config import Settings
from tests.emulate.server import EmulatedSlack, missing
from tests.scenarios.slack.conftest import running
from tests.scenarios.slack.scene import eventually, rows
from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA, best_source

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

BODIES = "SELECT body FROM message WHERE NOT deleted AND strpos(body, %(part)s) > 0"


@pytest.fixture
async def emulated(database_url, servers):
    """The emulator and the bot on it, over signed HTTP events."""
    async with EmulatedSlack() as slack:
        settings = Settings(
            _env_file=None,
            database={"url": database_url},
            redis={"url": servers[1]},
            answer={"decline_below": 0.3, "warn_below": 0.5},
            slack={
                "api_url": slack.api_url,
                "bot_token": slack.bot_token,
                "signing_secret": slack.signing_secret,
                "mode": "http",
            },
        )
        async with running(settings, best_source) as (app, port):
            await slack.subscribe(f"http://127.0.0.1:{port}/slack/events")
            for channel in ("dock", "bridge"):
                await slack.invite_bot(channel, "quince")
            yield slack, app


async def answers(slack, channel, ts):
    """Finished answers in a thread: those with a source."""
    answer = await slack.client("quince").conversations_replies(channel=slack.channels[channel], ts=ts)
    return [one for one in answer["messages"] if one["ts"] != ts and "[1]" in one["text"]]


@pytest.mark.parametrize("channel", ["dock", "bridge"])
async def test_a_mention_is_answered_in_its_thread_from_what_was_said(emulated, channel):
    slack, app = emulated
    await slack.post(channel, "quince", KAFKA)
    await eventually(lambda: rows(app, BODIES, part="outages"))
    ts = await slack.post(channel, "quince", f"<@{slack.bot_user_id}> {WHY_KAFKA}")
    [answer] = await eventually(lambda: answers(slack, channel, ts))
    assert "three outages" in answer["text"]


async def test_an_edit_is_learnt_and_a_deletion_forgotten(emulated):
    slack, app = emulated
    ts = await slack.post("dock", "quince", KAFKA)
    await eventually(lambda: rows(app, BODIES, part="outages"))
    await slack.edit("dock", "quince", ts, "Decision: we keep Kafka after all")
    await eventually(lambda: rows(app, BODIES, part="after all"))
    assert not await rows(app, BODIES, part="outages")
    await slack.delete("dock", "quince", ts)

    async def is_gone():
        return not await rows(app, BODIES, part="Kafka")

    await eventually(is_gone)
