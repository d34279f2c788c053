"""A graceful stop (R14): a bot that is told to end gives its questions back, and the next one answers each once."""

import pytest

from tests.chaos.verdict import SOUND

STOP_SECONDS = 25.0
RESUME_SECONDS = 40.0
HELD = "SELECT count(*) FROM answer WHERE state IN ('waiting', 'posting') AND lease_until > now()"
LEASE_SECONDS = 60.0
"""So long that nothing comes free by itself in the time of a test."""


async def stopped_in_mid_answer(town, restarts, at_once, *mutants):
    """Stops a bot that is at work on so many questions, again and again.

    Returns how long it took to stop, and how many questions the dead held on to.
    """
    seconds, held = [], 0
    people = [town.house.add_person(f"tree-{number}") for number in range(at_once)]
    for _ in range(restarts):
        bot = await town.start(*mutants, lease=LEASE_SECONDS, delay=0.1)
        await town.learned()
        asked = [town.ask(who) for who in people]
        for one in asked:
            await town.house.appears("Decision:", one)
        seconds.append(await bot.stop(STOP_SECONDS))
        [(count,)] = await town.database.fetch(HELD)
        held += count
    return seconds, held


@pytest.mark.timeout(7200)
async def test_a_bot_that_is_stopped_gives_every_question_back(town, size, report):
    restarts, at_once = size(2, 100), size(4, 8)
    seconds, held = await stopped_in_mid_answer(town, restarts, at_once)
    await town.start(lease=LEASE_SECONDS)
    await town.settled(RESUME_SECONDS)
    found = town.verdict()
    report(
        "graceful_stop", platform=town.house.platform, restarts=restarts, at_once=at_once,
        longest_stop_seconds=round(max(seconds), 2), held=held, **found.figures(),
    )  # fmt: skip
    assert held == 0
    assert found == SOUND
    assert town.dangling() == []


async def test_a_bot_that_keeps_its_questions_would_be_caught(town):
    _, held = await stopped_in_mid_answer(town, 1, 2, "no_giving_back")
    assert held == 2
