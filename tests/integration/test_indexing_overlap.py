"""While one batch of units is stored the next is embedded; neither loses what the other holds."""

import asyncio

import pytest

from knowledge import indexer
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.embeddings import ModelEmbeddings
from knowledge.errors import EmbeddingUnavailable
from knowledge.indexer import Indexer
from knowledge.unit_table import UnitTable
from tests.fakes.models import WordEmbedding
from tests.talk import described, said

DAY = 1_440
LEFT = "SELECT count(*), count(*) FILTER (WHERE lease_until > now()), coalesce(sum(tries), 0)::int FROM dirty"
STORED = "SELECT count(*) FROM unit_vector"


class Counting(WordEmbedding):
    """Says when it is asked a second time, and may be away from then on."""

    def __init__(self):
        super().__init__()
        self.calls, self.again, self.leaves = 0, asyncio.Event(), False

    async def embed_passages(self, texts):
        self.calls += 1
        if self.calls == 2:
            self.again.set()
            self.is_away = self.leaves
        return await super().embed_passages(texts)


@pytest.fixture
async def model(database, monkeypatch):
    """Three days of talk, a batch each; nothing is stored before the model is asked again."""
    monkeypatch.setattr(indexer, "FAMILIES_PER_BATCH", 1)
    await Access(database).record_channels([described("general")])
    days = [said(str(day), f"kettle number {day}", minute=day * DAY) for day in range(3)]
    await Archive(database).record(days)
    model, replace = Counting(), UnitTable.replace

    async def patient(*arguments):
        async with asyncio.timeout(10):
            await model.again.wait()
        return await replace(*arguments)

    monkeypatch.setattr(UnitTable, "replace", patient)
    return model


async def test_the_next_batch_is_embedded_while_the_last_is_stored(database, model):
    assert await Indexer(database, ModelEmbeddings(model)).drain() == 3
    assert await database.fetch(LEFT) == [(0, 0, 0)]
    assert await database.fetch(STORED) == [(3,)]


async def test_one_after_the_other_would_be_noticed(database, model, monkeypatch):
    monkeypatch.setattr(indexer, "BATCHES_AT_ONCE", 1)
    model.calls = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await Indexer(database, ModelEmbeddings(model)).drain()


async def test_when_the_model_goes_away_all_that_was_claimed_is_free_and_blameless(database, model):
    model.leaves = True
    work = Indexer(database, ModelEmbeddings(model))
    with pytest.raises(EmbeddingUnavailable):
        await work.drain()
    ((left, leased, tries),) = await database.fetch(LEFT)
    ((stored,),) = await database.fetch(STORED)
    assert (left + stored, leased, tries) == (3, 0, 0)
    model.is_away = False
    model.again.set()
    await work.drain()
    assert await database.fetch(STORED) == [(3,)]


async def test_so_many_batches_and_no_more(database, model):
    model.again.set()
    work = Indexer(database, ModelEmbeddings(model))
    assert await work.drain(most=1) == 1
    assert await work.drain() == 2
