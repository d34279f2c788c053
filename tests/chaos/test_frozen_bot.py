"""A frozen bot (R11): while it stands still its lease ends, another answers, and what it then writes is refused."""

import asyncio

import pytest

from tests.chaos.verdict import SOUND

LEASE_SECONDS = 1.0
STATES = "SELECT state, fence FROM answer"


async def frozen_in_mid_answer(town, trials, *mutants):
    """Each question is taken over from a bot that is frozen. Returns how its answer changed when that one woke up."""
    changed = []
    for _ in range(trials):
        frozen = await town.start("no_watch", *mutants, lease=LEASE_SECONDS, delay=0.15)
        await town.learned()
        asked = town.ask()
        await town.house.appears("Decision:", asked)
        frozen.freeze()
        other = await town.start(lease=LEASE_SECONDS)
        await town.settled()
        whole = [one.text for one in town.house.seen() if one.asked == asked]
        frozen.thaw()
        # What it had still to say takes a second and a half.
        for _ in range(40):
            await asyncio.sleep(0.1)
            now = [one.text for one in town.house.seen() if one.asked == asked]
            if now != whole:
                changed.append((whole, now))
                break
        await frozen.crash()
        await other.crash()
    return changed


@pytest.mark.timeout(7200)
async def test_what_a_bot_writes_after_its_lease_is_refused(town, size, report):
    trials = size(1, 50)
    changed = await frozen_in_mid_answer(town, trials)
    found = town.verdict()
    report("frozen_bot", platform=town.house.platform, trials=trials, changed=len(changed), **found.figures())
    assert changed == []
    assert found == SOUND
    assert town.dangling() == []
    assert set(await town.database.fetch(STATES)) == {("posted", 2)}


async def test_a_table_without_a_fence_would_be_caught(town):
    assert await frozen_in_mid_answer(town, 1, "no_fence")
