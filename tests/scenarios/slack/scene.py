"""Short ways to play a scene on the fake Slack: ask, order, wait, and look at what is kept and what was shown."""

import asyncio
import json
import re
import time

from tests.fakes.slack.channel import PRIVATE, PUBLIC

PATIENCE_SECONDS = 60.0
NOTICE = "Hello, I am a bot"
REMOVED = "This answer was removed"
MARKED = re.compile(r"^\[(\d+)\] [^:]*: (.*)$", re.MULTILINE)

READINGS = "SELECT channel_id, state FROM job JOIN channel USING (channel_pk) WHERE created_at >= joined_at"


def ago(days=0.0, **more):
    """A message time so long ago."""
    seconds = days * 86400 + more.get("seconds", 0)
    return f"{time.time() - seconds:.6f}"


def every_source(prompt):
    """A model that holds nothing back: whatever reaches its prompt is in its answer."""
    return "\n".join(f"{text} [{n}]" for n, text in MARKED.findall(prompt)) or "Nothing."


async def eventually(look, *, seconds=PATIENCE_SECONDS):
    """What `await look()` returns, once it is true. Errors: AssertionError with the last value."""
    deadline = time.monotonic() + seconds
    while not (found := await look()):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)
    return found


async def rows(app, statement, **values):
    return await app.admin.database.fetch(statement, values)


async def quiet(app, slack):
    """Waits until every event was acknowledged and handled, and every question answered."""
    await slack.settled(timeout=PATIENCE_SECONDS)

    async def is_idle():
        return not await app.inbox.waiting() and not await app.admin.outbox.waiting()

    await eventually(is_idle)


async def caught_up(app, slack):
    """Waits until the bot is in every channel it was invited to, and nothing more is read of their past."""
    kinds = {PUBLIC, PRIVATE}
    wanted = {
        channel.id
        for workspace in slack.server.workspaces
        for channel in workspace.channels.values()
        if channel.kind in kinds and workspace.is_bot_in(channel) and not channel.archived
    }

    async def is_read():
        jobs = await rows(app, READINGS)
        return wanted <= {channel_id for channel_id, _ in jobs} and all(state != "running" for _, state in jobs)

    await eventually(is_read)
    await quiet(app, slack)


async def ask(app, slack, user, channel, text, *, thread=None):
    """What this person sees of the answer to a mention: the last message of the bot, or ""."""
    ts = slack.post(channel, user, f"<@{slack.bot_user_id}> {text}", thread_ts=thread)
    await quiet(app, slack)
    return last_seen(slack, channel, user, after=ts)


async def ask_directly(app, slack, user, text):
    """The answer in the conversation with the bot alone."""
    talk = slack.open_im(user)
    ts = slack.post(talk, user, text)
    await quiet(app, slack)
    return last_seen(slack, talk, user, after=ts)


async def order(app, slack, user, channel, text):
    """What `/lore …` says in the end, to who typed it."""
    typed = slack.slash_command(user, channel, "/lore", text)
    await quiet(app, slack)
    return typed.posts[-1]["text"] if typed.posts else ""


def last_seen(slack, channel, viewer, *, after):
    seen = [one.text for one in slack.bot_messages(channel, viewer) if one.ts > after]
    return seen[-1] if seen else ""


def shown(slack, word):
    """Everybody who was ever shown a word by the bot, whether it still stands there or not."""
    readers = set()
    for sent in slack.visible_payloads():
        if word in json.dumps(sent.payload, ensure_ascii=False):
            readers |= sent.audience
    return readers


async def kept(app, word):
    """The tables, and the Redis keys, that hold a word anywhere."""
    found = []
    tables = await rows(
        app,
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1",
    )
    for (table,) in tables:
        found += [
            table
            for _ in await rows(
                app, f'SELECT 1 FROM "{table}" t WHERE t::text ILIKE %(like)s LIMIT 1', like=f"%{word}%"
            )
        ]
    client = app.admin.memory._client
    for key in await client.keys("*"):
        if await client.type(key) == b"list" and any(word in raw.decode() for raw in await client.lrange(key, 0, -1)):
            found.append(key.decode())
    return found


async def message(app, ts):
    """The row of a message: body, deleted, reactions; None when there is none."""
    found = await rows(app, "SELECT body, deleted, reactions FROM message WHERE message_id = %(ts)s", ts=ts)
    return found[0] if found else None


def texts(slack, channel, viewer=None):
    return [one.text for one in slack.bot_messages(channel, viewer)]


async def running(app, kind):
    """Whether a job of a kind was ordered, and all of them are done."""
    states = [state for (state,) in await rows(app, "SELECT state FROM job WHERE kind = %(kind)s", kind=kind)]
    return states and "running" not in states


def link(slack, channel, ts):
    return f"https://{slack.name}.slack.com/archives/{channel}/p{ts.replace('.', '')}"
