"""Commands, buttons and dialogs: Discord hears within three seconds that they came; what they want is done later."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import discord
import structlog
from aiohttp import ClientError

from adapters import fields
from adapters.commands import Ask, Summary, Typed
from adapters.discord.calls import Calls, DiscordRefused
from adapters.discord.components import action_of, reason_modal
from adapters.discord.intake import Intake
from adapters.discord.messages import channel_ref, place_of
from adapters.discord.places import PLATFORM
from adapters.discord.render import error_message
from adapters.discord.signatures import Interaction
from knowledge.errors import KnowledgeUnavailable, SourceUnavailable

log = structlog.get_logger()

# Of the three seconds in which Discord wants to hear something.
CONFIG_SECONDS = 1.0
SORRY = "I could not take that just now: something on my side is away. Please try again in a minute."


class InteractionListeners:
    """Ears for what people use of ours."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def on_command(self, interaction: Interaction, order: Typed) -> None:
        """A command: Discord is told within three seconds that it came; what it wants is done from the inbox.

        Who will see the answer is fixed at this moment, so it is decided here and kept with the command.
        """
        await self._open(interaction, "command", ephemeral=not await self._is_public(interaction, order))

    async def on_pressed(self, interaction: discord.Interaction[Any]) -> None:
        """A button or a dialog of ours. The dialog that asks why must be the first thing that Discord hears."""
        action, answer_id = action_of(fields.text(fields.record(interaction.data), "custom_id")) or ("", "")
        if not action:
            return
        if action == "unhelpful" and interaction.type is discord.InteractionType.component:
            dialog = {"type": 9, "data": reason_modal(answer_id)}
            await asyncio.gather(self._accept(interaction, "button"), _respond(interaction, dialog))
            return
        await self._open(interaction, "button", ephemeral=True)

    async def _is_public(self, interaction: Interaction, order: Typed) -> bool:
        """Whether everybody here will see the answer: if it is wanted, and the channel is known to allow it.

        A summary of another channel is for the asker alone: who reads along here may not read there.
        """
        if not isinstance(order, Ask | Summary) or not order.public or interaction.guild_id is None:
            return False
        here = channel_ref(place_of(interaction.channel_id or 0, interaction.guild_id, interaction.channel))
        if isinstance(order, Summary) and order.channel != here:
            return False
        try:
            async with asyncio.timeout(CONFIG_SECONDS):
                config = await self._intake.desk.upkeep.config(here)
        except (KnowledgeUnavailable, TimeoutError):
            return False
        return config.is_on and config.replies == "public"

    async def _open(self, interaction: discord.Interaction[Any], kind: str, *, ephemeral: bool) -> None:
        """Keeps an interaction and tells Discord so, both at once: neither has time to wait for the other."""
        kept, _ = await asyncio.gather(
            self._accept(interaction, kind, ephemeral=ephemeral), _respond(interaction, deferred(ephemeral=ephemeral))
        )
        if not kept:
            with suppress(DiscordRefused, SourceUnavailable):
                await Calls(self._intake.client).edit_original(interaction.token, error_message(SORRY))

    async def _accept(self, interaction: discord.Interaction[Any], kind: str, *, ephemeral: bool = True) -> bool:
        payload = interaction_record(interaction) | {"ephemeral": ephemeral}
        return await self._intake.keep(kind, interaction.guild_id, payload, f"i:{interaction.id}", tries=1)


def interaction_record(interaction: discord.Interaction[Any]) -> dict[str, object]:
    """What is kept of an interaction."""
    channel = interaction.channel
    return {
        **place_of(interaction.channel_id or 0, interaction.guild_id, channel),
        "id": str(interaction.id),
        "token": interaction.token,
        "opened_at": datetime.now(UTC).isoformat(),
        "type": interaction.type.value,
        "data": dict(interaction.data or {}),
        "user_id": str(interaction.user.id),
        "user_name": interaction.user.display_name,
        "locale": interaction.locale.value,
        "message_id": str(interaction.message.id) if interaction.message else "",
    }


def deferred(*, ephemeral: bool) -> dict[str, object]:
    """The first response to an interaction: the bot is thinking."""
    return {"type": 5, "data": {"flags": 64 if ephemeral else 0}}


async def _respond(interaction: discord.Interaction[Any], body: Mapping[str, object]) -> None:
    """Within three seconds, or Discord forgets the interaction; then the answer goes where it can."""
    # discord.py sends calls of one bucket one after another. Under these two names each interaction has its own.
    route = discord.http.Route(
        "POST",
        "/interactions/{webhook_id}/{webhook_token}/callback",
        webhook_id=interaction.id,
        webhook_token=interaction.token,
    )
    try:
        await interaction.client.http.request(route, json=dict(body))
    except (discord.DiscordException, ClientError, OSError) as error:
        log.warning("interaction_not_deferred", adapter=PLATFORM, error=type(error).__name__)
