"""The house on the fake Discord."""

from tests.fakes.discord.fake import FakeDiscord
from tests.scenarios.shared.house import House, Said
from tests.scenarios.slack.talk import PATIENCE

MANAGE_GUILD = 1 << 5
VIEW = 1 << 10


class DiscordHouse(House):
    platform = "discord"

    def __init__(self, discord: FakeDiscord, start) -> None:
        self.discord = discord
        self.guild = discord.add_guild("tidepool")
        self._admins = discord.add_role(self.guild, "keepers", MANAGE_GUILD)
        self._inside: dict[str, set[str]] = {}
        self._closed_to_bot: set[str] = set()
        self._fence = discord.add_member(self.guild, "fence")
        super().__init__(start)

    def add_person(self, name, *, admin=False):
        return self.discord.add_member(self.guild, name, roles=[self._admins] if admin else [])

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

    def _apply(self, channel):
        self.discord.set_overwrites(channel, self._overwrites(self._inside.get(channel), channel))

    def _overwrites(self, members, channel=""):
        bot = (0, VIEW) if channel in self._closed_to_bot else (VIEW, 0)
        if members is None:
            return {self.discord.bot_user_id: bot}
        people = dict.fromkeys(members, (VIEW, 0))
        return {self.guild: (0, VIEW), self.discord.bot_user_id: bot, **people}

    def rename(self, channel, name):
        self.discord.rename(channel, name)

    def seed(self, channel, told):
        return self.discord.seed(channel, told)

    def say(self, text, *, who="", where="", thread=None):
        """`thread`: in answer to that message, which is how people go on there."""
        return self.discord.post(where or self.harvest, who or self.quince, text, reply_to=thread)

    def mention(self, text, *, who="", where="", thread=None):
        return self.say(f"<@{self.discord.bot_user_id}> {text}".strip(), who=who, where=where, thread=thread)

    def reply(self, said, text, *, who="", where=""):
        """Somebody answers a message of the bot, without naming it."""
        return self.say(text, who=who, where=where, thread=said.id)

    def dm(self, text, *, who=""):
        return self.discord.post(self.im(who), who or self.quince, text)

    def im(self, who=""):
        return self.discord.open_dm(who or self.quince)

    def edit(self, message, text, *, where=""):
        self.discord.edit(where or self.harvest, message, text)

    def delete(self, message, *, where=""):
        self.discord.delete(where or self.harvest, message)

    def react(self, message, emoji, *, who="", where="", removed=False):
        self.discord.react(where or self.harvest, message, who or self.quince, emoji, removed=removed)

    def link(self, message, *, where=""):
        return f"https://discord.com/channels/{self.guild}/{where or self.harvest}/{message}"

    async def ask(self, text, *, who="", where="", public=False):
        """The command that asks; what whoever gave it is told alone."""
        return await self._command("ask", who or self.quince, where, {"question": text, "private": not public})

    async def order(self, name, *, who="", where="", channel="", message="", person="", since="", key="", value=""):
        """A command to the bot; what is told."""
        said = {"channel": channel, "person": person, "since": since, "key": key, "value": value}
        said["message"] = self.link(message, where=where) if message else ""
        options = {name: given for name, given in said.items() if given}
        alone = name in {"forget-me", "remember-me"}
        command, subcommand = (name, "") if alone else ("lore", name)
        return "\n".join(await self._command(command, who or self.medlar, where, options, subcommand=subcommand))

    async def _command(self, name, who, where, options, **more):
        given = self.discord.slash_command(who, where or self.harvest, name, options, **more)
        await given.answer(PATIENCE)
        await self.settled()
        return [_text(one) for one in given.messages if one["flags"] & 64]

    async def press(self, who, said, action):
        """Somebody presses a button: what they are told alone."""
        custom_id = next(one for one in said.raw.custom_ids if one.split(":")[1] == action)
        pressed = self.discord.click(who, said.id, custom_id)
        await pressed.answer(PATIENCE)
        await self.settled()
        return [_text(one) for one in pressed.messages if one["flags"] & 64]

    def seen(self, *, where="", viewer=None):
        found = self.discord.bot_messages(where or self.harvest, viewer)
        return [_said(one) for one in found if "I am a bot that answers questions" not in one.content]

    def places(self):
        """Every channel that the bot can read."""
        kinds = {0, 2, 5, 13, 15}
        channels = [one for one in self.discord.channels.values() if one.get("guild_id") and one["type"] in kinds]
        return {one["id"] for one in channels if self.discord.may_read(self.discord.bot_user_id, one["id"])}

    async def delivered(self):
        """Discord is told by nobody that an event was taken in: one more is sent, and its trace waited for."""
        await self.discord.settled(timeout=PATIENCE)
        before = await self._members_kept()
        self.discord.change_member(self.guild, self._fence, nick=f"fence-{before}")

        async def is_through():
            return await self._members_kept() > before

        await self._until(is_through)

    async def _members_kept(self):
        return (await self.rows("SELECT count(*) FROM inbox WHERE kind = 'member'"))[0][0]

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
