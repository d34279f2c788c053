"""The house on the fake Slack."""

import re

from tests.fakes.slack import FakeSlack
from tests.scenarios.shared.house import WORKING, House, Said
from tests.scenarios.slack.talk import PATIENCE, buttons, is_no_notice, shown


class SlackHouse(House):
    platform = "slack"

    def __init__(self, slack: FakeSlack, start) -> None:
        self.slack = slack
        super().__init__(start)

    def add_person(self, name, *, admin=False):
        return self.slack.add_user(name, admin=admin)

    def add_channel(self, name, *, members=None):
        """Public, with everybody in it; or private, for these people."""
        everybody = list(self.slack.users) if members is None else members
        people = [one for one in everybody if one != self.slack.bot_user_id]
        return self.slack.add_channel(name, private=members is not None, members=people)

    def join(self, channel, person):
        self.slack.join(channel, person)

    def leave(self, channel, person):
        self.slack.leave(channel, person)

    def remove_bot(self, channel):
        self.slack.leave(channel, self.slack.bot_user_id)

    def rename(self, channel, name):
        self.slack.rename(channel, name)

    def seed(self, channel, told):
        return self.slack.seed(channel, told)

    def say(self, text, *, who="", where="", thread=None):
        return self.slack.post(where or self.harvest, who or self.quince, text, thread_ts=thread)

    def mention(self, text, *, who="", where="", thread=None):
        return self.say(f"<@{self.slack.bot_user_id}> {text}".strip(), who=who, where=where, thread=thread)

    def reply(self, said, text, *, who="", where=""):
        """Somebody goes on after an answer of the bot, without naming it."""
        return self.say(text, who=who, where=where, thread=said.asked)

    def dm(self, text, *, who=""):
        return self.slack.post(self.im(who), who or self.quince, text)

    def im(self, who=""):
        return self.slack.open_im(who or self.quince)

    def edit(self, message, text, *, where=""):
        self.slack.edit(where or self.harvest, message, text)

    def delete(self, message, *, where=""):
        self.slack.delete(where or self.harvest, message)

    def react(self, message, emoji, *, who="", where="", removed=False):
        self.slack.react(where or self.harvest, message, who or self.quince, emoji, removed=removed)

    def link(self, message, *, where=""):
        return self.slack.permalink(where or self.harvest, message)

    async def ask(self, text, *, who="", where="", public=False):
        """The command that asks; what whoever gave it is told alone."""
        return await self._command(f"ask {'public ' if public else ''}{text}", who or self.quince, where)

    async def order(self, name, *, who="", where="", channel="", message="", person="", since="", key="", value=""):
        """A command to the bot; what is told."""
        said = [f"<#{channel}>" if channel else "", self.link(message, where=where) if message else ""]
        said += [f"<@{person}>" if person else "", f"since {since}" if since else "", key, value]
        return "\n".join(await self._command(" ".join([name, *filter(None, said)]), who or self.medlar, where))

    async def _command(self, text, who, where):
        command = self.slack.slash_command(who, where or self.harvest, "/lore", text)
        await command.answer(PATIENCE)
        await self.settled()
        return [post["text"] for post in command.posts]

    async def press(self, who, said, action):
        """Somebody presses a button: what they are told alone."""
        pressed = self.slack.click(who, said.id, f"lore_{action}")
        await pressed.answer(PATIENCE)
        await self.settled()
        return [post.get("text", "") for post in pressed.posts]

    def seen(self, *, where="", viewer=None):
        found = self.slack.bot_messages(where or self.harvest, viewer)
        return [_said(one) for one in found if is_no_notice(one)]

    def places(self):
        channels = self.slack.channels.values()
        return {one.id for one in channels if self.slack.is_bot_in(one) and "im" not in one.kind}

    async def delivered(self):
        await self.slack.settled(timeout=PATIENCE)

    def shut(self):
        """Nothing is left that the platform would find wrong."""


def _said(one):
    actions = tuple(action.removeprefix("lore_") for action in buttons(one))
    text = re.sub(r"<[^<>|]+\|([^<>]*)>", r"\1", shown(one))
    working = ":hourglass_flowing_sand:" in one.text
    return Said(
        one.ts, f"{WORKING} {text}" if working else text, one.thread_ts, actions, one.ephemeral_for, working, one
    )
