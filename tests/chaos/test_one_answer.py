"""One visible answer (R13): the platform takes a post, its reply is lost, the bot is killed, and a new one starts."""

import pytest

from tests.chaos.verdict import SOUND

MOMENTS = (("post", True), ("ending", True), ("post", True), ("post", False), ("ending", False))
"""What was under way when it was killed, and whether the platform had done it."""


async def killed_in_mid_call(town, trials, *mutants):
    """As many questions, each the last of the process that took it up."""
    bot = await town.start(*mutants)
    await town.learned()
    for trial in range(trials):
        what, done = MOMENTS[trial % len(MOMENTS)]
        fault = town.house.fail(what, hold=True, done=done, drop=True)
        town.ask()
        await town.house.happens(fault)
        await bot.crash()
        town.house.mend()
        bot = await town.start(*mutants)
        await town.settled()


@pytest.mark.timeout(7200)
async def test_an_answer_whose_bot_is_killed_while_posting_stands_there_once(town, size, report):
    # Discord itself sorts out what is sent twice within some minutes. Here they are over.
    trials = size(5, 500)
    await killed_in_mid_call(town, trials, "no_nonce")
    report("one_answer", platform=town.house.platform, trials=trials, **town.verdict().figures())
    assert town.verdict() == SOUND
    assert town.dangling() == []


async def test_posting_again_without_looking_would_be_caught(town):
    await killed_in_mid_call(town, 1, "no_nonce", "no_read_back")
    assert len(town.dangling()) == 1
    assert len(town.house.seen()) == 2
