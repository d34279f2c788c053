"""Acknowledgements leave at once, however many questions wait for a slow model."""

import asyncio

import pytest

from tests.fakes.slack import FakeSlack
from tests.load.processes import bots, environment


@pytest.mark.timeout(1200)
async def test_acks_leave_within_a_second_while_questions_wait(database_url, servers, tmp_path, size, report):
    waiting, events = size(16, 64), size(200, 5000)
    async with FakeSlack() as slack:
        people = [slack.add_user(f"tree-{number}") for number in range(64)]
        channel = slack.add_channel("grove", members=people)
        slack.seed(channel, [(people[0], "The press is booked for Friday at nine in the morning")])
        settings = environment(slack, database_url, servers[1], THREADLORE_MODEL__PARALLEL="1")
        counter = tmp_path / "generations"
        async with bots(1, tmp_path, settings, counter, delay=2.0):
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
        at = lambda share: seconds[min(int(share * len(seconds)), len(seconds) - 1)]  # noqa: E731
        report(
            "acknowledgement", events=len(seconds), waiting=waiting, p50_ms=round(at(0.5) * 1000, 1),
            p99_ms=round(at(0.99) * 1000, 1), p999_ms=round(at(0.999) * 1000, 1), max_ms=round(seconds[-1] * 1000, 1),
        )  # fmt: skip
        assert at(0.999) <= 1.0
        assert all(one.attempts == 1 for one in told)
