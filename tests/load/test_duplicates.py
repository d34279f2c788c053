"""Every mention delivered four times, by two events, to two processes: one answer, one generation."""

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.fakes.slack import FakeSlack
from tests.load.processes import bots, environment

OPEN = 40


@pytest.mark.timeout(1800)
async def test_four_deliveries_to_two_processes_make_one_answer(told, size, report):
    mentions = size(60, 1000)
    heard = await told(mentions)
    report("duplicates", mentions=mentions, **heard.figures())
    assert heard.deliveries == 4 * mentions
    assert heard.answers == Counter(dict.fromkeys(heard.asked, 1))
    assert heard.generations == mentions


@pytest.mark.parametrize("mutant", ["known_by_event", "known_by_memory"])
async def test_knowing_again_only_half_of_it_would_be_caught(told, mutant):
    heard = await told(6, mutant)
    assert heard.deliveries == 4 * 6
    assert heard.answers.keys() == set(heard.asked)
    assert heard.generations > 6
    assert max(heard.answers.values()) > 1


@dataclass(frozen=True, slots=True)
class Heard:
    """`asked` and `answers` by the thread."""

    asked: list[str]
    deliveries: int
    answers: Counter[str]
    generations: int

    def figures(self):
        return {
            "deliveries_of_app_mention": self.deliveries,
            "answers": self.answers.total(),
            "most_in_one_thread": max(self.answers.values()),
            "generations": self.generations,
        }


@pytest.fixture
def told(database_url, servers, tmp_path):
    """Asks so many questions, each told four times over by either of two events, and waits until all is quiet."""

    async def tell(mentions, *mutants):
        async with FakeSlack() as slack:
            people = [slack.add_user(f"tree-{number}") for number in range(25)]
            channels = [slack.add_channel(f"grove-{number}", members=people) for number in range(4)]
            for channel in channels:
                slack.seed(channel, [(people[0], f"The press of {channel} is booked for Friday at nine")])
            slack.faults.on_event("app_mention", duplicate=3, times=None)
            slack.faults.on_event("message", duplicate=3, times=None, where=lambda event: not event.get("bot_id"))
            counter = tmp_path / "generations"
            settings = environment(slack, database_url, servers[1])

            def replies():
                return [one for channel in channels for one in slack.bot_messages(channel) if one.thread_ts]

            def answered():
                return len({one.thread_ts for one in replies() if "hourglass" not in one.text})

            async with bots(2, tmp_path, settings, counter, mutants=mutants):
                await slack.connected(4)
                await slack.until(lambda: all(slack.bot_messages(channel) for channel in channels), timeout=60)
                await asyncio.sleep(2)
                asked = []
                for number in range(mentions):
                    # No more than the queue holds: beyond that the bot would rightly refuse.
                    await slack.until(lambda: len(asked) - answered() < OPEN, timeout=300)
                    channel = channels[number % 4]
                    text = f"<@{slack.bot_user_id}> when is the press of {channel} booked? ({number})"
                    asked.append(slack.post(channel, people[number % 25], text))
                    await asyncio.sleep(0.05)
                await slack.until(lambda: answered() >= mentions, timeout=1500)
                await slack.settled(timeout=60)
                await asyncio.sleep(3)
            deliveries = sum(one.event.get("type") == "app_mention" for one in slack.deliveries)
            return Heard(asked, deliveries, Counter(one.thread_ts for one in replies()), counter.stat().st_size)

    return tell
