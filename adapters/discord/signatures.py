"""The options of each command. discord.py reads them from these signatures; nothing here is ever run."""

from typing import Any, Literal

import discord
from discord import app_commands

from adapters.discord.places import CHANNEL_TYPES, PRIVATE_THREAD_TYPE, PUBLIC_THREAD_TYPES

Interaction = discord.Interaction[discord.Client]
Setting = Literal["bot", "threads", "replies", "sources", "language", "model", "keep"]
"""What can be set for a channel, as Discord offers it."""


class Channel(app_commands.Transformer):
    """An option for a channel that holds messages, a private thread among them. Taken as Discord names it."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        """Discord lets people choose from a list."""
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """What the list holds."""
        return [discord.ChannelType(kind) for kind in (*CHANNEL_TYPES, PRIVATE_THREAD_TYPE)]

    async def transform(self, _interaction: Interaction, value: Any) -> Any:
        """The cache may not know the channel, and does not need to."""
        return value


class ChannelOrThread(Channel):
    """An option for a channel, or for a part of one."""

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """What the list holds."""
        return [*super().channel_types, *(discord.ChannelType(kind) for kind in PUBLIC_THREAD_TYPES)]


async def ask(interaction: Interaction, *, question: str, private: bool = False) -> None:
    """`/ask`."""


async def summary(
    interaction: Interaction,
    *,
    since: str | None = None,
    channel: ChannelOrThread | None = None,
    private: bool = False,
) -> None:
    """`/summary`."""


async def reindex(interaction: Interaction, *, channel: Channel, since: str | None = None, full: bool = False) -> None:
    """`/lore reindex`."""


async def cancel(interaction: Interaction, *, job: app_commands.Range[int, 1]) -> None:
    """`/lore cancel`."""


async def forget(
    interaction: Interaction,
    *,
    channel: Channel | None = None,
    person: discord.User | None = None,
    message: str | None = None,
) -> None:
    """`/lore forget`."""


async def config(
    interaction: Interaction, *, channel: Channel | None = None, key: Setting | None = None, value: str | None = None
) -> None:
    """`/lore config`."""


async def alone(interaction: Interaction) -> None:
    """A command without options."""


async def ask_about(interaction: Interaction, message: discord.Message) -> None:
    """The command in the menu of a message."""
