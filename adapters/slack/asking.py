"""From what somebody wrote or pressed to a question at the desk, and what the answer needs to know of where it was."""

import re
from dataclasses import replace

import structlog

from adapters import fields
from adapters.slack import seen
from adapters.slack.command_help import help_lines
from adapters.slack.learning import read_message
from adapters.slack.mentions import addresses_others, question_text, spoken_text
from adapters.slack.messages import PLATFORM
from adapters.slack.text import readable
from adapters.slack.workspace import Workspace
from adapters.small_talk import THANKS, is_call_for_help, is_thanks
from bot.conversation import Question, Request, Task
from bot.requests import answer_id_of, conversation_of
from knowledge.errors import ChannelUnreadable, KnowledgeError
from knowledge.messages import Channel, MessageRef, Visibility
from knowledge.passages import Line
from knowledge.scope import Audience

log = structlog.get_logger()

# Two bots that mention each other would never end.
MOST_BOT_TURNS = 3
THREAD_LINES = 12
LINE_CHARS = 600
_EMOJI = re.compile(r":[\w'+-]{1,100}:")
OFF = "I am switched off in this channel. An admin can switch me on with: /lore config bot on"
ENOUGH = "I have answered three questions of bots in this thread and stop here. A person can go on asking."


async def on_mention(workspace: Workspace, asked: seen.Mentioned) -> None:
    """A mention in a channel, in whichever of its two events it came first."""
    request = await _request(workspace, asked)
    config = await workspace.desk.upkeep.config(request.channel)
    if not config.is_on:
        await workspace.desk.answers.ask(replace(request, task=Task.REFUSAL, text=OFF, private=True))
        return
    if request.by_bot and not await _bot_may_ask(workspace, request):
        return
    await _ask(workspace, request)


async def on_said(workspace: Workspace, said: seen.Said) -> None:
    """A message in a thread where this person asked last: the next question, unless it speaks to somebody else."""
    thread, user = fields.text(said.raw, "thread_ts"), fields.text(said.raw, "user")
    if not thread or thread == said.ts or not user or said.by_bot or user in workspace.directory.bots:
        return
    text = spoken_text(said.raw)
    if addresses_others(text, workspace.identity) or not _has_words(text) or is_thanks(text):
        return
    channel = workspace.channel(said.channel_id)
    askers, _ = await workspace.desk.answers.askers_in(channel, thread)
    config = await workspace.desk.upkeep.config(channel)
    if not askers or askers[0] != user or not config.is_on or config.threads != "follow":
        return
    await workspace.desk.answers.ask(
        await _request(workspace, seen.Mentioned(said.channel_id, said.ts, thread, user, text, said.raw))
    )


async def on_direct_message(workspace: Workspace, asked: seen.DirectMessage) -> None:
    """Somebody writes to the bot alone: it answers in the thread of that message."""
    by_bot = await _is_bot(workspace, asked.user_id)
    request = Request(
        answer_id=answer_id_of(PLATFORM, workspace.identity.team_id, asked.channel_id, asked.ts, Task.ANSWER),
        channel=workspace.channel(asked.channel_id),
        text=asked.text,
        asker=workspace.person(asked.user_id),
        message_id=asked.ts,
        thread_id=asked.thread_ts or asked.ts,
        private=True,
        direct=True,
        by_bot=by_bot,
    )
    if not by_bot or await _bot_may_ask(workspace, request):
        await _ask(workspace, request)


async def _ask(workspace: Workspace, request: Request) -> None:
    """Hands a request to the desk. Small talk is no question: it gets a sentence of ours, and only who made it."""
    said = ""
    if request.asker is not None and is_call_for_help(request.text):
        is_admin = await workspace.is_admin(request.asker.person_id)
        said = "\n".join(f"- {line}" for line in help_lines(is_admin=is_admin))
    elif is_thanks(request.text):
        said = THANKS
    if said:
        request = replace(request, task=Task.REFUSAL, text=said, private=True)
    await workspace.desk.answers.ask(request)


