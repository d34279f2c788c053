"""What Discord sends: kept at once, handled after. The first file to read of this adapter.

The gateway sends nothing twice: what cannot be kept is made up for by reading the guild again.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import discord
import structlog
from aiohttp import ClientError

from adapters import fields
from adapters.commands import Ask, Summary, Typed
from adapters.discord.calls import Calls, DiscordRefused
from adapters.discord.commands import Translator, Tree, tree_hash
from adapters.discord.components import action_of, reason_modal
from adapters.discord.guild import Guild
from adapters.discord.messages import channel_ref, emoji_name, place_of, record_of
from adapters.discord.places import PLATFORM
from adapters.discord.render import error_message
from adapters.discord.seen import MISSED, Kind, edit_id, kind_of
from adapters.discord.signatures import Interaction
from bot.conversation import Delivery
from bot.desk import Desk
from knowledge.errors import KnowledgeUnavailable, SourceUnavailable

log = structlog.get_logger()

DIRECT = "@me"
"""The workspace of what is said to the bot alone, until it is known which guild it is about."""
# Of the three seconds in which Discord wants to hear something.
CONFIG_SECONDS = 1.0
SORRY = "I could not take that just now: something on my side is away. Please try again in a minute."


class Listeners:
    """The bot's ears. `guild_of` gives the guild of an id, and begins to keep a new one in step."""

    def __init__(self, desk: Desk, guild_of: Callable[[int], Guild]) -> None:
        self._desk = desk
        self._guild_of = guild_of
        self._client: discord.Client | None = None

    async def on_login(self, client: discord.Client, tree: Tree) -> None:
        """Tells Discord our commands, if they are others than last time: it takes 200 new ones a day."""
        self._client = client
        current = await tree_hash(tree, Translator())
        try:
            if await self._desk.upkeep.noted(PLATFORM, "commands") != current:
                await tree.sync()
                await self._desk.upkeep.note(PLATFORM, "commands", current)
        except (discord.DiscordException, ClientError, KnowledgeUnavailable) as error:
            log.warning("commands_not_synced", adapter=PLATFORM, error=type(error).__name__)

    async def on_session(self, client: discord.Client) -> None:
        """A new session: what came between is lost, so every guild is caught up with."""
        log.info("session_open", adapter=PLATFORM, count=len(client.guilds))
        for guild in client.guilds:
            self.on_gap(guild)

    def on_gap(self, guild: discord.Guild) -> None:
        """Something of this guild may have been missed."""
        self._guild_of(guild.id).gap.set()

    async def on_guild_gone(self, guild: discord.Guild) -> None:
        """We are no longer there."""
        await self._keep(Kind.GUILD_REMOVE, guild.id, {"guild_id": str(guild.id)})

    async def on_message(self, message: discord.Message) -> None:
        """A message of whoever, wherever we can see it."""
        record = record_of(message)
        resolved = message.reference.resolved if message.reference is not None else None
        to_us = isinstance(resolved, discord.Message) and resolved.author == self._known_client().user
        kind = self._kind_of(record, message.guild, replied_to_us=to_us)
        if kind is not None:
            await self._keep(kind, message.guild.id if message.guild else None, record, f"m:{message.id}")

    async def on_edited(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Only what a person edited: previews of links and counts of replies say nothing new."""
        message = payload.message
        is_ours = message.author == self._known_client().user
        if message.edited_at is None or message.guild is None or is_ours:
            return
        record = record_of(message)
        # Discord tells of an edited message again when it gets a preview or a thread, be it years later.
        is_new = datetime.now(UTC) - message.edited_at < MISSED
        asks = is_new and self._kind_of(record, message.guild) is Kind.MENTION
        await self._keep(Kind.EDIT_MENTION if asks else Kind.EDIT, message.guild.id, record, edit_id(record))

    async def on_deleted(self, guild_id: int | None, channel_id: int, ids: list[int]) -> None:
        """One message, or many at once."""
        if guild_id is None:
            return
        place = await self._place(guild_id, channel_id)
        for start in range(0, len(ids), 100):
            some = [str(one) for one in ids[start : start + 100]]
            if len(ids) == 1:
                await self._keep(Kind.DELETE, guild_id, {**place, "id": some[0]}, f"d:{some[0]}")
            else:
                await self._keep(Kind.BULK_DELETE, guild_id, {**place, "ids": some}, f"b:{some[0]}:{len(some)}")

    async def on_reaction(self, payload: discord.RawReactionActionEvent, delta: int) -> None:
        """Somebody's emoji came or went."""
        if payload.guild_id is None:
            return
        told = {"id": str(payload.message_id), "user_id": str(payload.user_id), "emoji": emoji_name(payload.emoji)}
        kind = Kind.REACTION_ADD if delta > 0 else Kind.REACTION_REMOVE
        await self._keep(kind, payload.guild_id, {**await self._place(payload.guild_id, payload.channel_id), **told})

    async def on_reactions_cleared(
        self, payload: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent
    ) -> None:
        """All emoji of a message, or all of one kind, were taken away."""
        if payload.guild_id is None:
            return
        emoji = emoji_name(payload.emoji) if isinstance(payload, discord.RawReactionClearEmojiEvent) else ""
        place = await self._place(payload.guild_id, payload.channel_id)
        told = {**place, "id": str(payload.message_id), "emoji": emoji}
        await self._keep(Kind.REACTION_CLEAR, payload.guild_id, told)

    async def on_channel(self, guild_id: int, channel_id: int) -> None:
        """A channel or thread is to be looked at again."""
        await self._keep(Kind.CHANNEL, guild_id, await self._place(guild_id, channel_id))

    async def on_channel_gone(self, guild_id: int, channel_id: int) -> None:
        """A channel is gone."""
        place = {"guild_id": str(guild_id), "channel_id": str(channel_id), "parent_id": "", "thread_type": ""}
        await self._keep(Kind.CHANNEL_DELETE, guild_id, place, f"c:{channel_id}")

    async def on_thread_gone(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread is gone."""
        is_private = payload.thread_type is discord.ChannelType.private_thread
        place = {
            "guild_id": str(payload.guild_id),
            "channel_id": str(payload.thread_id),
            "parent_id": str(payload.parent_id),
            "thread_type": "private" if is_private else "public",
        }
        await self._keep(Kind.THREAD_DELETE, payload.guild_id, place, f"t:{payload.thread_id}")

    async def on_member(self, guild_id: int, user_id: int) -> None:
        """Somebody came, went, or has other roles."""
        await self._keep(Kind.MEMBER, guild_id, {"guild_id": str(guild_id), "user_id": str(user_id)})

    async def on_roles(self, guild_id: int) -> None:
        """Roles allow something else."""
        await self._keep(Kind.ROLES, guild_id, {"guild_id": str(guild_id)})

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
                config = await self._desk.upkeep.config(here)
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
                await Calls(self._known_client()).edit_original(interaction.token, error_message(SORRY))

    async def _accept(self, interaction: discord.Interaction[Any], kind: str, *, ephemeral: bool = True) -> bool:
        payload = interaction_record(interaction) | {"ephemeral": ephemeral}
        return await self._keep(kind, interaction.guild_id, payload, f"i:{interaction.id}")

    async def _keep(
        self, kind: str, guild_id: int | None, payload: Mapping[str, object], delivery_id: str = ""
    ) -> bool:
        """Commits what came. What could not be kept is made up for later. Returns whether it was kept."""
        workspace = str(guild_id) if guild_id is not None else DIRECT
        delivery = Delivery(PLATFORM, workspace, delivery_id or f"u:{uuid4()}", str(kind), payload)
        try:
            await self._desk.inbox.accept(delivery)
        except KnowledgeUnavailable as error:
            log.warning("event_not_kept", adapter=PLATFORM, workspace=workspace, error=type(error).__name__)
            if guild_id is not None:
                self._guild_of(guild_id).gap.set()
            return False
        return True

    def _kind_of(self, record: Mapping[str, object], guild: discord.Guild | None, **more: bool) -> Kind | None:
        us = self._known_client().user
        role = guild.self_role if guild is not None else None
        return kind_of(record, str(us.id) if us else "", [str(role.id)] if role is not None else [], **more)

    async def _place(self, guild_id: int, channel_id: int) -> dict[str, str]:
        """Where something stands. A thread that is archived is not in the cache: Discord is asked."""
        guild = self._known_client().get_guild(guild_id)
        channel: object = guild.get_channel_or_thread(channel_id) if guild else None
        if channel is None and guild is not None:
            try:
                channel = await guild.fetch_channel(channel_id)
            except (discord.DiscordException, ClientError, OSError):
                channel = None
        return place_of(channel_id, guild_id, channel)

    def _known_client(self) -> discord.Client:
        if self._client is None:
            raise RuntimeError("The client has not logged in yet.")
        return self._client


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
