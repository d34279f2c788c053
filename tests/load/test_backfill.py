"""A channel's past under 429s, killed and begun again: nothing lost, nothing twice, no call too early."""

import asyncio
import random

import pytest

from knowledge.database import Database
from tests.fakes.slack import FakeSlack
from tests.load.processes import environment, start_bot
from tests.scenarios.slack.conftest import running
from tests.scenarios.slack.scene import eventually, rows

COUNTS = """
SELECT count(*), count(DISTINCT message_id), count(*) FILTER (WHERE deleted)
FROM message m JOIN channel c USING (channel_pk)
WHERE c.channel_id = %(id)s"""
STORED = "SELECT message_id FROM message JOIN channel USING (channel_pk) WHERE channel_id = %(id)s AND NOT deleted"


@pytest.mark.timeout(2400)
async def test_a_long_past_is_read_once_through_429s_and_kills(database_url, servers, tmp_path, size, report):
    messages, kills, threads = size(3_000, 50_000), size(1, 10), size(20, 200)
    dice = random.Random(7)
    async with FakeSlack() as slack, Database(database_url, size=2) as database:
        people = [slack.add_user(f"tree-{number}") for number in range(20)]
        channel = slack.add_channel("grove", members=people)
        start = slack.clock.now() - 400 * 86400
        said = [
            (people[n % 20], f"row {n} of the orchard was pruned", f"{start + n * 60:.6f}")
            for n in range(messages - threads)
        ]
        slack.seed(channel, said)
        parents = dice.sample(said, threads)
        slack.seed(channel, [(people[1], f"reply about {p[1]}", f"{float(p[2]) + 7:.6f}", p[2]) for p in parents])
        slack.faults.on("conversations.history", retry_after=2, chance=0.3, times=None)
        slack.faults.on("conversations.replies", retry_after=2, chance=0.1, times=None)
        settings = environment(slack, database_url, servers[1])
        began = asyncio.get_running_loop().time()

        async def stored():
            return (await database.fetch(COUNTS, {"id": channel}))[0]

        for _ in range(kills):
            bot = await start_bot(tmp_path, settings, tmp_path / "generations")
            before = (await stored())[0]
            deadline = asyncio.get_running_loop().time() + 60
            while (await stored())[0] == before and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.05)  # killed only after it has done some work of its own
            await asyncio.sleep(dice.random())
            bot.kill()
            await bot.stop()
        bot = await start_bot(tmp_path, settings, tmp_path / "generations")
        try:

            async def done():
                rows = await database.fetch("SELECT count(*) FROM job WHERE kind = 'backfill' AND state = 'done'")
                return rows[0][0] >= 1

            deadline = asyncio.get_running_loop().time() + 1800
            while not await done() and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.5)
        finally:
            await bot.stop()
        seconds = asyncio.get_running_loop().time() - began
        found = {row[0] for row in await database.fetch(STORED, {"id": channel})}
        rows, distinct, deleted = await stored()
        wanted = {ts for _, _, ts in said} | {f"{float(p[2]) + 7:.6f}" for p in parents}
        early = early_calls(slack.calls, "conversations.history") + early_calls(slack.calls, "conversations.replies")
        limited = sum(call.outcome == "ratelimited" for call in slack.calls)
        report(
            "backfill", messages=len(wanted), lost=len(wanted - found), twice=rows - distinct, deleted=deleted,
            kills=kills, limited=limited, early=early, seconds=round(seconds, 1),
        )  # fmt: skip
        assert found == wanted
        assert rows == distinct
        assert deleted == 0
        assert early == 0


async def read_through_429s(settings):
    """A short past, which Slack refuses to show three times. How many calls came too early."""
    async with FakeSlack() as slack:
        person = slack.add_user("quince")
        channel = slack.add_channel("grove", members=[person])
        slack.seed(channel, [(person, f"row {number} of the orchard was pruned") for number in range(30)])
        slack.faults.on("conversations.history", retry_after=2, times=3)
        async with running(settings(slack)) as (app, _):
            await eventually(lambda: rows(app, "SELECT 1 FROM job WHERE kind = 'backfill' AND state = 'done'"))
            assert await rows(app, "SELECT count(*) >= 30 FROM message WHERE NOT deleted") == [(True,)]
        assert sum(call.outcome == "ratelimited" for call in slack.calls) == 3
        return early_calls(slack.calls, "conversations.history")


async def test_no_call_comes_before_slack_allows_it(slack_settings):
    assert await read_through_429s(slack_settings) == 0


async def test_calling_again_without_waiting_as_told_would_be_caught(slack_settings, monkeypatch):
    monkeypatch.setattr("adapters.slack.calls._retry_after", lambda _: 0.0)
    assert await read_through_429s(slack_settings) > 0


def early_calls(calls, method):
    """Calls of a method made before the Retry-After of the one before was over. A new process knows of no old one."""
    early, not_before = 0, 0.0
    for call in (one for one in calls if one.method == method):
        early += call.at < not_before - 0.01
        not_before = call.at + 2.0 if call.outcome == "ratelimited" else 0.0
    return early
