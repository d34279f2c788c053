"""The guild of the house on the fake Discord: its people, its channels, and who may see which."""

from contextlib import nullcontext

from tests.fakes.discord.fake import FakeDiscord
from tests.scenarios.shared.house import House

MANAGE_GUILD = 1 << 5
MANAGE_CHANNELS = 1 << 4 | 1 << 13 | 1 << 34
VIEW = 1 << 10
READABLE = {0, 2, 5, 13, 15}
"""The kinds of channels that hold messages."""


class DiscordGuild(House):
    platform = "discord"

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

    def rooms(self, person):
        return [one for one in self.discord.channels if self.discord.may_read(person, one)]

    def places(self):
        """Every channel that the bot can read."""
        channels = [one for one in self.discord.channels.values() if one.get("guild_id") and one["type"] in READABLE]
        return {one["id"] for one in channels if self.discord.may_read(self.discord.bot_user_id, one["id"])}
