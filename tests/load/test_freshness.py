"""From the moment Slack shows a message, its edit or its deletion until a search by words says the same."""

import asyncio
import time
from contextlib import contextmanager

import pytest

from knowledge.database import Database
from knowledge.index import Index
from knowledge.lexical import term_ids
from tests.fakes.slack import FakeSlack
from tests.load.processes import bots, environment

DAY = 24 * 3600
GROVES = 20


class Searcher:
    """Looks, as a question would, until a word is found or gone."""

    def __init__(self, database, patience):
        self._database = database
        self._patience = patience
        self._index = Index(database)

    async def sees(self, word, *, found=True):
        scope = [row[0] for row in await self._database.fetch("SELECT channel_pk FROM channel")]
        deadline = time.monotonic() + self._patience
        while bool(await self._index.search_text(scope, term_ids(word), 10)) is not found:
            assert time.monotonic() < deadline, f"{word} is {'not' if found else 'still'} found"
            await asyncio.sleep(0.005)


@contextmanager
def timed(times):
    """Adds how long the work took, in milliseconds."""
    started = time.perf_counter()
    yield
    times.append((time.perf_counter() - started) * 1000)


def past(number):
    """A moment of ninety days ago."""
    return f"{time.time() - 90 * DAY + number:.6f}"


def percentiles(times):
    ordered = sorted(times)
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {name: round(ordered[min(int(share * len(ordered)), len(ordered) - 1)]) for name, share in at.items()}


async def chatter(slack, channels, person, pause):
    """The rest of the company goes on talking."""
    number = 0
    while True:
        slack.post(channels[number % len(channels)], person, f"barrel {number} stands in row {number % 7}")
        number += 1
        await asyncio.sleep(pause)


@pytest.mark.timeout(3600)
async def test_what_changes_in_slack_changes_in_search_within_a_second(probed, size, report):
    probes = size(60, 1000)
    times = await probed(probes)
    figures = {name: percentiles(spent) for name, spent in times.items()}
    report("freshness_ms", n=probes, late_replies=len(times["late_reply"]), **figures)
    assert max(one["p99"] for one in figures.values()) <= 1000


async def test_finding_an_edited_message_by_its_old_words_would_be_caught(probed):
    with pytest.raises(AssertionError, match="quillberry0x is still found"):
        await probed(1, "old_words_kept", patience=5)


@pytest.fixture
def probed(database_url, servers, tmp_path):
    """So many messages posted, edited and deleted while everybody talks: after how many milliseconds a search knew."""

    async def probe(probes, *mutants, patience=30):
        async with FakeSlack() as slack:
            people = [slack.add_user(f"tree-{number}") for number in range(20)]
            groves = [slack.add_channel(f"grove-{number}", members=people) for number in range(GROVES)]
            for grove in groves:
                slack.seed(grove, [(people[0], "The press is booked for Friday at nine")])
            old = [
                slack.seed(
                    groves[number % GROVES], [(people[1], f"Who keeps the key of barn {number}?", past(number))]
                )[0]
                for number in range(probes // 4)
            ]
            settings = environment(slack, database_url, servers[1])
            async with (
                bots(1, tmp_path, settings, tmp_path / "generations", mutants=mutants),
                Database(database_url, size=2) as database,
            ):
                await slack.connected(2)
                searcher = Searcher(database, patience)
                await slack.until(lambda: all(slack.bot_messages(grove) for grove in groves), timeout=60)
                await searcher.sees(f"barn {len(old) - 1}" if old else "press")
                talk = asyncio.create_task(chatter(slack, groves, people[2], pause=0.1))
                asking = asyncio.create_task(questions(slack, groves, people[3:], pause=1.0))
                try:
                    return await one_by_one(slack, searcher, groves, people[4:], old, probes)
                finally:
                    talk.cancel()
                    asking.cancel()

    return probe


async def one_by_one(slack, searcher, groves, people, old, probes):
    times = {name: [] for name in ("posted", "edited", "deleted", "late_reply")}
    for number in range(probes):
        grove, person = groves[number % GROVES], people[number % 16]
        first, second = f"quillberry{number}x", f"thornapple{number}x"
        with timed(times["posted"]):
            ts = slack.post(grove, person, f"the {first} is ripe")
            await searcher.sees(first)
        with timed(times["edited"]):
            slack.edit(grove, ts, f"the {second} is ripe")
            await searcher.sees(second)
        await searcher.sees(first, found=False)
        with timed(times["deleted"]):
            slack.delete(grove, ts)
            await searcher.sees(second, found=False)
        if number < len(old):
            with timed(times["late_reply"]):
                slack.post(grove, person, f"medlarkey{number}x hangs by the door", thread_ts=old[number])
                await searcher.sees(f"medlarkey{number}x")
    return times


async def questions(slack, channels, people, pause):
    """And asks, all the while."""
    number = 0
    while True:
        asked = f"<@{slack.bot_user_id}> when is the press booked? ({number})"
        slack.post(channels[number % len(channels)], people[number % len(people)], asked)
        number += 1
        await asyncio.sleep(pause)
