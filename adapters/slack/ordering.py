"""`/lore …`: questions and summaries go to the desk, orders to the clerk; whoever typed it hears what came of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import structlog

from adapters import commands, fields
from adapters.slack import render
from adapters.slack.arguments import Here
from adapters.slack.command_help import help_lines
from adapters.slack.commands import parse
from adapters.slack.messages import PLATFORM
from adapters.slack.notices import help_message
from adapters.slack.progress import show_progress
from adapters.slack.replies import tell
from adapters.slack.text import readable
from adapters.slack.workspace import Workspace
from bot.conversation import Request, Task
from bot.errors import BotError
from bot.orders import Order, Orderer
from bot.requests import answer_id_of
from knowledge.errors import KnowledgeError
from knowledge.messages import Visibility

log = structlog.get_logger()

SORRY = "I could not do that just now: something on my side is away. Please try again in a minute."


async def on_command(workspace: Workspace, body: Mapping[str, object], delivery_id: str) -> None:
    """One slash command, already acknowledged."""
    user, channel_id = fields.text(body, "user_id"), fields.text(body, "channel_id")
    origin = Request(
        answer_id=answer_id_of(PLATFORM, workspace.identity.team_id, channel_id, delivery_id, Task.ANSWER),
        channel=workspace.channel(channel_id),
        text="",
        asker=workspace.person(user),
        message_id=delivery_id,
        private=True,
        direct=channel_id.startswith("D"),
        awaited=True,
        reply_to={"response_url": fields.text(body, "response_url")},
    )
    is_admin = await workspace.is_admin(user)
    here = Here(
        channel=workspace.channel(channel_id),
        now=datetime.now(timezone(timedelta(seconds=await workspace.directory.time_offset(user)))),
        # The name of a private channel is private too: an admin's order may use it, anybody's else finds nothing.
        channel_id=workspace.directory.channel_id if is_admin else workspace.directory.public_channel_id,
        person_id=workspace.directory.person_id,
    )
    match parse(fields.text(body, "text"), here):
        case commands.Ask(text, public):
            await _ask(workspace, origin, text, public=public)
        case commands.Summary() as wanted:
            await _sum_up(workspace, origin, wanted)
        case commands.Help(topic):
            await tell(workspace.calls, origin, help_message(help_lines(topic, is_admin=is_admin)), replace=True)
        case commands.Misunderstood(sentence):
            await tell(workspace.calls, origin, help_message([f":x: {sentence}"]), replace=True)
        case order:
            await perform(workspace, origin, order, Orderer(workspace.person(user), is_admin))


async def perform(workspace: Workspace, origin: Request, order: Order, by: Orderer) -> None:
    """Carries an order out and tells who gave it; a job's progress goes to them directly."""
    try:
        carried = await workspace.desk.clerk.perform(order, by)
    except BotError as error:
        await tell(workspace.calls, origin, render.error_message(error.sentence), replace=True)
        return
    except KnowledgeError as error:
        log.warning("order_failed", error=type(error).__name__)
        await tell(workspace.calls, origin, render.error_message(SORRY), replace=True)
        return
    # Questions among the lines are as Slack sent them.
    lines = [readable(line, workspace.directory.names) for line in carried.lines]
    await tell(workspace.calls, origin, render.notice(lines), replace=True)
    if carried.job_id is not None:
        workspace.tasks.start(show_progress(workspace, by.person.person_id, carried.job_id))


async def _ask(workspace: Workspace, origin: Request, text: str, *, public: bool) -> None:
    await workspace.desk.answers.ask(await _addressed(workspace, origin, text, public=public))


async def _sum_up(workspace: Workspace, origin: Request, wanted: commands.Summary) -> None:
    """A summary of another channel is for the asker alone: who reads along here may not read there."""
    elsewhere = wanted.channel != origin.channel
    request = await _addressed(workspace, origin, "", public=wanted.public and not elsewhere)
    await workspace.desk.answers.ask(
        Request(
            answer_id=answer_id_of(
                PLATFORM, request.channel.workspace, request.channel.channel_id, request.message_id, Task.SUMMARY
            ),
            channel=request.channel,
            text="",
            asker=request.asker,
            message_id=request.message_id,
            task=Task.SUMMARY,
            private=request.private,
            direct=request.direct,
            awaited=request.awaited,
            since=wanted.since,
            of_channel=wanted.channel,
            of_thread=wanted.of_thread,
            reply_to=request.reply_to,
        )
    )


async def _addressed(workspace: Workspace, origin: Request, text: str, *, public: bool) -> Request:
    """The request as it will be answered: in public only where the bot is and the channel is everybody's here."""
    reply_to = dict(origin.reply_to)
    is_private = not public
    if public:
        asked_by = workspace.directory.names.people.get(origin.asker.person_id, "") if origin.asker else ""
        is_private = not await _may_post(workspace, origin)
        if not is_private:
            reply_to = {"asked_by": asked_by or "Somebody"}
            await tell(workspace.calls, origin, render.notice(["I answer in the channel."]), replace=True)
    return Request(
        answer_id=origin.answer_id,
        channel=origin.channel,
        text=text,
        asker=origin.asker,
        message_id=origin.message_id,
        private=is_private,
        direct=origin.direct and not origin.reply_to.get("response_url"),
        awaited=origin.awaited,
        reply_to=reply_to,
    )


async def _may_post(workspace: Workspace, origin: Request) -> bool:
    channel_id = origin.channel.channel_id
    try:
        channel = await workspace.directory.look_up(channel_id)
    except KnowledgeError:
        return False
    config = await workspace.desk.upkeep.config(origin.channel)
    is_open = channel.visibility is not Visibility.DIRECT and not workspace.directory.is_external(channel_id)
    return is_open and workspace.directory.is_in(channel_id) and config.is_on and config.replies == "public"
