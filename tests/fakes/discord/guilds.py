"""Guilds with their roles and members, and what the gateway says when they change."""

from collections.abc import Iterable
from typing import Any

from tests.fakes.discord import payloads, permissions
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.snowflakes import iso
from tests.fakes.discord.state import State

BOT_PERMISSIONS = 274_877_992_000


class Guilds(State):
    """Ids are handed out as texts. The role @everyone has the id of its guild."""

    def add_guild(self, name: str, *, bot_permissions: int = BOT_PERMISSIONS) -> str:
        """A guild with an owner and the bot, whose managed role holds `bot_permissions`."""
        guild = self.snowflakes.old()
        owner = self.add_user("warden")
        self.guilds[guild] = payloads.guild(guild, name, owner)
        self.members[guild] = {}
        self.guilds[guild]["roles"].append(payloads.role(guild, "@everyone", permissions.EVERYONE, 0))
        managed = payloads.role(self.snowflakes.old(), self.bot_user["username"], bot_permissions, 1)
        managed |= {"managed": True, "tags": {"bot_id": self.bot_user_id}}
        self.guilds[guild]["roles"].append(managed)
        with self.silently():
            self.add_member(guild, owner)
            self.add_member(guild, self.bot_user_id, roles=[managed["id"]])
        self.tell("GUILD_CREATE", self.guild_payload(guild), guild)
        return guild

    def remove_guild(self, guild: str) -> None:
        """The bot is thrown out, or the guild is deleted."""
        self.tell("GUILD_DELETE", {"id": guild}, guild)
        for channel in [place["id"] for place in self.channels.values() if place.get("guild_id") == guild]:
            del self.channels[channel], self.logs[channel]
            self.thread_members.pop(channel, None)
        del self.guilds[guild], self.members[guild]
        self.unavailable.discard(guild)

    def set_unavailable(self, guild: str, *, unavailable: bool = True) -> None:
        """An outage of one guild, or its end: while it lasts, nothing is told of the guild."""
        if unavailable:
            self.tell("GUILD_DELETE", {"id": guild, "unavailable": True}, guild)
            self.unavailable.add(guild)
        else:
            self.unavailable.discard(guild)
            self.tell("GUILD_CREATE", self.guild_payload(guild), guild)

    def rename_guild(self, guild: str, name: str) -> None:
        self.guilds[guild]["name"] = name
        self.tell("GUILD_UPDATE", self.guilds[guild], guild)

    def owner_of(self, guild: str) -> str:
        return self.guilds[guild]["owner_id"]

    def bot_role(self, guild: str) -> str:
        """The id of the role that came with the bot."""
        return next(role["id"] for role in self.guilds[guild]["roles"] if role["managed"])

    def add_user(self, name: str, *, bot: bool = False) -> str:
        user = self.snowflakes.old()
        self.users[user] = payloads.user(user, name, bot=bot)
        return user

    def add_member(self, guild: str, name_or_user: str, *, roles: Iterable[str] = (), nick: str | None = None) -> str:
        """Somebody joins: a known id, or the name of somebody new."""
        user = name_or_user if name_or_user in self.users else self.add_user(name_or_user)
        joined_at = iso(self.clock.now())
        member = payloads.member(self.users[user], joined_at, roles=list(roles), nick=nick)
        self.members[guild][user] = member
        self.tell("GUILD_MEMBER_ADD", member | {"guild_id": guild}, guild)
        return user

    def remove_member(self, guild: str, user: str) -> None:
        """Somebody leaves, their threads too; when it is the bot, that is the end of the guild for it."""
        if user == self.bot_user_id:
            self.remove_guild(guild)
            return
        del self.members[guild][user]
        for thread in self.channels_of(guild, threads=True):
            if self.thread_members[thread["id"]].pop(user, None) is not None:
                thread["member_count"] -= 1
        self.tell("GUILD_MEMBER_REMOVE", {"guild_id": guild, "user": self.users[user]}, guild)

    def change_member(self, guild: str, user: str, **changes: Any) -> None:
        """Like `nick="quincy"`, in Discord's own words."""
        member = self.members[guild][user]
        with self.watching_bot(guild):
            member |= changes
            self.tell("GUILD_MEMBER_UPDATE", member | {"guild_id": guild}, guild)

    def set_member_roles(self, guild: str, user: str, roles: Iterable[str]) -> None:
        self.change_member(guild, user, roles=list(roles))

    def change_user(self, user: str, **changes: Any) -> None:
        """Like `global_name="Pomelo"`: every guild with that person hears of it."""
        self.users[user] |= changes
        for guild, members in self.members.items():
            if user in members:
                self.change_member(guild, user)

    def add_role(self, guild: str, name: str, permissions: int = 0) -> str:
        roles = self.guilds[guild]["roles"]
        role = payloads.role(self.snowflakes.old(), name, permissions, len(roles))
        roles.append(role)
        self.tell("GUILD_ROLE_CREATE", {"guild_id": guild, "role": role}, guild)
        return role["id"]

    def change_role(self, guild: str, role: str, **changes: Any) -> None:
        """`permissions` may be a number, for @everyone too, whose id is the guild's."""
        changed = next(each for each in self.guilds[guild]["roles"] if each["id"] == role)
        if "permissions" in changes:
            changes["permissions"] = str(changes["permissions"])
        with self.watching_bot(guild):
            changed |= changes
            self.tell("GUILD_ROLE_UPDATE", {"guild_id": guild, "role": changed}, guild)

    def delete_role(self, guild: str, role: str) -> None:
        """Members lose it, and overwrites for it go too. Discord tells of the role alone."""
        with self.watching_bot(guild):
            roles = self.guilds[guild]["roles"]
            roles[:] = [each for each in roles if each["id"] != role]
            for member in self.members[guild].values():
                member["roles"] = [each for each in member["roles"] if each != role]
            for place in self.channels_of(guild):
                overwrites = place["permission_overwrites"]
                overwrites[:] = [each for each in overwrites if each["id"] != role]
            self.tell("GUILD_ROLE_DELETE", {"guild_id": guild, "role_id": role}, guild)

    def guild_payload(self, guild: str) -> Json:
        """The data of GUILD_CREATE: all channels and members, and the active threads that the bot may see."""
        return self.guilds[guild] | {
            "joined_at": self.members[guild][self.bot_user_id]["joined_at"],
            "large": False,
            "unavailable": False,
            "member_count": len(self.members[guild]),
            "members": list(self.members[guild].values()),
            "channels": self.channels_of(guild),
            "threads": self.active_threads(guild, self.bot_user_id),
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    def ready_payload(self) -> Json:
        """What READY says besides the session: the bot, its application, and its guilds, all unavailable for now."""
        return {
            "v": 10,
            "user": self.bot_user | {"verified": True, "mfa_enabled": False, "email": None},
            "guilds": [{"id": guild, "unavailable": True} for guild in self.guilds],
            "private_channels": [],
            "relationships": [],
            "application": {"id": self.application_id, "flags": 0},
        }
