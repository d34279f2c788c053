"""A reranker's promises: one suite over the fake and a real model in a child process."""

import asyncio

import pytest

from bot.generation.engine import Engine
from bot.generation.reranker import LlamaReranker
from bot.generation.sequence import ModelSpec
from knowledge.errors import RerankerUnavailable
from knowledge.ports import Reranker
from tests.fakes.reranker import FakeReranker
from tests.small_reranker import write

QUERY = "where is the oar"
TEXTS = ["the oar is in the office", "stew", "the keel is red", "", "the oar and the key", "a mast"] * 4


@pytest.fixture(params=["fake", pytest.param("model", marks=pytest.mark.model)])
async def reranker(request, tmp_path):
    if request.param == "fake":
        yield FakeReranker()
        return
    spec = ModelSpec(str(write(tmp_path / "small.gguf")), gpu_layers=0, embedding=True, pooling="rank")
    engine = Engine(spec)
    yield await LlamaReranker.open(engine)
    await engine.close()


async def away(reranker: Reranker) -> None:
    if isinstance(reranker, FakeReranker):
        reranker.is_away = True
    else:
        await reranker.engine.close()


async def test_it_says_one_number_of_each_text_in_order(reranker):
    scores = await reranker.relevance(QUERY, TEXTS)
    assert len(scores) == len(TEXTS)
    assert len({round(score, 2) for score in scores}) >= 3
    backwards = await reranker.relevance(QUERY, TEXTS[::-1])
    assert backwards == pytest.approx(scores[::-1], abs=1e-3)


async def test_what_it_says_of_a_text_hangs_on_no_other(reranker):
    scores = await reranker.relevance(QUERY, TEXTS[:6])
    assert [(await reranker.relevance(QUERY, [text]))[0] for text in TEXTS[:6]] == pytest.approx(scores, abs=1e-3)


async def test_it_hangs_on_the_question(reranker):
    first, second = [await reranker.relevance(query, TEXTS[:6]) for query in (QUERY, "mast key")]
    assert first != pytest.approx(second, abs=1e-3)


async def test_it_has_nothing_to_say_of_no_text(reranker):
    assert await reranker.relevance(QUERY, []) == []


async def test_several_may_ask_at_once(reranker):
    alone = await reranker.relevance(QUERY, TEXTS)
    many = await asyncio.gather(*(reranker.relevance(QUERY, TEXTS) for _ in range(4)))
    assert all(scores == pytest.approx(alone, abs=1e-3) for scores in many)


async def test_one_that_is_away_says_so(reranker):
    await away(reranker)
    with pytest.raises(RerankerUnavailable):
        await reranker.relevance(QUERY, TEXTS)
