"""The house on the fake Slack."""

import json
import re
from typing import ClassVar

from tests.scenarios.shared.house import WORKING, Said
from tests.scenarios.shared.slack_given import SlackGiven
from tests.scenarios.slack.talk import PATIENCE, buttons, is_greeting, shown


class SlackHouse(SlackGiven):
    refusal = "fatal_error"
    whispers = True
    marks: ClassVar = {
        "declined": ":mag: *Nothing found*",
        "unsure": ":warning: *Unsure*",
        "asked back": ":speech_balloon: *Please say more*",
        "failed": ":x: ",
    }
    _calls: ClassVar = {
        "post": ("chat.postMessage", lambda args: bool(args.get("thread_ts"))),
        "ending": ("chat.update", lambda args: any(block["type"] == "actions" for block in args.get("blocks", ()))),
        "edit": ("chat.update", None),
        "deletion": ("chat.delete", None),
    }

    def fail(self, what, **how):
        """Slack fails at a "post", an "edit", the "ending" of an answer, or a "deletion"."""
        call, where = self._calls[what]
        return self.slack.faults.on(call, where=where, **how)

    def mend(self):
        self.slack.faults.clear()

    def repeat_events(self):
        """From now on everything is told three times."""
        self.slack.faults.on_event("*", duplicate=2, times=None)

    async def was_taken(self, message, database):
        """Whether the bot ever acknowledged a message that somebody wrote to it alone."""
        return any(one.state == "acked" and one.event.get("ts") == message for one in self.slack.deliveries)

    def cut_connection(self):
        """What brings the events breaks off without a word."""
        self.slack.cut_sockets()

    def growth(self, said):
        """Each text that an edit gave to a message of the bot, with its moment in seconds."""
        edits = [call for call in self.slack.calls_of("chat.update") if call.args["ts"] == said.id]
        return [(call.at, call.args["text"]) for call in edits]

    def pings(self):
        """Whatever the bot showed that would call somebody."""
        return [one for one in self.slack.visible_payloads() if re.search(r"<[@!#]|@here", str(one.payload))]

    def seen(self, *, where="", viewer=None):
        found = self.slack.bot_messages(where or self.harvest, viewer)
        return [_said(one) for one in found if not is_greeting(one.text)]

    def greetings(self):
        """How often the bot says, in all channels together, that it reads what is written."""
        return sum(is_greeting(one.text) for place in self.slack.channels for one in self.slack.bot_messages(place))

    def payloads(self):
        """Everything that the bot ever showed, and to whom."""
        sent = self.slack.visible_payloads()
        return [(json.dumps(one.payload, ensure_ascii=False), one.audience) for one in sent]

    def forget_payloads(self):
        """A long run has no room for all that was shown and called."""
        self.slack.visible_payloads().clear()
        self.slack.calls.clear()
        self.slack.acks.clear()

    def hold_history(self):
        """Whoever reads the past waits until it is released."""
        return self.slack.faults.on("conversations.history", hold=True)

    def tell_again_soon(self):
        """Slack tells again, after a moment and not a minute, what was not acknowledged."""
        self.slack.server.ack_seconds, self.slack.server.retry_delays = 2.0, (0.1, 1.0, 1.0)

    def tell_again_for(self, seconds):
        """Slack tells again for so long what was not acknowledged. What finds no open socket waits for the next one."""
        self.slack.server.ack_seconds, self.slack.server.retry_delays = 2.0, (0.1, *[1.0] * seconds)
        self.slack.server.socket_mode.keep_in_gap = True

    async def unheard(self):
        """Waits until Slack has told the bot, in vain, everything that it has to tell."""
        told = [one for one in self.slack.deliveries if one.state != "acked"]
        await self.slack.until(lambda: all(one.attempts > 1 for one in told), timeout=PATIENCE)

    async def delivered(self):
        await self.slack.settled(timeout=PATIENCE)

    def shut(self):
        """Nothing is left that the platform would find wrong."""


def _said(one):
    actions = tuple(action.removeprefix("lore_") for action in buttons(one))
    text = re.sub(r"<[^<>|]+\|([^<>]*)>", r"\1", re.sub(r'"block_id": "[^"]*"', "", shown(one)))
    working = ":hourglass_flowing_sand:" in one.text
    return Said(
        one.ts, f"{WORKING} {text}" if working else text, one.thread_ts, actions, one.ephemeral_for, working, one
    )
