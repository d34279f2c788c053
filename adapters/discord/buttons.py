"""Buttons under an answer, and the dialog behind one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from adapters import fields
from adapters.discord import components, render
from adapters.discord.calls import DiscordRefused
from adapters.discord.guild import Guild
from adapters.discord.messages import snowflake
from adapters.discord.places import PLATFORM
from adapters.discord.telling import tell
from bot.answer_records import Posted
from bot.conversation import Request, Task
from bot.requests import answer_id_of
from knowledge.errors import SourceUnavailable

THANKS = "Thank you, I have noted that."
NOT_YOURS = "Only the person who asked can do that."
GONE = "I no longer have that answer. Please ask again."
DELETED = "The answer is deleted."
NOT_DELETED = "I could not delete it. Please try again in a minute."
DISMISS = "I can no longer reach that answer. Only you see it: choose Dismiss message below it."
NO_SOURCES = "There is no source of this answer that you may read."


async def on_button(guild: Guild, payload: Mapping[str, object]) -> None:
    """One button. The answer it belongs to is found by its id; what the person may see is decided anew."""
    data = fields.record(payload.get("data"))
    action, answer_id = components.action_of(fields.text(data, "custom_id")) or ("", "")
    posted = await guild.desk.answers.find(answer_id) if action else None
    if posted is None or posted.request.channel.workspace != guild.workspace:
        await tell(guild, payload, render.error_message(GONE))
        return
    person = guild.person(snowflake(payload, "user_id"))
    match action:
        case components.HELPFUL:
            await guild.desk.answers.rate(answer_id, person, helpful=True)
            await tell(guild, payload, render.notice([THANKS]))
        case components.UNHELPFUL:
            # The dialog that asks why is open already: it had to be the first thing that Discord heard.
            await guild.desk.answers.rate(answer_id, person, helpful=False)
        case components.REASON:
            reason, note = components.reason_in(data.get("components"))
            await guild.desk.answers.rate(answer_id, person, helpful=False, reason=reason, note=note)
            await tell(guild, payload, render.notice([THANKS]))
        case components.SOURCES:
            found = await guild.desk.answers.sources(answer_id, person)
            shown = render.sources_detail(found, datetime.now(UTC)) if found else render.notice([NO_SOURCES])
            await tell(guild, payload, shown)
        case components.PRIVATE:
            await _answer_privately(guild, payload, posted)
        case components.DELETE:
            await _delete(guild, payload, posted)


async def pressed_in(guilds: Sequence[Guild], payload: Mapping[str, object]) -> Guild:
    """The guild of the answer whose button was pressed where two talk alone; any of them where it is not known."""
    data = fields.record(payload.get("data"))
    _, answer_id = components.action_of(fields.text(data, "custom_id")) or ("", "")
    posted = await guilds[0].desk.answers.find(answer_id)
    workspace = posted.request.channel.workspace if posted is not None else ""
    return next((guild for guild in guilds if guild.workspace == workspace), guilds[0])


async def _answer_privately(guild: Guild, payload: Mapping[str, object], posted: Posted) -> None:
    """The same question again, for whoever pressed, from everything that they may read."""
    if not posted.request.text and posted.request.task is not Task.SUMMARY:
        await tell(guild, payload, render.error_message(GONE))
        return
    stands_in, interaction_id = snowflake(payload, "channel_id"), snowflake(payload, "id")
    await guild.desk.answers.ask(
        replace(
            posted.request,
            answer_id=answer_id_of(PLATFORM, guild.workspace, stands_in, interaction_id, Task.PRIVATE),
            asker=guild.person(snowflake(payload, "user_id")),
            task=Task.PRIVATE,
            private=True,
            awaited=True,
            reply_to={
                "token": fields.text(payload, "token"),
                "opened_at": fields.text(payload, "opened_at"),
                "stands_in": stands_in,
            },
        )
    )


async def _delete(guild: Guild, payload: Mapping[str, object], posted: Posted) -> None:
    request = posted.request
    user = snowflake(payload, "user_id")
    if (request.asker is None or request.asker.person_id != user) and not await guild.is_admin(user):
        await tell(guild, payload, render.error_message(NOT_YOURS))
        return
    try:
        for message_id in posted.places:
            await _take_away(guild, request, message_id)
    except (SourceUnavailable, DiscordRefused) as error:
        is_expired = isinstance(error, DiscordRefused) and error.is_expired
        await tell(guild, payload, render.error_message(DISMISS if is_expired else NOT_DELETED))
        return
    await guild.desk.answers.removed(request.answer_id)
    await tell(guild, payload, render.notice([DELETED]))


async def _take_away(guild: Guild, request: Request, message_id: str) -> None:
    """What only one person sees can be reached by the interaction that it answered, and by nothing else."""
    token = request.reply_to.get("token")
    if request.private and token:
        await guild.calls.delete_follow_up(token, message_id)
        return
    channel_id = request.reply_to.get("stands_in") or request.channel.channel_id
    await guild.calls.delete(channel_id, message_id)
