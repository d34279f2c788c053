"""A text that kills the embedding model's process is given up alone: it holds up no other, and words still find it."""

import pytest

from bot.generation.embedder import LlamaEmbedder
from bot.generation.failures import TRIES, Restarts
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.embeddings import ModelEmbeddings
from knowledge.errors import EmbeddingUnavailable
from knowledge.index import Index
from knowledge.indexer import Indexer
from knowledge.jobs import Jobs
from knowledge.models import IndexModels
from knowledge.ranking import Switches
from knowledge.retriever import Search
from knowledge.scope import Audience
from knowledge.unit_table import Vectors
from knowledge.units import EMBED_TRIES
from tests.talk import channel, described, said

PARKED = "SELECT tries, reason FROM unit_failure"
VECTORS = "SELECT count(*) FROM unit_vector"
LEFT = "SELECT count(*) FROM dirty"
MINUTES_APART = 10  # too far for one passage; a day holds 144 of them


class Impatient(Indexer):
    """The mutant: what failed goes back to where it was, at the head of the queue, and with it all of its batch."""

    async def _make_apart(self, model, texts, vectors):
        raise EmbeddingUnavailable("again")


class Sweeping(Indexer):
    """The mutant: all that was to be embedded together with the bad text is given up with it."""

    async def _embed(self, model, drafts):
        vectors = await super()._embed(model, drafts)
        if not vectors.failed:
            return vectors
        return Vectors({}, dict.fromkeys([*vectors.made, *vectors.failed], EMBED_TRIES))


class Shore:
    """So many messages, the newest of which kills; an indexer over a stub, and a search over what it made."""

    def __init__(self, database, engine, embeddings, indexer):
        self.database = database
        self.engine = engine
        self.indexer = indexer
        self._embeddings = embeddings

    @classmethod
    async def open(cls, database, stub, kind, messages):
        await Access(database).record_channels([described("general")])
        texts = ["POISON SEGV!", *(good(n) for n in range(1, messages))]
        posts = [said(str(n), text, minute=MINUTES_APART * (messages - n)) for n, text in enumerate(texts)]
        # The day marked last is taken first: this one is in the way.
        for start in range(0, messages, 500):
            await Archive(database).record(list(reversed(posts))[start : start + 500])
        engine = stub.engine(restarts=Restarts(), embedding=True)
        embeddings = ModelEmbeddings(await LlamaEmbedder.open(engine))
        return cls(database, engine, embeddings, kind(database, embeddings))

    async def index(self, batches=1_000):
        for _ in range(batches):
            try:
                if not await self.indexer.index_batch():
                    return
            except EmbeddingUnavailable:
                pass

    async def counts(self):
        """How many vectors there are, what was given up and why, and how many families are still to be done."""
        parked = [tuple(row) for row in await self.database.fetch(PARKED)]
        return (await self.database.fetch(VECTORS))[0][0], parked, (await self.database.fetch(LEFT))[0][0]

    async def finds(self, query, message_id, **options):
        search = Search(Index(self.database), IndexModels(self.database), {self._embeddings.name: self._embeddings})
        scope = await Access(self.database).scope_for(Audience(), None)
        passages = await search.passages(query, scope, limit=3, **options)
        return message_id in {line.ref.message_id for passage in passages for line in passage.lines}


def good(n):
    return f"buoy{n} lies off harbour{n}"


async def lost_neighbours(shore, numbers):
    """Those of the bad message's own day that meaning does not find."""
    return [n for n in numbers if not await shore.finds(good(n), str(n), switches=Switches(lexical=False))]


@pytest.mark.timeout(1800)
async def test_one_text_that_kills_is_given_up_alone_and_all_others_are_found(database, stub, size, report):
    messages = size(200, 10_000)
    shore = await Shore.open(database, stub, Indexer, messages)
    await shore.index()
    vectors, parked, left = await shore.counts()
    lost = await lost_neighbours(shore, range(1, 30))
    report("poison text", messages=messages, vectors=vectors, parked=len(parked), lost=len(lost),
           sent=stub.asked("POISON"), deaths=shore.engine.restarts)  # fmt: skip
    assert (vectors, left, lost) == (messages - 1, 0, [])
    assert parked == [(EMBED_TRIES, "the embedding model fails on it")]
    assert stub.asked("POISON") <= TRIES
    assert shore.engine.restarts <= TRIES
    assert shore.engine.trouble == ""
    assert await shore.finds("POISON", "0", switches=Switches(dense=False))
    assert not await shore.finds("POISON", "0", switches=Switches(lexical=False))
    (status,) = await Jobs(database).channels()
    assert (status.units, status.waiting, status.parked) == (messages, 0, 1)


async def test_an_endless_retry_at_the_head_of_the_queue_is_noticed(database, stub):
    shore = await Shore.open(database, stub, Impatient, 40)
    await shore.index(batches=40)
    vectors, _, left = await shore.counts()
    assert vectors < 39
    assert left > 0


async def test_neighbours_given_up_with_the_bad_text_are_noticed(database, stub):
    shore = await Shore.open(database, stub, Sweeping, 40)
    await shore.index()
    assert await lost_neighbours(shore, range(1, 5))


async def test_talk_that_goes_on_that_day_does_not_wake_a_text_that_was_given_up(database, stub):
    shore = await Shore.open(database, stub, Indexer, 5)
    await shore.index()
    sent = stub.asked("POISON")
    fresh = Indexer(database, ModelEmbeddings(await LlamaEmbedder.open(stub.engine(embedding=True))))
    await Archive(database).record([said("9", good(9), minute=MINUTES_APART * 9)])
    while await fresh.index_batch():
        pass
    assert stub.asked("POISON") == sent
    assert await shore.finds(good(9), "9", switches=Switches(lexical=False))


async def test_an_order_to_reindex_gives_it_another_chance(database, stub):
    shore = await Shore.open(database, stub, Indexer, 5)
    await shore.index()
    sent = stub.asked("POISON")
    ordered = await Jobs(database).reindex(channel("general"), since=None, full=False)
    assert ordered is not None
    fresh = Indexer(database, ModelEmbeddings(await LlamaEmbedder.open(stub.engine(embedding=True))))
    while await fresh.index_batch():
        pass
    assert sent < stub.asked("POISON") <= 2 * sent
    assert (await Jobs(database).jobs())[0].state == "done"