async def question_of(workspace: Workspace, request: Request) -> Question:
    """The question as the answering chain wants it: readable, with what its thread just said, for its audience."""
    directory = workspace.directory
    text = readable(question_text(request.text, workspace.identity), directory.names)
    asked_in = MessageRef(request.channel, request.message_id)
    lines = await _thread_lines(workspace, request)
    if lines and not _has_words(text):
        # A bare mention in a thread asks about the thread: what began it is the question.
        text, asked_in, lines = lines[0].text, lines[0].ref, lines[1:]
    config = await workspace.desk.upkeep.config(request.channel)
    return Question(
        question_id=request.answer_id,
        text=text,
        audience=Audience(person=request.asker) if request.private else Audience(channel=request.channel),
        asker=request.asker,
        conversation=conversation_of(request.channel, request.thread_id or request.message_id),
        thread=lines,
        language="" if config.language == "auto" else config.language,
        asked_in=asked_in,
        adapter=config.adapter,
    )


async def _request(workspace: Workspace, asked: seen.Mentioned) -> Request:
    """A group's direct conversation and a channel shared with other companies are answered to the asker alone."""
    channel = await _described(workspace, asked.channel_id)
    config = await workspace.desk.upkeep.config(workspace.channel(asked.channel_id))
    is_closed = channel is None or channel.visibility is Visibility.DIRECT
    by_bot = bool(asked.bot_id and not asked.user_id) or await _is_bot(workspace, asked.user_id)
    return Request(
        answer_id=answer_id_of(PLATFORM, workspace.identity.team_id, asked.channel_id, asked.ts, Task.ANSWER),
        channel=workspace.channel(asked.channel_id),
        text=question_text(asked.text, workspace.identity),
        asker=workspace.person(asked.user_id) if asked.user_id else None,
        message_id=asked.ts,
        thread_id=asked.thread_ts or asked.ts,
        private=is_closed or config.replies == "private" or workspace.directory.is_external(asked.channel_id),
        by_bot=by_bot,
    )


async def _is_bot(workspace: Workspace, user_id: str) -> bool:
    """Whether an account is a bot's, also where it is newer than our list."""
    await workspace.directory.know_people([user_id])
    return user_id in workspace.directory.bots


async def _bot_may_ask(workspace: Workspace, request: Request) -> bool:
    """Three times a thread; the fourth time it is told so, and then nothing more."""
    if not workspace.options.answer_bots or request.thread_id is None:
        return False
    _, by_bots = await workspace.desk.answers.askers_in(request.channel, request.thread_id)
    if by_bots < MOST_BOT_TURNS:
        return True
    log.info("bots_stopped", channel_id=request.channel.channel_id)
    if by_bots == MOST_BOT_TURNS:
        await workspace.desk.answers.ask(replace(request, task=Task.REFUSAL, text=ENOUGH))
    return False


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in _EMOJI.sub("", text))


async def _described(workspace: Workspace, channel_id: str) -> Channel | None:
    try:
        return await workspace.directory.look_up(channel_id)
    except ChannelUnreadable:
        return None


async def _thread_lines(workspace: Workspace, request: Request) -> tuple[Line, ...]:
    """What was just said in the thread, by people. Where Slack does not say in time, the question goes without.

    In a conversation with the bot alone that is questions only, and those it remembers.
    """
    if request.direct or request.thread_id is None or request.thread_id == request.message_id:
        return ()
    channel = await _described(workspace, request.channel.channel_id)
    if channel is None:
        return ()
    try:
        raws = await workspace.history.recent(request.channel, request.thread_id, request.message_id, THREAD_LINES)
    except KnowledgeError as error:
        log.info("thread_not_read", answer_id=request.answer_id, error=type(error).__name__)
        return ()
    await workspace.directory.know_people(fields.text(raw, "user") for raw in raws)
    said = (read_message(workspace, channel, raw) for raw in raws)
    return tuple(
        Line(0, 0, one.ref, 0, channel.name, one.author_name, one.text[:LINE_CHARS], one.posted_at, one.permalink)
        for one in said
        if one is not None
    )
