"""Buttons under an answer, the dialog behind one of them, and the shortcut on any message."""

from dataclasses import replace
from datetime import UTC, datetime

import structlog

from adapters import fields
from adapters.slack import blocks, render
from adapters.slack.actions import Pressed, Shortcut, Submitted
from adapters.slack.calls import SlackRefused
from adapters.slack.mentions import spoken_text
from adapters.slack.messages import PLATFORM
from adapters.slack.posting import delete
from adapters.slack.replies import take_back, tell
from adapters.slack.workspace import Workspace
from bot.answer_records import Posted
from bot.conversation import Request, Task
from bot.requests import answer_id_of
from knowledge.errors import KnowledgeError, SourceUnavailable

log = structlog.get_logger()

THANKS = "Thank you, I have noted that."
NOT_YOURS = "Only the person who asked can do that."
GONE = "I no longer have that answer. Please ask again."
NOT_DELETED = "I could not delete it. Please try again in a minute."
NO_SOURCES = "There is no source of this answer that you may read."
SHORTCUT = "lore_ask"


async def on_pressed(workspace: Workspace, pressed: Pressed, delivery_id: str) -> None:
    """One button. The answer it belongs to is found by its id; what the person may see is decided anew."""
    posted = await workspace.desk.answers.find(pressed.value)
    if posted is None or posted.request.channel.workspace != workspace.identity.team_id:
        await _say(workspace, pressed, render.error_message(GONE))
        return
    match pressed.action_id:
        case "lore_helpful":
            await _rate(workspace, pressed, helpful=True)
            await _say(workspace, pressed, render.notice([THANKS]))
        case "lore_unhelpful":
            await _rate(workspace, pressed, helpful=False)
            await _ask_why(workspace, pressed)
        case "lore_sources":
            found = await workspace.desk.answers.sources(pressed.value, workspace.person(pressed.user_id))
            shown = render.sources_detail(found, datetime.now(UTC)) if found else render.notice([NO_SOURCES])
            await _say(workspace, pressed, shown)
        case "lore_private":
            await _answer_privately(workspace, pressed, posted, delivery_id)
        case "lore_delete":
            await _delete(workspace, pressed, posted)


async def on_submitted(workspace: Workspace, submitted: Submitted) -> None:
    """The dialog that asks why an answer did not help."""
    if submitted.callback_id != blocks.REASON_VIEW:
        return
    await workspace.desk.answers.rate(
        submitted.private_metadata,
        workspace.person(submitted.user_id),
        helpful=False,
        reason=submitted.values.get(blocks.REASON_ACTION, ""),
        note=submitted.values.get(blocks.COMMENT_ACTION, ""),
    )


async def on_shortcut(workspace: Workspace, shortcut: Shortcut, delivery_id: str) -> None:
    """What do we know of what this message says? The answer is for who asks alone."""
    message = shortcut.message
    if shortcut.callback_id != SHORTCUT:
        return
    ts = fields.text(message, "ts")
    await workspace.desk.answers.ask(
        Request(
            answer_id=answer_id_of(PLATFORM, workspace.identity.team_id, shortcut.channel_id, delivery_id, Task.ANSWER),
            channel=workspace.channel(shortcut.channel_id),
            text=spoken_text(message),
            asker=workspace.person(shortcut.user_id),
            message_id=ts or delivery_id,
            thread_id=fields.text(message, "thread_ts") or ts or None,
            private=True,
            awaited=True,
            reply_to={"response_url": shortcut.response_url, "silent": "yes"},
        )
    )


async def _rate(workspace: Workspace, pressed: Pressed, *, helpful: bool) -> None:
    await workspace.desk.answers.rate(pressed.value, workspace.person(pressed.user_id), helpful=helpful)


async def _ask_why(workspace: Workspace, pressed: Pressed) -> None:
    """The dialog needs a trigger of the last three seconds; the rating is noted whether it opens or not."""
    try:
        await workspace.calls.write(
            "views_open", patience=0.0, trigger_id=pressed.trigger_id, view=blocks.reason_view(pressed.value)
        )
    except (SlackRefused, SourceUnavailable) as error:
        log.info("dialog_not_opened", answer_id=pressed.value, error=type(error).__name__)
        await _say(workspace, pressed, render.notice([THANKS]))


async def _answer_privately(workspace: Workspace, pressed: Pressed, posted: Posted, delivery_id: str) -> None:
    asker = posted.request.asker
    if asker is None or asker.person_id != pressed.user_id:
        await _say(workspace, pressed, render.error_message(NOT_YOURS))
        return
    if not posted.request.text and posted.request.task is not Task.SUMMARY:
        await _say(workspace, pressed, render.error_message(GONE))
        return
    await workspace.desk.answers.ask(
        replace(
            posted.request,
            answer_id=answer_id_of(
                PLATFORM, asker.workspace, posted.request.channel.channel_id, delivery_id, Task.PRIVATE
            ),
            task=Task.PRIVATE,
            private=True,
            awaited=True,
            reply_to={"response_url": pressed.response_url},
        )
    )


async def _delete(workspace: Workspace, pressed: Pressed, posted: Posted) -> None:
    asker = posted.request.asker
    is_asker = asker is not None and asker.person_id == pressed.user_id
    is_admin = await workspace.is_admin(pressed.user_id)
    if not is_asker and not is_admin:
        await _say(workspace, pressed, render.error_message(NOT_YOURS))
        return
    try:
        for stamp in posted.places:
            await delete(workspace.calls, posted.request.channel.channel_id, stamp)
    except (SourceUnavailable, KnowledgeError):
        await _say(workspace, pressed, render.error_message(NOT_DELETED))
        return
    if pressed.is_ephemeral:
        await take_back(pressed.response_url)
    await workspace.desk.answers.removed(posted.request.answer_id)


async def _say(workspace: Workspace, pressed: Pressed, message: render.Rendered) -> None:
    """To who pressed, and to nobody else."""
    origin = Request(
        answer_id=pressed.value,
        channel=workspace.channel(pressed.channel_id),
        text="",
        asker=workspace.person(pressed.user_id),
        thread_id=pressed.thread_ts,
        private=True,
        direct=pressed.channel_id.startswith("D"),
        reply_to={"response_url": pressed.response_url},
    )
    await tell(workspace.calls, origin, message)
