"""What happens to messages: said, edited, deleted, reacted to."""

from collections.abc import Mapping
from datetime import UTC, datetime

import discord

from adapters.discord.intake import Intake
from adapters.discord.messages import emoji_name, record_of
from adapters.discord.seen import MISSED, Kind, edit_id, kind_of


class MessageListeners:
    """Ears for messages, of whoever and wherever we can see them."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def on_message(self, message: discord.Message) -> None:
        """A message of whoever, wherever we can see it."""
        record = record_of(message)
        resolved = message.reference.resolved if message.reference is not None else None
        to_us = isinstance(resolved, discord.Message) and resolved.author == self._intake.client.user
        kind = self._kind_of(record, message.guild, replied_to_us=to_us)
        if kind is not None:
            await self._intake.keep(kind, message.guild.id if message.guild else None, record, f"m:{message.id}")

    async def on_edited(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Only what a person edited: previews of links and counts of replies say nothing new."""
        message = payload.message
        is_ours = message.author == self._intake.client.user
        if message.edited_at is None or message.guild is None or is_ours:
            return
        record = record_of(message)
        # Discord tells of an edited message again when it gets a preview or a thread, be it years later.
        is_new = datetime.now(UTC) - message.edited_at < MISSED
        asks = is_new and self._kind_of(record, message.guild) is Kind.MENTION
        await self._intake.keep(Kind.EDIT_MENTION if asks else Kind.EDIT, message.guild.id, record, edit_id(record))

    async def on_deleted(self, guild_id: int | None, channel_id: int, ids: list[int]) -> None:
        """One message, or many at once."""
        if guild_id is None:
            return
        place = await self._intake.place(guild_id, channel_id)
        for start in range(0, len(ids), 100):
            some = [str(one) for one in ids[start : start + 100]]
            if len(ids) == 1:
                await self._intake.keep(Kind.DELETE, guild_id, {**place, "id": some[0]}, f"d:{some[0]}")
            else:
                await self._intake.keep(Kind.BULK_DELETE, guild_id, {**place, "ids": some}, f"b:{some[0]}:{len(some)}")

    async def on_reaction(self, payload: discord.RawReactionActionEvent, delta: int) -> None:
        """Somebody's emoji came or went."""
        if payload.guild_id is None:
            return
        told = {"id": str(payload.message_id), "user_id": str(payload.user_id), "emoji": emoji_name(payload.emoji)}
        kind = Kind.REACTION_ADD if delta > 0 else Kind.REACTION_REMOVE
        await self._intake.keep(
            kind, payload.guild_id, {**await self._intake.place(payload.guild_id, payload.channel_id), **told}
        )

    async def on_reactions_cleared(
        self, payload: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent
    ) -> None:
        """All emoji of a message, or all of one kind, were taken away."""
        if payload.guild_id is None:
            return
        emoji = emoji_name(payload.emoji) if isinstance(payload, discord.RawReactionClearEmojiEvent) else ""
        place = await self._intake.place(payload.guild_id, payload.channel_id)
        told = {**place, "id": str(payload.message_id), "emoji": emoji}
        await self._intake.keep(Kind.REACTION_CLEAR, payload.guild_id, told)

    def _kind_of(self, record: Mapping[str, object], guild: discord.Guild | None, **more: bool) -> Kind | None:
        us = self._intake.client.user
        role = guild.self_role if guild is not None else None
        return kind_of(record, str(us.id) if us else "", [str(role.id)] if role is not None else [], **more)
