"""What happens to the places where messages stand, and to who may be there."""

import discord

from adapters.discord.intake import Intake
from adapters.discord.seen import Kind


class PlaceListeners:
    """Ears for channels, threads, members and roles."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def on_guild_gone(self, guild: discord.Guild) -> None:
        """We are no longer there."""
        await self._intake.keep(Kind.GUILD_REMOVE, guild.id, {"guild_id": str(guild.id)})

    async def on_channel(self, guild_id: int, channel_id: int) -> None:
        """A channel or thread is to be looked at again."""
        # Where a channel is not in the cache, Discord is asked for it first.
        with self._intake.telling():
            place = await self._intake.place(guild_id, channel_id)
            await self._intake.keep(Kind.CHANNEL, guild_id, place)

    async def on_channel_gone(self, guild_id: int, channel_id: int) -> None:
        """A channel is gone."""
        place = {"guild_id": str(guild_id), "channel_id": str(channel_id), "parent_id": "", "thread_type": ""}
        await self._intake.keep(Kind.CHANNEL_DELETE, guild_id, place, f"c:{channel_id}")

    async def on_thread_gone(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread is gone."""
        is_private = payload.thread_type is discord.ChannelType.private_thread
        place = {
            "guild_id": str(payload.guild_id),
            "channel_id": str(payload.thread_id),
            "parent_id": str(payload.parent_id),
            "thread_type": "private" if is_private else "public",
        }
        await self._intake.keep(Kind.THREAD_DELETE, payload.guild_id, place, f"t:{payload.thread_id}")

    async def on_member(self, guild_id: int, user_id: int, *, has_left: bool = False) -> None:
        """Somebody came, went, or has other roles."""
        told = {"guild_id": str(guild_id), "user_id": str(user_id), "has_left": has_left}
        await self._intake.keep(Kind.MEMBER, guild_id, told)

    async def on_roles(self, guild_id: int) -> None:
        """Roles allow something else."""
        await self._intake.keep(Kind.ROLES, guild_id, {"guild_id": str(guild_id)})
