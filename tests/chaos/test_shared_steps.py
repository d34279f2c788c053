"""Who shares a step of the model with a prompt that kills it is answered all the same, and never held for it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.errors import ModelUnavailable, PromptQuarantined
from bot.generation.engine import Engine
from bot.generation.failures import Quarantine, Restarts
from bot.generation.sequence import Finished, Generate, ModelSpec, Piece, Segment

POISONED = (sys.executable, str(Path(__file__).with_name("poisoned_child.py")))
QUESTIONS = ("A tide is", "An oar is", "A keel is")


@pytest.fixture
async def engines(chat_file):
    opened = []

    def open_engine(make=Engine, **more):
        spec = ModelSpec(str(chat_file), n_ctx=256, gpu_layers=0, parallel=4)
        opened.append(make(spec, **{"restarts": Restarts(most=100), **more}))
        return opened[-1]

    yield open_engine
    for engine in opened:
        await engine.close()


async def told(engine, words, **options):
    """What was streamed, and how it ended: the last event, or the error."""
    text = ""
    request = Generate(engine.new_request_id(), (Segment(words),), **{"max_tokens": 12, **options})
    try:
        async for event in engine.stream(request):
            text += event.text if isinstance(event, Piece) else ""
    except ModelUnavailable as error:
        return text, error
    return text, event


@pytest.mark.model
@pytest.mark.parametrize("poisons", [1, 2])
async def test_a_prompt_that_kills_is_found_among_those_who_shared_its_step(engines, poisons):
    engine = engines(command=POISONED)
    await engine.start()
    bad = [told(engine, f"POISON number {number} is") for number in range(poisons)]
    ends = await asyncio.gather(*bad, *(told(engine, words) for words in QUESTIONS[: 4 - poisons]))
    assert [type(end) for _, end in ends[:poisons]] == [PromptQuarantined] * poisons
    assert all(isinstance(end, Finished) and end.new_tokens <= 12 and text for text, end in ends[poisons:])
    assert engine.quarantined == poisons
    assert engine.restarts == poisons + 1
    assert isinstance((await told(engine, "POISON number 0 is"))[1], PromptQuarantined)


class Together(Quarantine):
    """The mutant: who was in a step that killed is tried again together with the others."""

    def suspects(self, key):
        return False


@pytest.mark.model
async def test_blaming_all_without_trying_each_alone_is_noticed(engines):
    engine = engines(command=POISONED)
    engine._quarantine = Together()
    await engine.start()
    await asyncio.gather(told(engine, "POISON is"), *(told(engine, words) for words in QUESTIONS))
    assert engine.quarantined > 1


@pytest.mark.model
async def test_a_killed_child_holds_none_of_those_it_worked_for(engines):
    engine = engines()
    await engine.start()
    running = [asyncio.create_task(told(engine, words, max_tokens=40)) for words in QUESTIONS]
    await asyncio.sleep(0.5)
    os.kill(engine.pid, signal.SIGKILL)
    for text, end in await asyncio.gather(*running):
        assert text
        assert isinstance(end, Finished)
    assert (engine.quarantined, engine.restarts) == (0, 1)


@pytest.mark.model
async def test_who_shares_the_model_has_as_much_of_it_before_it_is_late(engines, chat_file):
    """Alone the longest of them takes a quarter of the time that they take together."""
    engine = engines()
    await engine.start()
    clock = asyncio.get_running_loop().time
    begun = clock()
    await told(engine, "A tide is", max_tokens=100)
    engine._wall_seconds = 2.0 * (clock() - begun)
    ends = await asyncio.gather(*(told(engine, f"{number} tides are", max_tokens=100) for number in range(4)))
    assert all(isinstance(end, Finished) for _, end in ends)
    assert engine.restarts == 0
