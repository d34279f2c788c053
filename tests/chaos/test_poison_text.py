"""A text that kills the embedding model's process is given up, and holds up no other."""

from bot.generation.embedder import LlamaEmbedder
from bot.generation.failures import TRIES, Restarts
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.embeddings import ModelEmbeddings
from knowledge.errors import EmbeddingUnavailable
from knowledge.indexer import TRIES as MOST_TRIES
from knowledge.indexer import Indexer
from tests.talk import described, said

REASONS = "SELECT tries, reason FROM dirty"
INDEXED = "SELECT count(*) FROM unit_vector"


class Impatient(Indexer):
    """The mutant: what failed goes back to where it was, at the head of the queue, and with it all of its batch."""

    async def _rebuild_apart(self, model, drafts, error):
        await self._database.execute("UPDATE dirty SET lease_until = '-infinity', tries = 0")


async def index_all(database, stub, kind, messages, *, batches):
    """Learns so many messages, one of which kills, and works on them for so many batches at most."""
    await Access(database).record_channels([described("general")])
    texts = ["POISON SEGV!", *(f"the tide table of harbour number {n}" for n in range(messages - 1))]
    # Each on a day of its own, for a day is cut and embedded as one. The newest is taken first: this one is in the way.
    posts = [said(str(n), text, minute=1440 * (messages - n)) for n, text in enumerate(texts)]
    for start in range(0, messages, 500):
        await Archive(database).record(list(reversed(posts))[start : start + 500])
    engine = stub.engine(restarts=Restarts(), embedding=True)
    embedder = await LlamaEmbedder.open(engine)
    indexer = kind(database, ModelEmbeddings(embedder))
    for _ in range(batches):
        try:
            if not await indexer.index_batch():
                break
        except EmbeddingUnavailable:
            pass
    return engine


async def figures(database):
    left = await database.fetch(REASONS)
    return (await database.fetch(INDEXED))[0][0], [tuple(row) for row in left]


async def test_one_text_that_kills_is_parked_with_its_reason_and_all_others_are_indexed(database, stub, size, report):
    messages = size(200, 10_000)
    engine = await index_all(database, stub, Indexer, messages, batches=messages)
    indexed, left = await figures(database)
    report("poison text", messages=messages, indexed=indexed, parked=len(left), deaths=engine.restarts)
    assert indexed == messages - 1
    assert left == [(MOST_TRIES, "the embedding model fails on it")]
    assert stub.asked("POISON") <= TRIES
    assert engine.restarts <= TRIES
    assert engine.trouble == ""


async def test_an_endless_retry_at_the_head_of_the_queue_is_noticed(database, stub):
    await index_all(database, stub, Impatient, 40, batches=40)
    indexed, left = await figures(database)
    assert indexed < 39
    assert len(left) > 1
