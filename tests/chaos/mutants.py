"""What a bot process can be told to do wrong, by name: each breaks the one thing that a promise rests on."""

import asyncio
import sys

import adapters.discord.app
import adapters.discord.calls
import adapters.discord.client
import adapters.discord.posting
import adapters.slack.posting
import bot.answering
import bot.inbox
import bot.outbox
import bot.worker_pool
import knowledge.database


def no_read_back():
    """After a crash nobody looks whether the answer stands there already."""

    async def take_over(_posting):
        pass

    adapters.slack.posting.Posting.take_over = take_over
    adapters.discord.posting.Posting.take_over = take_over


def no_nonce():
    """Discord has forgotten what was sent, as it does after some minutes: only reading back can tell."""
    sound = adapters.discord.calls.Calls._request

    async def request(calls, route, body, **more):
        if body:
            body = {name: value for name, value in body.items() if name != "enforce_nonce"}
        return await sound(calls, route, body, **more)

    adapters.discord.calls.Calls._request = request


def no_giving_back():
    """Stopped, it keeps its questions until their leases run out."""

    async def release(_answering, _unfinished):
        pass

    bot.answering.Answering._release = release


def no_watch():
    """It does not notice by its own clock that a lease is over: only the table can refuse it."""

    async def keep(_pool, _item, _until):
        await asyncio.Event().wait()

    bot.worker_pool.WorkerPool._keep = keep


def no_fence():
    """The table lets anybody write who knows the question."""
    for name in ("RENEW", "PLACE", "POSTING", "POSTED", "RELEASE", "RETRY"):
        statement = getattr(bot.outbox, name)
        setattr(bot.outbox, name, statement.replace(" AND fence = %(fence)s", ""))


def leaked_tasks():
    """Each question leaves a task behind."""
    sound, left = bot.answering.Answering._generated, []

    async def generated(answering, *rest):
        left.append(asyncio.create_task(asyncio.sleep(3600)))
        return await sound(answering, *rest)

    bot.answering.Answering._generated = generated


def short_leases(seconds):
    """What a dead process held is free again soon."""
    knowledge.database.IDLE_SECONDS = seconds
    bot.outbox.Outbox.__init__.__kwdefaults__["lease_seconds"] = seconds
    bot.inbox.PostgresInbox.__init__.__kwdefaults__["lease_seconds"] = seconds


def many_starts():
    """Discord's budget of connections a day is not what is tried here."""
    adapters.discord.app.FREE_STARTS = sys.maxsize
    adapters.discord.client.LAST_GUILD_SECONDS = 0.2


MUTANTS = {one.__name__: one for one in (no_read_back, no_nonce, no_giving_back, no_watch, no_fence, leaked_tasks)}
