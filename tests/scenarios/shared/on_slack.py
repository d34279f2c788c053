"""The house on the fake Slack."""

import json
import re
from typing import ClassVar

from tests.fakes.slack import FakeSlack
from tests.scenarios.shared.house import WORKING, House, Said
from tests.scenarios.slack.scene import ago
from tests.scenarios.slack.talk import PATIENCE, buttons, is_no_notice, shown


class SlackHouse(House):
    platform = "slack"
    everybody = "<!channel>"
    refusal = "fatal_error"
    _calls: ClassVar = {
        "post": ("chat.postMessage", lambda args: bool(args.get("thread_ts"))),
        "ending": ("chat.update", lambda args: any(block["type"] == "actions" for block in args.get("blocks", ()))),
        "deletion": ("chat.delete", None),
    }

    def __init__(self, slack: FakeSlack, start) -> None:
        self.slack = slack
        super().__init__(start)
        self.us = slack.bot_user_id

    def add_person(self, name, *, admin=False):
        return self.slack.add_user(name, admin=admin)

    def add_guest(self, name):
        """Somebody from outside, in #harvest."""
        guest = self.slack.add_user(name, guest=True)
        self.slack.join(self.harvest, guest, silent=True)
        return guest

    def add_owner(self, name):
        """Who made #harvest, and is no admin of the workspace."""
        owner = self.slack.add_user(name)
        self.slack.join(self.harvest, owner, silent=True)
        self.slack.channels[self.harvest].creator = owner
        return owner

    def add_bot(self, name):
        """Somebody else's, in #harvest."""
        bot = self.slack.add_user(name, bot=True)
        self.slack.join(self.harvest, bot, silent=True)
        return bot

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
        self.slack.leave(channel, self.slack.bot_user_id, silent=self._is_unnoticed)

    def let_bot_in(self, channel):
        self.slack.join(channel, self.slack.bot_user_id, inviter=self.quince, silent=self._is_unnoticed)

    def close(self, channel, members):
        """A channel for everybody is for these people from now on."""
        for person in set(self.slack.channels[channel].members) - {*members, self.slack.bot_user_id}:
            self.slack.leave(channel, person, silent=self._is_unnoticed)
        self.slack.convert_to_private(channel, silent=self._is_unnoticed)

    def delete_channel(self, channel):
        self.slack.delete_channel(channel, silent=self._is_unnoticed)

    def rename(self, channel, name):
        self.slack.rename_channel(channel, name, silent=self._is_unnoticed)

    def rename_person(self, person, name):
        self.slack.change_user(person, name=name, silent=self._is_unnoticed)

    def demote(self, person):
        """An admin is one no longer."""
        self.slack.change_user(person, admin=False)

    def depart(self, person):
        """Somebody is one of the team no longer."""
        self.slack.deactivate(person, silent=self._is_unnoticed)

    def seed(self, channel, told, *, thread=None):
        """The past: (who, text), or with how many days ago; in the channel, or in the thread of a message there."""
        return self.slack.seed(
            channel, [(who, text, ago(*days) if days else None, thread) for who, text, *days in told]
        )

    def say(self, text, *, who="", where="", thread=None):
        silent = self._is_unnoticed
        return self.slack.post(where or self.harvest, who or self.quince, text, thread_ts=thread, silent=silent)

    def say_in_thread(self, root, text, *, who="", where=""):
        """In the thread that a message begins, which may be new."""
        return self.say(text, who=who, where=where, thread=root)

    def mention(self, text, *, who="", where="", thread=None):
        return self.say(f"<@{self.slack.bot_user_id}> {text}".strip(), who=who, where=where, thread=thread)

    def naming(self, text):
        """Words that name the bot."""
        return f"<@{self.slack.bot_user_id}> {text}"

    def say_as_hook(self, text):
        self.slack.post(self.harvest, None, text, subtype="bot_message", bot_id="B00009999")

    def unfurl(self, message):
        self.slack.unfurl(self.harvest, message)

    def reply(self, said, text, *, who="", where=""):
        """Somebody goes on after an answer of the bot, without naming it."""
        return self.say(text, who=who, where=where, thread=said.asked)

    def dm(self, text, *, who=""):
        return self.slack.post(self.im(who), who or self.quince, text)

    def im(self, who=""):
        return self.slack.open_im(who or self.quince)

    def root(self, said):
        """What somebody answers who goes on after a message of the bot."""
        return said.asked

    def edit(self, message, text, *, where=""):
        self.slack.edit(where or self.harvest, message, text, silent=self._is_unnoticed)

    def delete(self, message, *, where=""):
        self.slack.delete(where or self.harvest, message, silent=self._is_unnoticed)

    def react(self, message, emoji, *, who="", where="", removed=False):
        where, silent = where or self.harvest, self._is_unnoticed
        self.slack.react(where, message, who or self.quince, emoji, removed=removed, silent=silent)

    def link(self, message, *, where=""):
        return self.slack.permalink(where or self.harvest, message)

    async def ask(self, text, *, who="", where="", public=False):
        """The command that asks; what whoever gave it is told alone."""
        return await self._command(f"ask {'public ' if public else ''}{text}", who or self.quince, where)

    async def order(self, name, *, who="", where="", message="", person="", channel="", since="", **more):
        """A command to the bot; what is told."""
        said = [f"<#{channel}>" if channel else "", self.link(message, where=where) if message else ""]
        said += [f"<@{person}>" if person else "", f"since {since}" if since else ""]
        said += [str(more.get(one, "")) for one in ("key", "value", "job")] + ["full" if more.get("full") else ""]
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

    async def reject(self, who, said, reason, note):
        """Somebody presses "not helpful" and says why."""
        opened = self.slack.click(who, said.id, "lore_unhelpful")
        await opened.answer(PATIENCE)
        await self.settled()
        [(view_id, dialog)] = self.slack.views.items()
        entered = ({"selected_option": {"value": reason}}, {"value": note})
        blocks = zip(dialog["view"]["blocks"], entered, strict=True)
        values = {block["block_id"]: {block["element"]["action_id"]: value} for block, value in blocks}
        await self.slack.submit(who, view_id, values).answer(PATIENCE)
        await self.settled()

    async def forge(self, who, said, action, answer_id):
        """A press that no client offers: what is told."""
        pressed = self.slack.click(who, said.id, f"lore_{action}", value=answer_id, forged=True)
        await pressed.answer(PATIENCE)
        await self.settled()
        return [post.get("text", "") for post in pressed.posts]

    async def ask_about(self, message, *, who=""):
        """The command in the menu of a message of #harvest: what is told alone."""
        asker = who or self.quince
        before = {one.id for one in self.seen(viewer=asker)}
        self.slack.message_shortcut(asker, self.harvest, message, "lore_ask")
        await self.settled()
        return [one.text for one in self.seen(viewer=asker) if one.id not in before and one.only_for == asker]

    def fail(self, what, **how):
        """Slack fails at a "post", at the "ending" of an answer, or at a "deletion"."""
        call, where = self._calls[what]
        return self.slack.faults.on(call, where=where, **how)

    def mend(self):
        self.slack.faults.clear()

    def repeat_events(self):
        """From now on everything is told three times."""
        self.slack.faults.on_event("*", duplicate=2, times=None)

    def growth(self, said):
        """Each text that an edit gave to a message of the bot, with its moment in seconds."""
        edits = [call for call in self.slack.calls_of("chat.update") if call.args["ts"] == said.id]
        return [(call.at, call.args["text"]) for call in edits]

    def pings(self):
        """Whatever the bot showed that would call somebody."""
        return [one for one in self.slack.visible_payloads() if re.search(r"<[@!#]|@here", str(one.payload))]

    def seen(self, *, where="", viewer=None):
        found = self.slack.bot_messages(where or self.harvest, viewer)
        return [_said(one) for one in found if is_no_notice(one)]

    def payloads(self):
        """Everything that the bot ever showed, and to whom."""
        sent = self.slack.visible_payloads()
        return [(json.dumps(one.payload, ensure_ascii=False), one.audience) for one in sent]

    def rooms(self, person):
        return [one.id for one in self.slack.channels.values() if self.slack.may_read(person, one)]

    def hold_history(self):
        """Whoever reads the past waits until it is released."""
        return self.slack.faults.on("conversations.history", hold=True)

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
