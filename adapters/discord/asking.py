"""From what somebody wrote to a question at the desk, and what the answer needs to know of where it was."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from adapters import fields
from adapters.dates import Dates
from adapters.discord.guild import Guild
from adapters.discord.history import recent
from adapters.discord.mentions import addresses_others, question_text
from adapters.discord.messages import MessageReader, channel_ref, snowflake, thread_of
from adapters.discord.notices import help_lines
from adapters.discord.places import PLATFORM
from adapters.discord.text import is_by_app
from adapters.discord_text import readable
from adapters.safety import Unusable
from adapters.small_talk import THANKS, is_call_for_help, is_thanks
from bot.answer_records import Posted
from bot.conversation import Question, Request, Task
from bot.requests import answer_id_of, conversation_of
from knowledge.errors import KnowledgeError
from knowledge.messages import MessageRef, SourceMessage
from knowledge.passages import Line
from knowledge.scope import Audience

log = structlog.get_logger()

# Two bots that mention each other would never end.
MOST_BOT_TURNS = 3
THREAD_LINES = 12
LINE_CHARS = 600
OFF = "I am switched off in this channel. An admin can switch me on with: /lore config bot on"
ENOUGH = "I have answered three questions of bots here and stop. A person can go on asking."
_EMOJI = re.compile(r"<a?:\w+:\d+>")
Record = Mapping[str, object]


async def on_mention(guild: Guild, record: Record) -> None:
    """Somebody names the bot, perhaps to go on after an answer of ours."""
    request = request_of(guild, record)
    before = await _answered_before(guild, request, record)
    if before is not None and not request.by_bot:
        request = replace(request, thread_id=before.request.thread_id)
    await _ask(guild, request)


async def on_replied(guild: Guild, record: Record) -> None:
    """Somebody answers a message of ours: the next question, unless it speaks to somebody else."""
    bot_id = str(guild.guild.me.id)
    text = fields.text(record, "content")
    if is_by_app(record) or addresses_others(record, bot_id) or not _has_words(text) or is_thanks(text):
        return
    request = request_of(guild, record)
    config = await guild.desk.upkeep.config(request.channel)
    before = await _answered_before(guild, request, record)
    if before is None or config.threads != "follow":
        return
    await _ask(guild, replace(request, thread_id=before.request.thread_id or request.thread_id))


async def _answered_before(guild: Guild, request: Request, record: Record) -> Posted | None:
    """The answer of ours that a message replies to."""
    reply_to = fields.text(record, "reply_to")
    return await guild.desk.answers.at(request.channel, reply_to) if reply_to else None


async def on_direct_message(guild: Guild, record: Record) -> None:
    """Somebody writes to the bot alone; `guild` is the one that they share with it."""
    request = _direct(guild, record)
    is_admin = request.asker is not None and await guild.is_admin(request.asker.person_id)
    await guild.desk.answers.ask(_small_talk(request, is_admin=is_admin))


async def say_which(guilds: Sequence[Guild], record: Record) -> None:
    """Asks back which of several servers a direct question is about."""
    names = ", ".join(f"“{guild.guild.name}”" for guild in guilds)
    request = _direct(guilds[0], record)
    text = f"You share several servers with me. Name one in your question, as it is written here: {names}."
    await guilds[0].desk.answers.ask(replace(request, task=Task.REFUSAL, text=text))


def _direct(guild: Guild, record: Record) -> Request:
    channel, message_id = guild.channel(snowflake(record, "channel_id")), snowflake(record, "id")
    return Request(
        answer_id=answer_id_of(PLATFORM, guild.workspace, channel.channel_id, message_id, Task.ANSWER),
        channel=channel,
        text=fields.text(record, "content"),
        asker=guild.person(snowflake(fields.record(record.get("author")), "id")),
        message_id=message_id,
        thread_id=channel.channel_id,
        private=True,
        direct=True,
        reply_to={"message_id": message_id},
    )


def request_of(guild: Guild, record: Record) -> Request:
    """What a message asks, where it was asked. It is answered in reply to that message."""
    author = fields.record(record.get("author"))
    channel, message_id = channel_ref(record), snowflake(record, "id")
    stands_in, is_bot = snowflake(record, "channel_id"), is_by_app(record)
    return Request(
        answer_id=answer_id_of(PLATFORM, guild.workspace, stands_in, message_id, Task.ANSWER),
        channel=channel,
        text=question_text(fields.text(record, "content"), str(guild.guild.me.id), guild.role_ids),
        asker=None if fields.flag(author, "webhook") else guild.person(snowflake(author, "id")),
        message_id=message_id,
        # What bots ask in a channel is one talk: nothing else would ever end it.
        thread_id=thread_of(record) or (stands_in if is_bot else message_id),
        by_bot=is_bot,
        reply_to={"message_id": message_id, "stands_in": stands_in},
    )


async def question_of(guild: Guild, request: Request) -> Question:
    """The question as the answering chain wants it: readable, with what was just said there, for its audience."""
    text = readable(request.text, guild.names)
    asked_in = MessageRef(request.channel, request.message_id)
    lines = await _lines(guild, request)
    if lines and not _has_words(text):
        # A bare mention in a thread asks about what was last said there.
        text, asked_in, lines = lines[-1].text, lines[-1].ref, lines[:-1]
    config = await guild.desk.upkeep.config(request.channel)
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


async def _ask(guild: Guild, request: Request) -> None:
    config = await guild.desk.upkeep.config(request.channel)
    if not config.is_on:
        await guild.desk.answers.ask(replace(request, task=Task.REFUSAL, text=OFF))
        return
    if request.by_bot and not await _bot_may_ask(guild, request):
        return
    if config.replies == "private" and request.asker is not None:
        request = replace(request, private=True)
    is_admin = request.asker is not None and await guild.is_admin(request.asker.person_id)
    await guild.desk.answers.ask(_small_talk(request, is_admin=is_admin))


def _small_talk(request: Request, *, is_admin: bool) -> Request:
    """Thanks and calls for help are no questions: they get a sentence of ours."""
    if is_call_for_help(request.text):
        said = "\n".join(help_lines(is_admin=is_admin))
        return replace(request, task=Task.REFUSAL, text=said)
    if is_thanks(request.text):
        return replace(request, task=Task.REFUSAL, text=THANKS)
    return request


async def _bot_may_ask(guild: Guild, request: Request) -> bool:
    """Three times in one place; the fourth time it is told so, and then nothing more."""
    if not guild.options.answer_bots or request.thread_id is None:
        return False
    _, by_bots = await guild.desk.answers.askers_in(request.channel, request.thread_id)
    if by_bots < MOST_BOT_TURNS:
        return True
    if by_bots == MOST_BOT_TURNS:
        await guild.desk.answers.ask(replace(request, task=Task.REFUSAL, text=ENOUGH))
    return False


async def _lines(guild: Guild, request: Request) -> tuple[Line, ...]:
    """What was just said in the thread, by people; in a channel, only what the question replies to is near enough."""
    stands_in = request.reply_to.get("stands_in", "")
    if request.direct or not stands_in or stands_in == request.channel.channel_id:
        return ()
    try:
        records = await recent(guild, stands_in, request.message_id, THREAD_LINES)
    except KnowledgeError as error:
        log.info("thread_not_read", answer_id=request.answer_id, error=type(error).__name__)
        return ()
    reader = MessageReader(names=guild.names, dates=Dates(), us=str(guild.guild.me.id))
    where = getattr(guild.guild.get_channel_or_thread(int(request.channel.channel_id)), "name", "")
    return tuple(
        Line(0, 0, one.ref, 0, where, one.author_name, one.text[:LINE_CHARS], one.posted_at, one.permalink)
        for record in records
        if (one := _said(reader, record)) is not None
    )


def _said(reader: MessageReader, record: Record) -> SourceMessage | None:
    try:
        read = reader.read(dict(record))
    except Unusable:
        return None
    return read if isinstance(read, SourceMessage) else None


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in _EMOJI.sub("", text))
