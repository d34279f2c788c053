"""Every mention delivered four times, by two events, to two processes: one answer, one generation."""

import asyncio
from collections import Counter

import pytest

from tests.fakes.slack import FakeSlack
from tests.load.processes import bots, environment

OPEN = 40


@pytest.mark.timeout(1800)
async def test_four_deliveries_to_two_processes_make_one_answer(database_url, servers, tmp_path, size, report):
    mentions = size(60, 1000)
    async with FakeSlack() as slack:
        people = [slack.add_user(f"tree-{number}") for number in range(25)]
        channels = [slack.add_channel(f"grove-{number}", members=people) for number in range(4)]
        for channel in channels:
            slack.seed(channel, [(people[0], f"The press of {channel} is booked for Friday at nine")])
        slack.faults.on_event("app_mention", duplicate=3, times=None)
        slack.faults.on_event("message", duplicate=3, times=None, where=lambda event: not event.get("bot_id"))
        counter = tmp_path / "generations"
        settings = environment(slack, database_url, servers[1])
        async with bots(2, tmp_path, settings, counter):
            await slack.connected(4)
            await slack.until(lambda: all(slack.bot_messages(channel) for channel in channels), timeout=60)
            await asyncio.sleep(2)
            asked = []

            def answered():
                said = [one for channel in channels for one in slack.bot_messages(channel) if one.thread_ts]
                return sum("hourglass" not in one.text for one in said)

            for number in range(mentions):
                # No more than the queue holds: beyond that the bot would rightly refuse.
                await slack.until(lambda: len(asked) - answered() < OPEN, timeout=300)
                channel = channels[number % 4]
                text = f"<@{slack.bot_user_id}> when is the press of {channel} booked? ({number})"
                asked.append((channel, slack.post(channel, people[number % 25], text)))
                await asyncio.sleep(0.05)
            await slack.until(lambda: answered() >= mentions, timeout=1500)
            await slack.settled(timeout=60)
            await asyncio.sleep(3)
        answers = Counter(one.thread_ts for channel in channels for one in slack.bot_messages(channel) if one.thread_ts)
        deliveries = [one for one in slack.deliveries if one.event.get("type") == "app_mention"]
        generations = counter.stat().st_size
        report(
            "duplicates", mentions=mentions, deliveries_of_app_mention=len(deliveries), answers=sum(answers.values()),
            most_in_one_thread=max(answers.values()), generations=generations,
        )  # fmt: skip
        assert len(deliveries) == 4 * mentions
        assert answers == Counter({ts: 1 for _, ts in asked})
        assert generations == mentions
