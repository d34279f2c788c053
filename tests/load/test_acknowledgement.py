"""Acknowledgements leave at once, however many questions wait for a slow model."""

import asyncio

import pytest

from tests.fakes.slack import FakeSlack
from tests.load.processes import bots, environment
from tests.load.stalls import STALL_MS, stall_figures


@pytest.mark.timeout(1200)
async def test_acks_leave_within_a_second_while_questions_wait(asked, size, report):
    waiting, events = size(16, 64), size(200, 5000)
    seconds, attempts, stalls = await asked(waiting, events, delay=2.0)
    at = lambda share: seconds[min(int(share * len(seconds)), len(seconds) - 1)]  # noqa: E731
    report(
        "acknowledgement", events=len(seconds), waiting=waiting, p50_ms=round(at(0.5) * 1000, 1),
        p99_ms=round(at(0.99) * 1000, 1), p999_ms=round(at(0.999) * 1000, 1), max_ms=round(seconds[-1] * 1000, 1),
        **stalls,
    )  # fmt: skip
    assert at(0.999) <= 1.0
    assert set(attempts) == {1}
    assert stalls["stall_p999_ms"] <= size(*STALL_MS)


async def test_a_model_that_works_on_the_event_loop_would_be_caught(asked):
    _, _, stalls = await asked(2, 100, "generation_on_the_loop", delay=2.0)
    assert stalls["stall_p999_ms"] > max(STALL_MS)


@pytest.fixture
def asked(database_url, servers, tmp_path):
    """So many events while so many questions wait: how long each acknowledgement took, the attempts, the stalls."""

    async def ask(waiting, events, *mutants, delay):
        async with FakeSlack() as slack:
            people = [slack.add_user(f"tree-{number}") for number in range(64)]
            channel = slack.add_channel("grove", members=people)
            slack.seed(channel, [(people[0], "The press is booked for Friday at nine in the morning")])
            settings = environment(slack, database_url, servers[1], THREADLORE_MODEL__PARALLEL="1")
            async with bots(1, tmp_path, settings, tmp_path / "generations", delay=delay, mutants=mutants):
                await slack.connected(2)
                await slack.until(lambda: slack.bot_messages(channel), timeout=60)
                await asyncio.sleep(2)
                for number in range(waiting):
                    slack.post(channel, people[number], f"<@{slack.bot_user_id}> when is the press booked?")
                placeholders = lambda: len([one for one in slack.bot_messages(channel) if one.thread_ts])  # noqa: E731
                await slack.until(lambda: placeholders() >= waiting, timeout=120)
                before = len(slack.acks)
                for number in range(events):
                    slack.post(channel, people[number % 64], f"apples of row {number} are ripe")
                    await asyncio.sleep(0.01)
                told = list(slack.deliveries)
                await slack.until(lambda: all(one.state == "acked" for one in told), timeout=300)
            seconds = sorted(ack.latency for ack in slack.acks[before:])
            return seconds, [one.attempts for one in told], stall_figures(tmp_path / "stalls")

    return ask
