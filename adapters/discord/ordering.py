"""Commands: questions and summaries go to the desk, orders to the clerk; whoever gave one hears what came of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from adapters import fields
from adapters.commands import Ask, Help, Misunderstood, Summary
from adapters.discord import notices, render
from adapters.discord.guild import Guild
from adapters.discord.learning import closed_past
from adapters.discord.messages import snowflake
from adapters.discord.options import Here, link_in, read
from adapters.discord.permissions import is_private_thread
from adapters.discord.places import PLATFORM, Place
from adapters.discord.progress import show_progress
from adapters.discord.telling import tell
from bot.conversation import Request, Task
from bot.errors import BotError
from bot.orders import Order, Orderer, Reindex, ShowStatus
from bot.requests import answer_id_of
from knowledge.errors import ChannelUnreadable, KnowledgeError, SourceUnavailable

log = structlog.get_logger()

SORRY = "I could not do that just now: something on my side is away. Please try again in a minute."


async def on_command(guild: Guild, payload: Mapping[str, object]) -> None:
    """One command, which Discord was told had come."""
    user = snowflake(payload, "user_id")
    here = await _here(guild, payload)
    match read(payload.get("data"), here):
        case Ask(text=text, about=about):
            await guild.desk.answers.ask(_request(guild, payload, here, text, about=about))
        case Summary() as wanted:
            await _sum_up(guild, payload, here, wanted)
        case Help():
            await tell(
                guild,
                payload,
                notices.help_message(fields.text(payload, "locale"), is_admin=await guild.is_admin(user)),
            )
        case Misunderstood(sentence):
            await tell(guild, payload, render.error_message(sentence))
        case order:
            await _perform(guild, payload, order, Orderer(guild.person(user), await guild.is_admin(user)))


async def _perform(guild: Guild, payload: Mapping[str, object], order: Order, by: Orderer) -> None:
    try:
        carried = await guild.desk.clerk.perform(order, by)
    except BotError as error:
        await tell(guild, payload, render.error_message(error.sentence))
        return
    except KnowledgeError as error:
        log.warning("order_failed", error=type(error).__name__)
        await tell(guild, payload, render.error_message(SORRY))
        return
    lines = (*_closed(guild, order), *carried.lines, *await _hindrance(guild, order))
    posting = await tell(guild, payload, render.notice(lines))
    if carried.job_id is not None and posting is not None:
        guild.tasks.start(show_progress(guild, payload, posting, lines, carried.job_id))


def _closed(guild: Guild, order: Order) -> tuple[str, ...]:
    """What the state of things does not show: channels that were never learnt, because their past is closed."""
    if not isinstance(order, ShowStatus):
        return ()
    try:
        names = closed_past(guild)
    except SourceUnavailable:
        return ()
    return (notices.closed_line(names),) if names else ()


async def _hindrance(guild: Guild, order: Order) -> tuple[str, ...]:
    """Why a channel cannot be read anew. Without its history it would seem empty: then only what is kept is learnt."""
    if isinstance(order, Reindex):
        try:
            await guild.find(order.channel.channel_id)
        except ChannelUnreadable as error:
            return (str(error),)
        except SourceUnavailable:
            return ()
    return ()


async def _sum_up(guild: Guild, payload: Mapping[str, object], here: Here, wanted: Summary) -> None:
    asked = _request(guild, payload, here, "", task=Task.SUMMARY)
    asked = replace(asked, thread_id=None, since=wanted.since, of_channel=wanted.channel, of_thread=wanted.of_thread)
    await guild.desk.answers.ask(asked)


def _request(
    guild: Guild,
    payload: Mapping[str, object],
    here: Here,
    text: str,
    *,
    about: str = "",
    task: Task = Task.ANSWER,
) -> Request:
    """Who sees the answer was fixed when Discord was told that the command came."""
    stands_in, interaction_id = snowflake(payload, "channel_id"), snowflake(payload, "id")
    public = payload.get("ephemeral") is False
    channel = here.place.channel if here.place is not None else guild.channel(stands_in)
    return Request(
        answer_id=answer_id_of(PLATFORM, guild.workspace, stands_in, interaction_id, task),
        channel=channel,
        text=text,
        asker=guild.person(snowflake(payload, "user_id")),
        message_id=about or interaction_id,
        thread_id=here.place.thread_id if here.place is not None else None,
        task=task,
        private=not public,
        awaited=True,
        reply_to={
            "token": fields.text(payload, "token"),
            "opened_at": fields.text(payload, "opened_at"),
            "stands_in": stands_in,
            "asked_by": fields.text(payload, "user_name") if public else "",
        },
    )


async def _here(guild: Guild, payload: Mapping[str, object]) -> Here:
    found = link_in(payload.get("data"))
    is_ours = found is not None and found.workspace == guild.workspace
    return Here(
        workspace=guild.workspace,
        now=datetime.now(UTC),
        place=await _place(guild, snowflake(payload, "channel_id")),
        linked=await _place(guild, found.channel_id) if found is not None and is_ours else None,
    )


async def _place(guild: Guild, channel_id: str) -> Place | None:
    """The channel that something stands in, and the thread of it."""
    try:
        found = await guild.find(channel_id)
    except ChannelUnreadable:
        return None
    parent_id = getattr(found, "parent_id", None)
    if parent_id is None or is_private_thread(found) or not hasattr(found, "owner_id"):
        return Place(guild.channel(channel_id))
    return Place(guild.channel(parent_id), channel_id)
