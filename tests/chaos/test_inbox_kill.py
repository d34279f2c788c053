"""An acknowledged event is never lost: a process that accepts is killed again and again, in the middle of its work."""

import asyncio
import random
import signal
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from bot.inbox import PostgresInbox

CHILD = Path(__file__).with_name("accepting.py")
REPOSITORY = Path(__file__).parents[2]
MOST_BEFORE_A_KILL = 25


async def accept_until_killed(url, way, ids, *, kill_after):
    """Sends ids to a child, kills it after so many acknowledgements (None: never), returns those that got out."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        url,
        way,
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    child.stdin.write("".join(f"{one}\n" for one in ids).encode())
    child.stdin.close()
    acknowledged = []
    while line := await child.stdout.readline():  # to the very end: what was written before the kill was said
        acknowledged.append(line.decode().strip())
        if len(acknowledged) == kill_after:
            with suppress(ProcessLookupError):
                child.kill()
    assert await child.wait() == (0 if kill_after is None else -signal.SIGKILL)
    return acknowledged


async def killed_again_and_again(url, way, *, events, kills):
    """What is not acknowledged is sent again, with some of what was. Returns all that was acknowledged, ever."""
    chance = random.Random(7)
    ids = [f"Ev{number}" for number in range(events)]
    acknowledged = set()
    for kill in range(kills + 1):
        open_ids = [one for one in ids if one not in acknowledged]
        repeats = chance.sample(sorted(acknowledged), min(10, len(acknowledged)))
        kill_after = chance.randint(1, MOST_BEFORE_A_KILL) if kill < kills else None
        acknowledged.update(await accept_until_killed(url, way, repeats + open_ids, kill_after=kill_after))
    return set(ids), acknowledged


async def handled_by(inbox):
    """Lets a runner finish the whole inbox. Returns the ids it handled, with repeats."""
    handled = []

    async def handler(delivery):
        assert delivery.payload["text"] == "tide tables"
        handled.append(delivery.delivery_id)

    task = asyncio.create_task(inbox.run({"slack": handler}))
    while await inbox.waiting():
        await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return handled


@pytest.mark.timeout(3600)
async def test_a_thousand_events_and_twenty_kills_lose_nothing(database, database_url, size, report):
    events, kills = size(1000, 10_000), size(20, 200)
    sent, acknowledged = await killed_again_and_again(database_url, "honest", events=events, kills=kills)
    handled = Counter(await handled_by(PostgresInbox(database)))
    lost, twice = len(acknowledged - handled.keys()), sum(count > 1 for count in handled.values())
    report("inbox_kill", events=events, kills=kills, acknowledged=len(acknowledged), lost=lost, twice=twice)
    assert acknowledged <= handled.keys(), "lost"
    assert handled.keys() <= sent, "unexpected"
    assert set(handled.values()) == {1}, "handled twice"
    assert len(handled) == events


async def test_acknowledging_before_the_commit_would_be_caught(database, database_url):
    sent, acknowledged = await killed_again_and_again(database_url, "hasty", events=300, kills=5)
    handled = await handled_by(PostgresInbox(database))
    assert acknowledged - set(handled)
    assert set(handled) <= sent
