"""What the model has read for one asker it reads again for the next: only the system prompt is shared by all."""

import sys
from pathlib import Path

import pytest

from bot.generation.engine import Engine
from bot.generation.sequence import Generate, ModelSpec
from bot.generation.templates import ChatTurn, render, static_segments

SYSTEM = "You answer questions about a team from the messages given."
LEAKY = (sys.executable, str(Path(__file__).with_name("leaky_child.py")))


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
    engine = Engine(ModelSpec(str(chat_file), n_ctx=512, gpu_layers=0))
    try:
        static, most = await probes(engine, size(20, 200))
    finally:
        await engine.close()
    report("prefix cache", probes=size(20, 200), static_tokens=static, most_reused_tokens=most)
    assert 5 < static < 40
    assert most == static


@pytest.mark.model
async def test_a_child_that_forgets_nothing_between_askers_is_noticed(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=512, gpu_layers=0), command=LEAKY)
    try:
        static, most = await probes(engine, 1)
    finally:
        await engine.close()
    assert most > static
