"""The work of `threadlore bench index`: the way from an export to words, and on to meaning, beside the model alone."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.database import Database
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation.library import Progress
from knowledge.evaluation.synthetic import Talk
from knowledge.importer import Importer
from knowledge.index import Index
from knowledge.indexer import Indexer
from knowledge.lexical import query_terms, term_id
from knowledge.messages import Entry, Posted, SourceMessage
from knowledge.ports import EmbeddingModel
from knowledge.scope import Audience

WARM = "warm"
BATCHES_AT_A_TIME = 8


class TalkExport:
    """A talk in the form of an export. `last`: the message that came last so far."""

    def __init__(self, talk: Talk) -> None:
        self.name = "talk"
        self.bytes_total = 0
        self.bytes_read = 0
        self.last: SourceMessage | None = None
        self._talk = talk

    def entries(self) -> Iterator[Entry]:
        """Channels, people, and then what they say."""
        yield from self._talk.channels
        yield from self._talk.people
        for day in self._talk.days():
            for one in day:
                self.last = one.message
                yield Posted(one.message)


class Noting:
    """An embedding model that keeps the texts it was given."""

    def __init__(self, model: EmbeddingModel) -> None:
        self.name = model.name
        self.dimension = model.dimension
        self.texts: list[str] = []
        self._model = model

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """The model's vectors."""
        self.texts += texts
        return await self._model.embed_passages(texts)

    async def embed_query(self, text: str) -> list[float]:
        """The model's vector."""
        return await self._model.embed_query(text)


async def measure_indexing(
    database: Database, talk: Talk, model: EmbeddingModel, on_progress: Progress
) -> dict[str, Any]:
    """Imports into an empty, migrated database and indexes there. Returns what `--json` prints.

    After every few batches of the indexer the model alone is given the same texts: whatever else the machine does
    meanwhile slows down both. `dense_ready_s` leaves those times out.
    """
    access, export = Access(database), TalkExport(talk)
    report = await Importer(access, Archive(database)).run(
        export, lambda done: on_progress("import", done.read, talk.messages)
    )
    searched = time.perf_counter()
    everything = (await access.scope_for(Audience(), None)).channel_pks
    wanted = [term_id(word) for word in query_terms(export.last.text if export.last else "")]
    hits = await Index(database).search_text(everything, wanted, 1)
    lexical_ready_s = report.seconds + time.perf_counter() - searched
    noting = Noting(model)
    indexer, alone = Indexer(database, ModelEmbeddings(noting)), ModelEmbeddings(model)
    await alone.aembed_documents([WARM])
    await indexer.register()
    total = await indexer.waiting()
    indexing_s = raw_s = 0.0
    while True:
        noting.texts.clear()
        began = time.perf_counter()
        worked = await indexer.drain(most=BATCHES_AT_A_TIME)
        between = time.perf_counter()
        await alone.aembed_documents(list(noting.texts))
        indexing_s, raw_s = indexing_s + between - began, raw_s + time.perf_counter() - between
        on_progress("index", total - await indexer.waiting(), total)
        if not worked:
            break
    return {
        "messages": report.written,
        "messages_per_s": round(report.written / report.seconds, 1) if report.seconds else 0.0,
        "raw_embedder_texts_per_s": round(indexer.embedded / raw_s, 2) if raw_s else 0.0,
        "texts_embedded": indexer.embedded,
        "efficiency": round(raw_s / indexing_s, 4) if indexing_s else 0.0,
        "lexical_ready_s": round(lexical_ready_s, 3),
        "last_found_by_words": bool(hits),
        "dense_ready_s": round(report.seconds + indexing_s, 2),
        "embedder": model.name,
    }
