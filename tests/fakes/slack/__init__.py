"""A fake Slack on a real port: Web API, Socket Mode, HTTP events, files. The real slack_sdk and slack_bolt talk to it.

    async with FakeSlack() as slack:
        asker = slack.add_user("quince")
        channel = slack.add_channel("harvest", members=[asker])          # the bot is in it, unless bot_in=False
        slack.seed(channel, [(asker, "The press is booked for Friday.")])  # the past: no events
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        # ... start the app: app token slack.app_token, or slack.deliver_to(url) for signed HTTP events ...
        await slack.connected()
        ts = slack.post(channel, asker, f"<@{slack.bot_user_id}> when do we press?")  # message and app_mention
        await slack.until(lambda: slack.bot_messages(channel))            # or: await slack.settled()
        slack.faults.on("chat.postMessage", drop=True, done=True)         # posted, but the answer is lost
        assert slack.transcript(channel, viewer=asker)[-1].thread_ts == ts
        assert slack.calls_of("chat.postMessage")[0].outcome == "ok"      # also: acks, deliveries, visible_payloads()

Time is `slack.clock`: `advance(60)` brings retries, deadlines and limits forward; `Clock(start, frozen=True)` stops it.
"""

from tests.fakes.slack.clock import Clock
from tests.fakes.slack.deliveries import Ack, Delivery
from tests.fakes.slack.fake import FakeSlack
from tests.fakes.slack.faults import EventFault, Fault
from tests.fakes.slack.interactions import Interaction
from tests.fakes.slack.screen import Seen, Sent
from tests.fakes.slack.web_api import Call
from tests.fakes.slack.workspace import Workspace

__all__ = [
    "Ack", "Call", "Clock", "Delivery", "EventFault", "FakeSlack", "Fault", "Interaction", "Seen", "Sent", "Workspace",
]  # fmt: skip
