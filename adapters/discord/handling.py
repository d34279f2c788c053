"""A delivery from the inbox, handled: one small function per kind of thing that happened."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import discord
import structlog

from adapters import fields
from adapters.dates import Dates
from adapters.discord import seen
from adapters.discord.asking import on_direct_message, on_mention, on_replied, say_which
from adapters.discord.buttons import on_button, pressed_in
from adapters.discord.files import with_files
from adapters.discord.guild import Guild
from adapters.discord.history import message, moment
from adapters.discord.learning import on_channel, on_member, on_roles
from adapters.discord.messages import MessageReader, edited_at, snowflake
from adapters.discord.ordering import on_command
from adapters.discord.places import PLATFORM
from adapters.discord.text import is_by_app
from adapters.safety import LeftOut, Unusable
from bot.conversation import Delivery
from knowledge.errors import SourceUnavailable
from knowledge.messages import (
    Change,
    ChannelRef,
    Deleted,
    Gone,
    Happening,
    Hidden,
    MessageRef,
    Posted,
    Reacted,
    SourceMessage,
    ThreadGone,
)

log = structlog.get_logger()

# A reaction to a younger message than this, which is not known, waits for it.
ARRIVES_WITHIN = timedelta(seconds=20)


async def handle(guild: Guild, delivery: Delivery) -> None:
    """Does what a delivery wants. What it raises is tried again by the inbox."""
    match delivery.kind:
        case "command":
            await on_command(guild, delivery.payload)
        case "button":
            await on_button(guild, delivery.payload)
        case "files":
            await _on_files(guild, delivery.payload)
        case kind:
            await _on_seen(guild, seen.read(kind, delivery.payload))


async def handle_direct(guilds: Sequence[Guild], delivery: Delivery) -> None:
    """What was said to the bot alone is about the guild that the two share; of several, the one named first."""
    if delivery.kind == "button":
        if guilds:
            await handle(await pressed_in(guilds, delivery.payload), delivery)
        return
    author = snowflake(fields.record(delivery.payload.get("author")), "id")
    shared = [guild for guild in guilds if author and guild.has(author)]
    if not shared:
        log.info("event_of_strangers", adapter=PLATFORM)
        return
    if len(shared) > 1:
        asked = fields.text(delivery.payload, "content").casefold()
        named = [guild for guild in shared if guild.guild.name.casefold() in asked]
        if len(named) != 1:
            await say_which(shared, delivery.payload)
            return
        shared = named
    await _on_seen(shared[0], seen.read(delivery.kind, delivery.payload))


async def _on_seen(guild: Guild, happened: seen.Seen) -> None:
    match happened:
        case seen.Said(record):
            await _on_said(guild, record, is_edit=False)
        case seen.Edited(record, asks):
            await _on_said(guild, record, is_edit=True)
            if asks:
                await on_mention(guild, record)
        case seen.Mentioned(record):
            await on_mention(guild, record)
        case seen.Replied(record):
            await on_replied(guild, record)
        case seen.DirectMessage(record):
            await on_direct_message(guild, record)
        case seen.Removed() | seen.RemovedMany():
            await _on_removed(guild, [happened.ref] if isinstance(happened, seen.Removed) else happened.refs)
        case seen.Reaction() | seen.ReactionsCleared():
            await _on_reaction(guild, happened)
        case seen.Ignored(reason):
            log.debug("event_ignored", step=reason)
        case _:
            await _on_place(guild, happened)


async def _on_place(guild: Guild, happened: seen.Seen) -> None:
    observe = guild.desk.upkeep.observe
    match happened:
        case seen.ChannelSeen(channel):
            await on_channel(guild, channel.channel_id)
        case seen.ChannelGone(channel):
            await observe([Gone(channel)])
        case seen.ThreadGone(channel, thread_id):
            guild.private_threads.pop(int(thread_id), None)
            await observe(_gone(guild, channel, thread_id))
        case seen.MemberChanged(user_id, has_left):
            await on_member(guild, user_id, has_left=has_left)
        case seen.RolesChanged():
            await on_roles(guild)
        case seen.GuildGone():
            for joined in await guild.desk.upkeep.joined(PLATFORM, guild.workspace):
                await observe([Hidden(joined.ref)])


async def _on_said(guild: Guild, record: Mapping[str, object], *, is_edit: bool) -> None:
    reader = reader_of(guild)
    try:
        read = reader.read(dict(record), is_edit=is_edit)
        if not isinstance(read, SourceMessage):
            if not is_edit or is_by_app(record):
                return
            # Nothing of it is to be kept any more, not even what it said before.
            read = reader.emptied(record)
    except Unusable:
        return
    await guild.desk.upkeep.observe([Posted(read)])
    if guild.options.read_files:
        await _add_files(guild, read, record)


async def _on_files(guild: Guild, record: Mapping[str, object]) -> None:
    """The files of a message of the past, which the reading left for later."""
    try:
        read = reader_of(guild).read(dict(record))
    except Unusable:
        return
    if isinstance(read, SourceMessage):
        await _add_files(guild, read, record)


async def _add_files(guild: Guild, said: SourceMessage, record: Mapping[str, object]) -> None:
    if record.get("attachments") and (fuller := await with_files(guild, said, record)):
        await guild.desk.upkeep.observe([Posted(fuller)])


async def _on_removed(guild: Guild, refs: Sequence[MessageRef]) -> None:
    await guild.desk.upkeep.observe([Deleted(ref) for ref in refs])
    for ref in refs:
        await guild.desk.answers.taken_away(ref.channel, ref.message_id)


async def _on_reaction(guild: Guild, happened: seen.Reaction | seen.ReactionsCleared) -> None:
    if isinstance(happened, seen.Reaction):
        # Events are handled side by side: a new message may still be on its way.
        is_new = datetime.now(UTC) - moment(happened.ref.message_id) < ARRIVES_WITHIN
        if is_new and not await guild.desk.upkeep.knows(happened.ref):
            raise SourceUnavailable("The message of this reaction has not arrived yet.")
        await guild.desk.upkeep.observe([Reacted(happened.ref, happened.emoji, happened.delta)])
        return
    # Which are left is not told: the message is read again.
    record = await message(guild, happened.stands_in, happened.ref.message_id)
    if record is not None:
        await _on_said(guild, record, is_edit=False)


def _gone(guild: Guild, channel: ChannelRef, thread_id: str) -> list[Happening]:
    """A private thread is a channel of its own; what began a post of a forum goes with the post."""
    if channel.channel_id == thread_id:
        return [Gone(channel)]
    gone: list[Happening] = [ThreadGone(channel, thread_id)]
    try:
        parent = guild.guild.get_channel(int(channel.channel_id))
    except (SourceUnavailable, ValueError):
        parent = None
    if isinstance(parent, discord.ForumChannel):
        gone.append(Deleted(MessageRef(channel, thread_id)))
    return gone


def reader_of(guild: Guild) -> MessageReader:
    """What makes messages of records, with the names as they are now."""
    return MessageReader(guild.names, Dates(), str(guild.guild.me.id), frozenset(guild.role_ids))


def taken(guild: Guild) -> Callable[[ChannelRef, Sequence[Mapping[str, object]]], Awaitable[Sequence[Change]]]:
    """What records from history change. A message of a private thread's past belongs to that thread."""

    async def take(_: ChannelRef, records: Sequence[Mapping[str, object]]) -> list[Change]:
        reader = reader_of(guild)
        changes: list[Change] = []
        for record in records:
            try:
                read = reader.read(dict(record))
            except Unusable:
                continue
            if isinstance(read, SourceMessage):
                changes.append(Posted(read))
                if guild.options.read_files and record.get("attachments"):
                    await _keep_files(guild, record)
            elif read is LeftOut.QUESTION:
                await _keep_missed(guild, record)
        return changes

    return take


async def _keep_files(guild: Guild, record: Mapping[str, object]) -> None:
    """Files take long: the reading goes on meanwhile."""
    delivery_id = f"files:{snowflake(record, 'id')}"
    await guild.desk.inbox.accept(Delivery(PLATFORM, guild.workspace, delivery_id, "files", record))


async def _keep_missed(guild: Guild, record: Mapping[str, object]) -> None:
    """A question of a short while ago is taken in as if it came now; one that is known is not kept again."""
    message_id = snowflake(record, "id")
    kind = seen.kind_of(record, guild.bot_id, guild.role_ids)
    if kind is None:
        return
    now = datetime.now(UTC)
    if now - moment(message_id) < seen.MISSED:
        await guild.desk.inbox.accept(Delivery(PLATFORM, guild.workspace, f"m:{message_id}", kind, record))
    # What was heard as another message before may be a question since it was edited.
    if kind is seen.Kind.MENTION and now - edited_at(record, Dates()) < seen.MISSED:
        delivery_id = seen.edit_id(record)
        await guild.desk.inbox.accept(Delivery(PLATFORM, guild.workspace, delivery_id, seen.Kind.EDIT_MENTION, record))
