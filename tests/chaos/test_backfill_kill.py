"""A reader is killed again and again, with kill -9, while it reads: nothing is lost, and nothing is read twice."""

import asyncio
import random
import sys
import time
from pathlib import Path

import pytest

from knowledge.access import Access
from knowledge.jobs import Jobs
from knowledge.units import family_of
from tests.chaos.reader import MESSAGES, WHERE, history
from tests.talk import channel, described

KILLS = 20
REPOSITORY = Path(__file__).parents[2]


async def start(url, kind):
    command = [sys.executable, "-m", "tests.chaos.reader", url, kind]
    return await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE)


async def end(process):
    process.kill()
    await process.communicate()


async def kill_at_work(process, chance):
    """Kills after the first committed pages, somewhere in the next one."""
    assert await process.stdout.readline() == b"page\n"
    began = time.monotonic()
    assert await process.stdout.readline() == b"page\n"
    await asyncio.sleep(chance.uniform(0, 2 * (time.monotonic() - began)))
    await end(process)


async def counts(database):
    """Messages that the job has counted, and those that are stored."""
    return (await database.fetch("SELECT seen, (SELECT count(*) FROM message) FROM job"))[0]


@pytest.mark.parametrize(("kind", "survives"), [("sound", True), ("cursor-first", False)])
async def test_nothing_is_lost_or_read_twice_when_readers_are_killed(database, database_url, kind, survives):
    chance = random.Random(kind)
    await Access(database).record_channels([described(WHERE)])
    jobs = Jobs(database)
    job_pk = await jobs.read(channel(WHERE), "backfill", since=None)
    for _ in range(KILLS):
        await kill_at_work(await start(database_url, kind), chance)
        seen, stored = await counts(database)
        if seen != stored:
            break
    assert (seen == stored) == survives
    if not survives:
        return
    assert 0 < stored < MESSAGES
    last = await start(database_url, kind)
    async with asyncio.timeout(120):
        while (await jobs.job(job_pk)).state == "running":
            await asyncio.sleep(0.1)
    await end(last)
    job = await jobs.job(job_pk)
    assert (job.state, job.seen, job.gone) == ("done", MESSAGES, 0)
    rows = await database.fetch("SELECT message_id, rev, thread_id, posted_at, seq FROM message")
    assert {row[0] for row in rows} == history().ids
    assert {row[1] for row in rows} == {1}
    marked = await database.fetch("SELECT family FROM dirty")
    assert {row[0] for row in marked} == {family_of(row[0], *row[2:]) for row in rows}
    assert await database.fetch("SELECT live_count FROM channel") == [(MESSAGES,)]
