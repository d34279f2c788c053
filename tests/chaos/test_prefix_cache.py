"""What the model has read for one asker it reads again for the next: only the system prompt is shared by all.

Nor does the time to its first word tell whether somebody else has just asked the same.
"""

import asyncio
import random
import sys
import time
from bisect import bisect_left, bisect_right
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.generation.engine import Engine
from bot.generation.sequence import Generate, ModelSpec, Progress
from bot.generation.templates import ChatTurn, render, static_segments

SYSTEM = "You answer questions about a team from the messages given."
WORDS = "tide boat oar net rope keel mast sail gull reef cove pier buoy dock crab".split()
MOST_AUC = 0.55
LEAKY = (sys.executable, str(Path(__file__).with_name("leaky_child.py")))


@asynccontextmanager
async def opened(chat_file, *, parallel=1, **more):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=512, gpu_layers=0, parallel=parallel), **more)
    try:
        yield engine
    finally:
        await engine.close()


def asking(engine, words):
    turns = [ChatTurn("system", SYSTEM), ChatTurn("user", words)]
    static = static_segments(turns, "chatml")
    return Generate(engine.new_request_id(), render(turns, "chatml"), max_tokens=1, static_segments=static)


async def reused(engine, words):
    async for event in engine.stream(asking(engine, words)):
        end = event
    return end.cached_tokens


async def probes(engine, count):
    """How many tokens are reused of a prompt of one's own, and the most of somebody else's, sent right after it."""
    await reused(engine, "Hello.")
    of_ones_own = await reused(engine, "What is for lunch?")
    most = 0
    for number in range(count):
        secret = f"The payroll of boat {number} is {number * 7919}: who may see it?"
        await reused(engine, secret)
        most = max(most, await reused(engine, secret))
    return of_ones_own, most


@pytest.mark.model
async def test_the_exact_prompt_of_another_asker_is_read_from_the_end_of_the_system_prompt_on(chat_file, size, report):
    async with opened(chat_file) as engine:
        static, most = await probes(engine, size(20, 200))
    report("prefix cache", probes=size(20, 200), static_tokens=static, most_reused_tokens=most)
    assert 5 < static < 40
    assert most == static


async def at_once(engine, words, count):
    """So many ask the same at the same time: how many tokens were reused of each prompt."""
    return await asyncio.gather(*(reused(engine, words) for _ in range(count)))


@pytest.mark.model
async def test_nor_is_more_reused_between_those_who_ask_at_the_same_time(chat_file, size):
    async with opened(chat_file, parallel=3) as engine:
        first = await at_once(engine, "Who may see the payroll?", 3)
        again = [await at_once(engine, "Who may see the payroll?", 3) for _ in range(size(3, 60))]
        of_ones_own = await reused(engine, "What is for lunch?")
    assert sorted(first) == [0, of_ones_own, of_ones_own]
    assert all(counts == [of_ones_own] * 3 for counts in again)


@pytest.mark.model
async def test_a_child_that_forgets_nothing_between_those_who_ask_at_the_same_time_is_noticed(chat_file):
    async with opened(chat_file, parallel=3, command=LEAKY) as engine:
        of_ones_own = await reused(engine, "What is for lunch?")
        await at_once(engine, "Who may see the payroll?", 3)
        assert max(await at_once(engine, "Who may see the payroll?", 3)) > of_ones_own + 5


@pytest.mark.model
async def test_a_child_that_forgets_nothing_between_askers_is_noticed(chat_file):
    async with opened(chat_file, command=LEAKY) as engine:
        static, most = await probes(engine, 1)
    assert most > static


async def first_word_seconds(engine, words):
    """The time until the model says anything; the progress of its reading counts, for nobody is shown that."""
    began, seconds = time.monotonic(), 0.0
    async for event in engine.stream(asking(engine, words)):
        if not seconds and not isinstance(event, Progress):
            seconds = time.monotonic() - began
    return seconds


async def timed(engine, count):
    """Each time somebody asks, and somebody else right after: so often the very same, and so often the same words in
    another order, mixed by chance. How long the second waited, both ways."""
    dice, probes, controls = random.Random(7), [], []
    await first_word_seconds(engine, "Hello.")
    for is_probe in dice.sample([True, False] * count, 2 * count):
        secret = dice.choices(WORDS, k=60)
        await first_word_seconds(engine, " ".join(secret))
        second = secret if is_probe else dice.sample(secret, len(secret))
        (probes if is_probe else controls).append(await first_word_seconds(engine, " ".join(second)))
    return probes, controls


def auc(probes, controls):
    """The chance that a probe was faster than a control: 0.5 tells nothing, 1 all."""
    ordered = sorted(controls)
    above = sum(2 * len(ordered) - bisect_left(ordered, one) - bisect_right(ordered, one) for one in probes)
    return above / (2 * len(probes) * len(controls))


def interval(probes, controls, resamples=1000):
    """Where the AUC lies with 95 in 100, by bootstrap."""
    dice = random.Random(7)
    found = sorted(
        auc(dice.choices(probes, k=len(probes)), dice.choices(controls, k=len(controls))) for _ in range(resamples)
    )
    return found[int(0.025 * resamples)], found[int(0.975 * resamples)]


@pytest.mark.model
@pytest.mark.timeout(3600)
async def test_the_time_to_the_first_word_does_not_tell_what_another_has_asked(chat_file, report, request):
    if not request.config.getoption("--full"):
        pytest.skip("a few times on a busy machine say nothing")
    async with opened(chat_file) as engine:
        probes, controls = await timed(engine, 200)
    found, (low, high) = auc(probes, controls), interval(probes, controls)
    report(
        "prefix cache timing", probes=len(probes), controls=len(controls), auc=round(found, 3),
        interval=[round(low, 3), round(high, 3)],
        median_ms=[round(1000 * sorted(one)[len(one) // 2], 1) for one in (probes, controls)],
    )  # fmt: skip
    # Of 200 each the AUC is known to 0.06 only: what fails is one that is surely beyond the bar, either way.
    assert low <= MOST_AUC
    assert high >= 1 - MOST_AUC


@pytest.mark.model
async def test_a_child_that_forgets_nothing_would_be_told_by_its_times(chat_file):
    async with opened(chat_file, command=LEAKY) as engine:
        probes, controls = await timed(engine, 6)
    assert interval(probes, controls)[0] > MOST_AUC


def test_the_auc_counts_ties_half():
    assert auc([1.0, 2.0], [3.0, 4.0]) == 1.0
    assert auc([1.0, 2.0], [1.0, 2.0]) == 0.5
    assert auc([3.0, 4.0], [1.0, 2.0]) == 0.0
