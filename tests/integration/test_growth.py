"""What `threadlore bench` measures on, and by: made-up talk, a database that counts its time, and the figures."""

import asyncio
import time

import pytest
from typer.testing import CliRunner

from bot.commands.bench import bench
from bot.evaluation.freshness import KINDS, measure_freshness
from bot.evaluation.indexing import measure_indexing
from bot.evaluation.tables import freshness_table, growth_table, indexing_table
from knowledge import index as index_module
from knowledge.archive import Archive
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation import growth
from knowledge.evaluation.clocked import Clocked
from knowledge.evaluation.synthetic import Talk
from knowledge.index import Index
from knowledge.indexer import Indexer
from knowledge.models import IndexModels
from tests.fakes.models import WordEmbedding
from tests.load.test_filtered_search import THROUGH_THE_GRAPH

DIMENSION = 48


def shown(_step, _done, _total):
    """Nobody looks."""


def test_the_same_numbers_give_the_same_talk_and_every_kind_of_it():
    said = [one.message for day in Talk(4_100).days() for one in day]
    assert said == [one.message for day in Talk(4_100).days() for one in day]
    assert said != [one.message for day in Talk(4_100, seed=8).days() for one in day]
    assert len({one.ref for one in said}) == 4_100
    assert len({one.ref.channel for one in said}) > 300
    in_threads = sum(one.thread_id is not None for one in said)
    chinese = sum(one.text.endswith("。") for one in said)
    assert 0.3 < in_threads / 4_100 < 0.7
    assert 0.1 < chinese / 4_100 < 0.3
    assert any("_" in one.text for one in said)


@pytest.fixture
async def clocked(database_url):
    async with Clocked(database_url) as opened:
        yield opened


async def test_the_time_of_statements_is_added_up_also_within_a_snapshot(clocked):
    clocked.reset()
    began = time.perf_counter()
    await clocked.fetch("SELECT pg_sleep(0.02)")
    outside = clocked.seconds
    async with clocked.snapshot() as view:
        await view.fetch("SELECT pg_sleep(0.02)")
    assert 0.02 <= outside <= clocked.seconds - 0.02
    assert clocked.seconds <= time.perf_counter() - began
    clocked.reset()
    assert clocked.seconds == 0


async def test_search_over_made_up_talk_misses_nothing_in_any_scope(clocked, monkeypatch):
    # So few vectors would be compared one by one: the graph is forced where there are more than a hundred.
    monkeypatch.setattr(index_module, "EXACT_SCAN_UP_TO", 100)
    monkeypatch.setattr(index_module, "GO_ON", f"{index_module.GO_ON}; {THROUGH_THE_GRAPH}")
    document = await growth.measure_growth(clocked, Talk(2_000), DIMENSION, 8, shown)
    assert document["messages"] == 2_000
    assert document["vectors"] == "synthetic"
    assert [scope["visible"] for scope in document["scopes"]] == [0.001, 0.01, 0.1, 1.0]
    for scope in document["scopes"]:
        assert scope["returned_share"] == scope["words_returned_share"] == 1.0
        assert scope["recall@10_vs_exact"] >= 0.95
        assert 0 < scope["sql_p50_ms"] <= scope["p95_ms"]
    assert 0 < document["raw_sql_p50_ms"] < document["scopes"][-1]["p95_ms"]
    assert document["bytes"]["graph_index"] > 0
    assert growth_table(document).row_count == 4


async def test_a_search_that_keeps_rows_back_would_be_noticed(clocked, monkeypatch):
    search_vector, search_text = Index.search_vector, Index.search_text

    async def half(search, *rest):
        found = await search(*rest)
        return found[: len(found) // 2]

    monkeypatch.setattr(Index, "search_vector", lambda *rest: half(search_vector, *rest))
    monkeypatch.setattr(Index, "search_text", lambda *rest: half(search_text, *rest))
    document = await growth.measure_growth(clocked, Talk(300), DIMENSION, 3, shown)
    everything = document["scopes"][-1]
    assert everything["returned_share"] < 0.6
    assert everything["words_returned_share"] < 0.6


async def test_the_indexer_is_measured_beside_its_model_alone(database):
    model = WordEmbedding(dimension=DIMENSION)
    document = await measure_indexing(database, Talk(60), model, shown)
    [(units,)] = await database.fetch("SELECT count(*) FROM unit")
    assert document["texts_embedded"] == units > 15
    assert len(model.texts) == 2 * units + 1  # once indexed, once alone, and one to warm up
    assert document["messages"] == 60
    assert document["last_found_by_words"]
    assert 0 < document["lexical_ready_s"] < document["dense_ready_s"] + 1
    assert document["efficiency"] > 0
    assert indexing_table(document).row_count == 6


class Learns:
    """As much of the door of live events as writes messages."""

    def __init__(self, database):
        self._archive = Archive(database)

    async def observe(self, happenings):
        await self._archive.record(happenings)


async def test_search_is_followed_from_the_post_to_the_deletion(database):
    model = WordEmbedding(dimension=DIMENSION)
    indexer = Indexer(database, ModelEmbeddings(model))
    await indexer.register()
    indexing = asyncio.create_task(indexer.run(idle_seconds=0.02))
    try:
        document = await measure_freshness(database, Learns(database), model, 5, shown)
    finally:
        indexing.cancel()
        await asyncio.gather(indexing, return_exceptions=True)
    assert set(document) == {"events", *(f"{kind}_ms" for kind in KINDS)}
    for kind in KINDS:
        times = document[f"{kind}_ms"]
        assert 0 < times["p50"] <= times["p95"] <= times["p99"]
    assert document["post_to_lexical_ms"]["p50"] <= document["post_to_dense_ms"]["p50"]
    assert freshness_table(document).row_count == 4
    assert await IndexModels(database).active()
    assert await database.fetch("SELECT 1 FROM message WHERE NOT deleted") == []


@pytest.mark.parametrize(
    "order", [("retrieval", "--messages", "0"), ("index", "--messages", "-5"), ("freshness", "--events", "none")]
)
def test_a_number_that_cannot_be_measured_is_bad_usage(order):
    result = CliRunner().invoke(bench, order)
    assert result.exit_code == 2
    assert order[1] in result.output
