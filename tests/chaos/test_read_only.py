"""A full disk (O5), played by a server that is read-only: what is not kept is not acknowledged, and all recovers.

What PostgreSQL says of a full disk is an error of the same kind to whoever writes.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from knowledge.database import connect
from tests.chaos.verdict import SOUND, verdict
from tests.load.processes import UNLIMITED
from tests.scenarios.slack.talk import WHY_KAFKA, Tidepool

STORED = "SELECT message_id FROM message WHERE NOT deleted AND message_id = ANY(%(ids)s)"


@asynccontextmanager
async def read_only(server_url):
    """Every session of the server can only read."""
    async with connect(server_url) as connection:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await connection.execute("SELECT pg_reload_conf()")
        try:
            await asyncio.sleep(0.3)
            yield
        finally:
            await connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await connection.execute("SELECT pg_reload_conf()")


async def talked_to_while_read_only(tidepool, server_url, seconds):
    """Messages and questions come in all the while. Returns those, and how many were acknowledged meanwhile."""
    slack = tidepool.slack
    slack.server.ack_seconds, slack.server.retry_delays = 2.0, (0.1, 1.0, *[1.0] * int(seconds))
    async with tidepool.bot(limits=UNLIMITED):
        asked, said = [], []
        async with read_only(server_url):
            before = len(slack.acks)
            for number in range(int(seconds * 2)):
                said.append(tidepool.say(f"row {number} is pruned", who=tidepool.tamarind))
                asked.append(tidepool.mention(f"{WHY_KAFKA} ({number})"))
                await asyncio.sleep(0.5)
            acked = len(slack.acks) - before
        await tidepool.settled()
        stored = [one for (one,) in await tidepool.database.fetch(STORED, {"ids": said})]
        answered = [one.thread_ts for one in tidepool.seen() if one.thread_ts in asked]
        return verdict([*said, *asked], [*stored, *answered]), acked


@pytest.mark.timeout(1200)
async def test_what_cannot_be_kept_is_not_acknowledged_and_comes_again(slack, slack_bot, server_url, size, report):
    seconds = size(3, 60)
    found, acked = await talked_to_while_read_only(Tidepool(slack, slack_bot), server_url, seconds)
    report("read_only", seconds=seconds, acknowledged=acked, **found.figures())
    assert acked == 0
    assert found == SOUND


async def test_acknowledging_before_the_commit_would_be_caught(slack, slack_bot, server_url, hasty_inbox):
    found, acked = await talked_to_while_read_only(Tidepool(slack, slack_bot), server_url, 1)
    assert found.lost
    assert acked
