"""A real reranker in its child process, small enough to be reckoned by hand beside it."""

import pytest

from bot.errors import BadConfiguration, DependencyDown
from bot.generation.engine import Engine
from bot.generation.reranker import LlamaReranker
from bot.generation.sequence import ModelSpec
from tests import small_reranker as small

QUERY = "where is the oar"
TEXTS = [
    "the oar is in the office", "stew", "the key is red and the boat is green at noon", "keel mast", "unheard of",
    "who cook the stew and where", "a list of the crew", "the mast is not in the harbour", "oar", "",
]  # fmt: skip


def open_engine(path, **more):
    return Engine(
        ModelSpec(str(path), **{"n_ctx": 1024, "gpu_layers": 0, "embedding": True, "pooling": "rank", **more})
    )


async def ranked(path, query, texts):
    engine = open_engine(path)
    try:
        return await (await LlamaReranker.open(engine)).relevance(query, texts)
    finally:
        await engine.close()


@pytest.mark.model
@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("wordpiece", [True, False])
async def test_its_numbers_are_those_of_the_forward_pass(tmp_path, wordpiece, stated):
    path = small.write(tmp_path / "small.gguf", wordpiece=wordpiece, stated=stated)
    expected = [small.score(small.pair(QUERY, text, wordpiece=wordpiece)) for text in TEXTS]
    assert await ranked(path, QUERY, TEXTS) == pytest.approx(expected, abs=0.02)
    # A model that saw no separator, or one too many, would say something else.
    other = [small.score(small.pair(QUERY, text, wordpiece=not wordpiece)) for text in TEXTS]
    assert other != pytest.approx(expected, abs=0.02)


@pytest.mark.model
async def test_a_model_that_brings_a_template_reads_that(tmp_path):
    path = small.write(tmp_path / "small.gguf", template=small.TEMPLATE)
    expected = [
        small.score([
            *(small.BEGIN_TURN, *small.ids(f"the list {QUERY}"), small.END_TURN),
            *(small.BEGIN_TURN, *small.ids(f"crew {text}"), small.END_TURN),
        ])
        for text in TEXTS
    ]  # fmt: skip
    assert await ranked(path, QUERY, TEXTS) == pytest.approx(expected, abs=0.02)


@pytest.mark.model
async def test_what_is_longer_than_the_model_reads_is_cut_and_ends_as_it_should(tmp_path):
    path = small.write(tmp_path / "small.gguf")
    room = small.POSITIONS - 3
    query, text = "oar keel " * 100, "stew rope " * 100
    kept = small.pair(" ".join(query.split()[: room // 2]), " ".join(text.split()[: room - room // 2]))
    assert len(kept) == small.POSITIONS
    assert await ranked(path, query, [text]) == pytest.approx([small.score(kept)], abs=0.02)


@pytest.mark.model
async def test_a_reranker_and_an_embedding_model_are_not_taken_for_each_other(tmp_path):
    headless = small.write(tmp_path / "headless.gguf", head=False)
    with pytest.raises(BadConfiguration, match=r"no reranker.*THREADLORE_RERANK__PATH"):
        await open_engine(headless).start()
    reranker = small.write(tmp_path / "reranker.gguf")
    with pytest.raises(DependencyDown, match=r"is a reranker.*THREADLORE_RERANK__PATH"):
        await open_engine(reranker, pooling="").start()
