"""Channels of guilds, and direct messages."""

from collections.abc import Mapping
from typing import Any

from tests.fakes.discord import payloads
from tests.fakes.discord.guilds import Guilds
from tests.fakes.discord.log import Log
from tests.fakes.discord.payloads import Json

Overwrites = Mapping[str, tuple[int, int]]
_ROLE, _MEMBER = 0, 1


class Channels(Guilds):
    """Kinds by name: text, news, voice, stage, forum, media, category."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.closed_to_bot: set[str] = set()
        """People who take no direct messages from the bot."""

    def add_channel(
        self,
        guild: str,
        name: str,
        *,
        kind: str = "text",
        parent: str | None = None,
        nsfw: bool = False,
        overwrites: Overwrites | None = None,
    ) -> str:
        """`overwrites`: per role or member (allow, deny), in bits; the guild's id stands for @everyone."""
        siblings = len(self.channels_of(guild))
        place = payloads.channel(self.snowflakes.old(), guild, name, payloads.KINDS[kind], siblings)
        place |= {"parent_id": parent, "nsfw": nsfw}
        place["permission_overwrites"] = self._overwrites(guild, overwrites or {})
        self.channels[place["id"]] = place
        self.logs[place["id"]] = Log()
        self.tell("CHANNEL_CREATE", place, guild, place["id"])
        return place["id"]

    def set_overwrites(self, channel: str, overwrites: Overwrites) -> None:
        """Replaces all of them."""
        guild = self.channels[channel]["guild_id"]
        self.change_channel(channel, permission_overwrites=self._overwrites(guild, overwrites))

    def rename(self, channel: str, name: str) -> None:
        """Of a channel or a thread."""
        self.change_channel(channel, name=name)

    def change_channel(self, channel: str, **changes: Any) -> None:
        """Like `topic="Pears"`, in Discord's own words; of a channel or a thread."""
        place = self.channels[channel]
        with self.watching_bot(place["guild_id"]):
            place |= changes
            event = "THREAD_UPDATE" if self.is_thread(channel) else "CHANNEL_UPDATE"
            self.tell(event, place, place["guild_id"], channel)

    def delete_channel(self, channel: str) -> None:
        """Its threads go with it, without a word of their own; a category leaves its channels behind."""
        place = self.channels[channel]
        guild = place["guild_id"]
        self.tell("CHANNEL_DELETE", place, guild, channel)
        for inner in [each for each in self.channels.values() if each.get("parent_id") == channel]:
            if inner["type"] in payloads.THREADS:
                self.drop_place(inner["id"])
            else:
                self.change_channel(inner["id"], parent_id=None)
        self.drop_place(channel)

    def open_dm(self, user: str) -> str:
        """The direct messages of the bot and one person: always the same channel. Discord tells nobody."""
        for place in self.channels.values():
            if place["type"] == payloads.DM and place["recipients"][0]["id"] == user:
                return place["id"]
        place = payloads.direct(self.snowflakes.old(), self.users[user])
        self.channels[place["id"]] = place
        self.logs[place["id"]] = Log()
        return place["id"]

    def refuse_dms(self, user: str, *, refused: bool = True) -> None:
        """From then on the bot's messages to that person fail with 50007."""
        (self.closed_to_bot.add if refused else self.closed_to_bot.discard)(user)

    def drop_place(self, channel: str) -> None:
        del self.channels[channel], self.logs[channel]
        self.thread_members.pop(channel, None)

    def _overwrites(self, guild: str, overwrites: Overwrites) -> list[Json]:
        roles = {role["id"] for role in self.guilds[guild]["roles"]}
        return [
            {"id": key, "type": _ROLE if key in roles else _MEMBER, "allow": str(allow), "deny": str(deny)}
            for key, (allow, deny) in overwrites.items()
        ]
