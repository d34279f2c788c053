from types import SimpleNamespace

import pytest

from bot.errors import ModelUnavailable
from bot.generation.embedder import E5, NONE, QWEN3, LlamaEmbedder, identity_of, prefixes_for
from knowledge.errors import EmbeddingUnavailable
from knowledge.ports import EmbeddingModel


class RecordingEngine:
    def __init__(self, path, name="multilingual-e5-small", tokenizer="ugm", fails=False):
        self.spec = SimpleNamespace(path=str(path))
        self.report = SimpleNamespace(name=name, tokenizer=tokenizer, embedding_dimension=2)
        self.fails = fails
        self.texts: list[str] = []

    async def start(self):
        return self.report

    async def embed(self, texts):
        if self.fails:
            raise ModelUnavailable
        self.texts += texts
        return [[1.0, 0.0] for _ in texts]


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    return path


@pytest.mark.parametrize(
    ("name", "prefixes"),
    [
        ("multilingual-e5-small", E5),
        ("intfloat/multilingual-e5-base", E5),
        ("Multilingual_E5_Large", E5),
        ("Qwen3 Embedding 0.6B", QWEN3),
        ("Qwen3-Embedding-0.6B", QWEN3),
        ("bge-m3", NONE),
        ("Bge M3", NONE),
        ("Ue5x", NONE),
    ],
)
def test_prefixes_belong_to_the_model(name, prefixes):
    assert prefixes_for(name) == prefixes


async def test_questions_and_passages_get_their_prefix(weights):
    engine = RecordingEngine(weights)
    embedder: EmbeddingModel = await LlamaEmbedder.open(engine)
    await embedder.embed_query("why?")
    assert await embedder.embed_passages(["because", "ｆｕｌｌ\n\twidth"]) == [[1.0, 0.0], [1.0, 0.0]]
    assert engine.texts == ["query: why?", "passage: because", "passage: full width"]
    assert embedder.dimension == 2


async def test_a_prefix_can_be_set(weights):
    engine = RecordingEngine(weights, tokenizer="bpe")
    embedder = await LlamaEmbedder.open(engine, query_prefix="Q ", passage_prefix="")
    await embedder.embed_query("ｘ")
    await embedder.embed_passages(["y"])
    assert engine.texts == ["Q ｘ", "y"]


async def test_the_name_changes_with_what_changes_the_vectors(weights):
    usual = (await LlamaEmbedder.open(RecordingEngine(weights))).name
    assert usual == (await LlamaEmbedder.open(RecordingEngine(weights), query_prefix="other")).name
    assert usual != (await LlamaEmbedder.open(RecordingEngine(weights), passage_prefix="other")).name
    assert usual.startswith("multilingual-e5-small@")
    before = identity_of(weights, "")
    weights.write_bytes(b"GGUF" + bytes(99) + b"x")
    assert identity_of(weights, "") != before


async def test_a_model_that_is_down_is_the_knowledge_bases_own_error(weights):
    embedder = await LlamaEmbedder.open(RecordingEngine(weights, fails=True))
    with pytest.raises(EmbeddingUnavailable, match="multilingual-e5-small"):
        await embedder.embed_query("why?")
