"""The house on the fake Discord."""

import asyncio
import json
from contextlib import nullcontext, suppress
from typing import ClassVar

from bot.timing import until_back
from tests.fakes.discord.fake import FakeDiscord
from tests.scenarios.shared.house import House, Said
from tests.scenarios.slack.talk import PATIENCE

MANAGE_GUILD = 1 << 5
MANAGE_CHANNELS = 1 << 4 | 1 << 13 | 1 << 34
VIEW = 1 << 10
FENCE_SECONDS = 5.0
FOR_EVERYBODY = {one.removeprefix("lore-"): one for one in ("forget-me", "remember-me", "lore-reset", "lore-help")}
EMOJI = {"+1": "👍", "+1::skin-tone-4": "👍🏽", "tada": "🎉"}


class DiscordHouse(House):
    platform = "discord"
    everybody = "@everyone"
    refusal = 50006
    _calls: ClassVar = {
        "post": ("POST /channels/*/messages", lambda body: bool(body.get("message_reference"))),
        "ending": ("PATCH /channels/*/messages/*", lambda body: bool(body.get("components"))),
        "deletion": ("DELETE /channels/*/messages/*", None),
    }

    def __init__(self, discord: FakeDiscord, start) -> None:
        self.discord = discord
        self.guild = discord.add_guild("tidepool")
        self._admins = discord.add_role(self.guild, "keepers", MANAGE_GUILD)
        self._inside: dict[str, set[str]] = {}
        self._closed_to_bot: set[str] = set()
        self._fences = 0
        self._fence = discord.add_member(self.guild, "fence")
        # Whoever runs a guild may do that: what an admin may do is for the bot to check.
        discord.opened_commands.add((self.guild, "lore"))
        super().__init__(start)
        self.us = discord.bot_user_id

    def add_person(self, name, *, admin=False):
        return self.discord.add_member(self.guild, name, roles=[self._admins] if admin else [])

    def add_guest(self, name):
        """Somebody to whom nobody gave a role."""
        return self.discord.add_member(self.guild, name)

    def add_owner(self, name):
        """Who runs channels, their messages and their threads, and not the guild."""
        role = self.discord.add_role(self.guild, "wardens", MANAGE_CHANNELS)
        return self.discord.add_member(self.guild, name, roles=[role])

    def add_bot(self, name):
        """Somebody else's, in every open channel."""
        return self.discord.add_member(self.guild, self.discord.add_user(name, bot=True))

    def add_channel(self, name, *, members=None):
        """For everybody in the guild, or for these people."""
        if members is None:
            return self.discord.add_channel(self.guild, name)
        channel = self.discord.add_channel(self.guild, name, overwrites=self._overwrites(set(members)))
        self._inside[channel] = set(members)
        return channel

    def join(self, channel, person):
        self._inside[channel].add(person)
        self._apply(channel)

    def leave(self, channel, person):
        self._inside[channel].discard(person)
        self._apply(channel)

    def remove_bot(self, channel):
        self._closed_to_bot.add(channel)
        self._apply(channel)

    def let_bot_in(self, channel):
        self._closed_to_bot.discard(channel)
        self._apply(channel)

    def close(self, channel, members):
        """A channel for everybody is for these people from now on."""
        self._inside[channel] = set(members)
        self._apply(channel)

    def delete_channel(self, channel):
        with self._quietly():
            self.discord.delete_channel(channel)

    def _apply(self, channel):
        with self._quietly():
            self.discord.set_overwrites(channel, self._overwrites(self._inside.get(channel), channel))

    def _quietly(self):
        return self.discord.silently() if self._is_unnoticed else nullcontext()

    def _overwrites(self, members, channel=""):
        bot = (0, VIEW) if channel in self._closed_to_bot else (VIEW, 0)
        if members is None:
            return {self.discord.bot_user_id: bot}
        people = dict.fromkeys(members, (VIEW, 0))
        return {self.guild: (0, VIEW), self.discord.bot_user_id: bot, **people}

    def rename(self, channel, name):
        with self._quietly():
            self.discord.rename(channel, name)

    def rename_person(self, person, name):
        with self._quietly():
            self.discord.change_member(self.guild, person, nick=name)

    def demote(self, person):
        """An admin is one no longer."""
        self.discord.set_member_roles(self.guild, person, [])

    def depart(self, person):
        """Somebody is one of the team no longer."""
        with self._quietly():
            self.discord.remove_member(self.guild, person)

    def seed(self, channel, told, *, thread=None):
        """The past: (who, text), or with how many days ago; in the channel, or in the thread of a message there."""
        with self.discord.silently():
            place = channel if thread is None else self._thread(channel, told[0][0], thread)
        return self.discord.seed(place, [(who, text, *(one * 86_400 for one in days)) for who, text, *days in told])

    def say(self, text, *, who="", where="", thread=None):
        """`thread`: in answer to that message, which is how people go on there."""
        with self._quietly():
            return self.discord.post(where or self.harvest, who or self.quince, text, reply_to=thread)

    def say_in_thread(self, root, text, *, who="", where=""):
        """In the thread that a message begins, which may be new."""
        with self._quietly():
            return self.discord.post(
                self._thread(where or self.harvest, who or self.quince, root), who or self.quince, text
            )

    def _thread(self, channel, who, root):
        if root not in self.discord.channels:
            self.discord.start_thread(channel, who, "more on this", message=root)
        return root

    def mention(self, text, *, who="", where="", thread=None):
        return self.say(f"<@{self.discord.bot_user_id}> {text}".strip(), who=who, where=where, thread=thread)

    def naming(self, text):
        """Words that name the bot."""
        return f"<@{self.discord.bot_user_id}> {text}"

    def say_as_hook(self, text):
        self.discord.post(self.harvest, "ticker", text, webhook=True)

    def unfurl(self, message):
        self.discord.unfurl(self.harvest, message)

    def reply(self, said, text, *, who="", where=""):
        """Somebody answers a message of the bot, without naming it."""
        return self.say(text, who=who, where=where, thread=said.id)

    def dm(self, text, *, who=""):
        return self.discord.post(self.im(who), who or self.quince, text)

    def im(self, who=""):
        return self.discord.open_dm(who or self.quince)

    def root(self, said):
        """What somebody answers who goes on after a message of the bot."""
        return said.id

    def edit(self, message, text, *, where=""):
        with self._quietly():
            self.discord.edit(self._stands_in(message, where), message, text)

    def delete(self, message, *, where=""):
        with self._quietly():
            self.discord.delete(self._stands_in(message, where), message)

    def react(self, message, emoji, *, who="", where="", removed=False):
        with self._quietly():
            where = self._stands_in(message, where)
            self.discord.react(where, message, who or self.quince, EMOJI.get(emoji, emoji), removed=removed)

    def _stands_in(self, message, where):
        """The channel, or the thread there that a message was said in."""
        places = [where or self.harvest, *self.discord.channels]
        return next(place for place in places if message in self.discord.logs[place].messages)

    def link(self, message, *, where=""):
        return f"https://discord.com/channels/{self.guild}/{where or self.harvest}/{message}"

    async def ask(self, text, *, who="", where="", public=False):
        """The command that asks; what whoever gave it is told alone."""
        return await self._command("ask", who or self.quince, where, {"question": text, "private": not public})

    async def order(self, name, *, who="", where="", message="", **said):
        """A command to the bot; what is told."""
        said["message"] = self.link(message, where=where) if message else ""
        options = {name: given for name, given in said.items() if given}
        command, subcommand = (FOR_EVERYBODY[name], "") if name in FOR_EVERYBODY else ("lore", name)
        return "\n".join(await self._command(command, who or self.medlar, where, options, subcommand=subcommand))

    async def _command(self, name, who, where, options, **more):
        return await self._heard(self.discord.slash_command(who, where or self.harvest, name, options, **more))

    async def press(self, who, said, action):
        """Somebody presses a button: what they are told alone."""
        return await self._heard(self.discord.click(who, said.id, self._button(said, action)))

    async def reject(self, who, said, reason, note):
        """Somebody presses "not helpful" and says why."""
        opened = self.discord.click(who, said.id, self._button(said, "unhelpful"))
        await opened.answer(PATIENCE)
        await self.settled()
        await self.discord.submit_modal(who, opened, {"reason": [reason], "comment": note}).answer(PATIENCE)
        await self.settled()

    async def forge(self, who, said, action, answer_id):
        """A press that no client offers: what is told."""
        return await self._heard(self.discord.click(who, said.id, f"lore:{action}:{answer_id}", forged=True))

    async def ask_about(self, message, *, who=""):
        """The command in the menu of a message of #harvest: what is told alone."""
        return await self._heard(
            self.discord.context_menu(who or self.quince, self.harvest, message, "Ask about this message")
        )

    @staticmethod
    def _button(said, action):
        return next(one for one in said.raw.custom_ids if one.split(":")[1] == action)

    async def _heard(self, given):
        await given.answer(PATIENCE)
        await self.settled()
        return [_text(one) for one in given.messages if one["flags"] & 64]

    def fail(self, what, **how):
        """Discord fails at a "post", at the "ending" of an answer, or at a "deletion"."""
        call, where = self._calls[what]
        return self.discord.faults.on(call, where=where, **how)

    def mend(self):
        self.discord.faults.clear()

    def repeat_events(self):
        """From now on everything is told three times."""
        self.discord.faults.on_event("*", duplicate=2, times=None)

    def growth(self, said):
        """Each text that an edit gave to a message of the bot, with its moment in seconds."""
        edits = self.discord.calls_of("PATCH /channels/{channel_id}/messages/{message_id}")
        return [(call.at, call.json["content"]) for call in edits if call.params["message_id"] == said.id]

    def pings(self):
        """Whatever stands there of the bot that calls somebody."""
        told = [message for log in self.discord.logs.values() for message in log]
        ours = [one for one in told if one["author"]["id"] == self.discord.bot_user_id]
        return [one for one in ours if one["mentions"] or one["mention_roles"] or one["mention_everyone"]]

    def seen(self, *, where="", viewer=None):
        found = self.discord.bot_messages(where or self.harvest, viewer)
        return [_said(one) for one in found if "I am a bot that answers questions" not in one.content]

    def payloads(self):
        """Everything that the bot ever showed, and to whom; whoever owns the guild sees everything anyway."""
        sent, owner = self.discord.visible_payloads(), self.discord.owner_of(self.guild)
        return [(json.dumps(one.payload, ensure_ascii=False), one.audience - {owner}) for one in sent]

    def rooms(self, person):
        return [one for one in self.discord.channels if self.discord.may_read(person, one)]

    def hold_history(self):
        """Whoever reads the past waits until it is released."""
        return self.discord.faults.on("GET /channels/*/messages", hold=True)

    def places(self):
        """Every channel that the bot can read."""
        kinds = {0, 2, 5, 13, 15}
        channels = [one for one in self.discord.channels.values() if one.get("guild_id") and one["type"] in kinds]
        return {one["id"] for one in channels if self.discord.may_read(self.discord.bot_user_id, one["id"])}

    async def delivered(self):
        """Discord is told by nobody that an event was taken in: one more is sent, and its trace waited for.

        Events are kept side by side, so those before may still be at it.
        """
        await self.discord.settled(timeout=PATIENCE)
        before = await self._members_kept()

        async def is_through():
            listening = any(task.get_name().startswith("discord.py: on_") for task in asyncio.all_tasks())
            return not listening and await self._members_kept() > before

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


def _text(message):
    return "\n".join([message["content"], *(one.get("description", "") for one in message["embeds"])])


def _said(one):
    actions = tuple(custom_id.split(":")[1] for custom_id in one.custom_ids)
    text = "\n".join([one.content, *(embed.get("description", "") for embed in one.embeds)])
    working = one.is_loading or "⏳" in one.content
    return Said(one.id, text, one.reference, actions, one.ephemeral_for, working, one)
