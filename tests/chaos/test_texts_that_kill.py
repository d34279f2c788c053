"""Of several texts that a model reads in one step, the one that kills it is found, and no other is held for it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.errors import PromptQuarantined
from bot.generation.engine import Engine
from bot.generation.failures import Quarantine, Restarts
from bot.generation.sequence import ModelSpec
from tests.small_reranker import write

POISONED = (sys.executable, str(Path(__file__).with_name("poisoned_reader.py")))
GOOD = [f"the {word} is red" for word in "oar keel mast sail rope tide boat office key stew".split()]
BAD = "a POISON stew"


@pytest.fixture(params=["embed", "rank"])
async def reader(request, tmp_path):
    """An engine that embeds or ranks, and the one call that does it."""
    ranks = request.param == "rank"
    path = write(tmp_path / "small.gguf", head=ranks)
    spec = ModelSpec(str(path), gpu_layers=0, embedding=True, pooling="rank" if ranks else "")
    engine = Engine(spec, command=POISONED, restarts=Restarts(most=100))

    async def read(texts):
        return await (engine.rank("where is it", texts) if ranks else engine.embed(texts))

    engine.read = read
    yield engine
    await engine.close()


@pytest.mark.model
@pytest.mark.parametrize("place", [0, 4, 10])
async def test_the_text_that_kills_is_held_and_no_other(reader, place):
    with pytest.raises(PromptQuarantined):
        await reader.read([*GOOD[:place], BAD, *GOOD[place:]])
    assert (reader.quarantined, reader.restarts) == (1, 1)
    assert len(await reader.read(GOOD)) == len(GOOD)
    with pytest.raises(PromptQuarantined):
        await reader.read([BAD])
    assert (reader.quarantined, reader.restarts) == (1, 2)


class Together(Quarantine):
    """The mutant: who was in a step that killed is tried again together with the others."""

    def suspects(self, key):
        return False


@pytest.mark.model
async def test_blaming_all_without_trying_each_alone_is_noticed(reader):
    reader._quarantine = Together()
    with pytest.raises(PromptQuarantined):
        await reader.read([*GOOD[:4], BAD, *GOOD[4:]])
    assert reader.quarantined > 1


@pytest.mark.model
async def test_a_killed_child_holds_no_text(reader):
    await reader.start()
    reading = asyncio.create_task(reader.read(GOOD * 200))
    await asyncio.sleep(0.1)
    os.kill(reader.pid, signal.SIGKILL)
    assert len(await reading) == 200 * len(GOOD)
    assert reader.quarantined == 0
