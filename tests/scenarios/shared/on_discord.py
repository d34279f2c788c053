"""The house on the fake Discord."""

import asyncio
import json
import re
from contextlib import suppress
from typing import ClassVar

from bot.timing import until_back
from tests.scenarios.shared.discord_given import DiscordGiven
from tests.scenarios.shared.house import Said
from tests.scenarios.slack.talk import PATIENCE, is_greeting

FENCE_SECONDS = 5.0
TAKEN = "SELECT 1 FROM inbox WHERE payload::text LIKE %(like)s"


class DiscordHouse(DiscordGiven):
    refusal = 50006
    whispers = False
    marks: ClassVar = {
        "declined": "🔍 **Nothing found**",
        "unsure": "⚠️ **Unsure**",
        "asked back": "💬 **Please say more**",
        "failed": "❌ ",
    }
    _calls: ClassVar = {
        "post": ("POST /channels/*/messages", lambda body: bool(body.get("message_reference"))),
        "ending": ("PATCH /channels/*/messages/*", lambda body: bool(body.get("components"))),
        "edit": ("PATCH /channels/*/messages/*", None),
        "deletion": ("DELETE /channels/*/messages/*", None),
    }

    def fail(self, what, **how):
        """Discord fails at a "post", an "edit", the "ending" of an answer, or a "deletion"."""
        call, where = self._calls[what]
        return self.discord.faults.on(call, where=where, **how)

    def mend(self):
        self.discord.faults.clear()

    def repeat_events(self):
        """From now on everything is told three times."""
        self.discord.faults.on_event("*", duplicate=2, times=None)

    async def was_taken(self, message, database):
        """Whether the bot kept a message that somebody wrote to it alone."""
        return bool(await database.fetch(TAKEN, {"like": f"%{message}%"}))

    def cut_connection(self):
        """What brings the events breaks off without a word."""
        self.discord.gateway.drop()

    def growth(self, said):
        """Each text that an edit gave to a message of the bot, with its moment in seconds."""
        edits = self.discord.calls_of("PATCH /channels/{channel_id}/messages/{message_id}")
        return [(call.at, call.json["content"]) for call in edits if call.params["message_id"] == said.id]

    def pings(self):
        """Whatever stands there of the bot that calls somebody."""
        told = [message for log in self.discord.logs.values() for message in log]
        ours = [one for one in told if one["author"]["id"] == self.discord.bot_user_id]
        loud = [one for one in ours if one["mentions"] or one["mention_roles"] or one["mention_everyone"]]
        return loud + [text for text, _ in self.payloads() if re.search(r"<@[!&]?\d|@(?:everyone|here)", text)]

    def seen(self, *, where="", viewer=None):
        found = self.discord.bot_messages(where or self.harvest, viewer)
        return [_said(one) for one in found if not is_greeting(one.content)]

    def greetings(self):
        """How often the bot says, in all channels together, that it reads what is written."""
        found = [one for place in self.discord.channels for one in self.discord.bot_messages(place, None)]
        return sum(is_greeting(one.content) for one in found)

    def payloads(self):
        """Everything that the bot ever showed, and to whom; whoever owns the guild sees everything anyway."""
        sent, owner = self.discord.visible_payloads(), self.discord.owner_of(self.guild)
        return [(json.dumps(one.payload, ensure_ascii=False), one.audience - {owner}) for one in sent]

    def forget_payloads(self):
        """A long run has no room for all that was shown and called."""
        self.discord.visible_payloads().clear()
        self.discord.calls.clear()

    def hold_history(self):
        """Whoever reads the past waits until it is released."""
        return self.discord.faults.on("GET /channels/*/messages", hold=True)

    def tell_again_soon(self):
        """Discord tells nothing twice."""

    def tell_again_for(self, seconds):
        """Discord tells nothing twice."""

    async def unheard(self):
        """Waits until Discord has told the bot everything and it has taken in, or given up, each of it."""
        await self.discord.settled(timeout=PATIENCE)
        await self.discord.until(lambda: not _is_listening(), timeout=PATIENCE)

    async def delivered(self):
        """Discord is told by nobody that an event was taken in: one more is sent, and its trace waited for.

        Events are kept side by side, so those before may still be at it.
        """
        await self.discord.settled(timeout=PATIENCE)
        before = await self._members_kept()

        async def is_through():
            return not _is_listening() and await self._members_kept() > before

        # What is told while the database is away is lost, this too.
        while await self._members_kept() == before:
            self._fences += 1
            self.discord.change_member(self.guild, self._fence, nick=f"fence-{self._fences}")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._until(is_through), FENCE_SECONDS)

    async def _members_kept(self):
        [(count,)] = await until_back(lambda: self.rows("SELECT count(*) FROM inbox WHERE kind = 'member'"))
        return count

    def shut(self):
        """Nothing is left that the platform would find wrong."""
        assert self.discord.violations == []


def _is_listening():
    return any(task.get_name().startswith("discord.py: on_") for task in asyncio.all_tasks())


def _said(one):
    actions = tuple(custom_id.split(":")[1] for custom_id in one.custom_ids)
    text = "\n".join([one.content, *(embed.get("description", "") for embed in one.embeds)])
    working = one.is_loading or "⏳" in one.content
    return Said(one.id, text, one.reference, actions, one.ephemeral_for, working, one)
