"""A question set, taken in as messages and indexed: what its questions are asked of."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.database import Database
from knowledge.embeddings import ModelEmbeddings
from knowledge.importer import Importer
from knowledge.index import Index
from knowledge.indexer import Indexer
from knowledge.messages import Entry, Person, Posted
from knowledge.models import IndexModels
from knowledge.ports import Export
from knowledge.reranking import Reranking
from knowledge.retriever import Search
from knowledge.scope import Audience, Scope

Progress = Callable[[str, int, int], None]
"""Told the step, how much is done, and how much there is."""

LAST = "SELECT max(posted_at) FROM message"


@dataclass(frozen=True, slots=True)
class Library:
    """`channels`: their keys by name; `messages`: how many were taken in.

    `index_s`: the seconds that cutting and embedding took. `ends_at`: when the last message was posted; questions are
    asked then, where the talk has dates. `reranker`: its name, where one reads what is found.
    """

    search: Search
    everything: Scope
    channels: Mapping[str, int]
    messages: int
    index_s: float
    ends_at: datetime | None = None
    reranker: str = ""

    def scope(self, channel: str | None) -> Scope:
        """What a question of this channel is asked of; everything, where it names none that there is."""
        if channel is None or channel not in self.channels:
            return self.everything
        return Scope(Audience(), (self.channels[channel],), (channel,))


async def stocked(
    database: Database,
    export: Export,
    embeddings: ModelEmbeddings,
    on_progress: Progress,
    reranking: Reranking | None = None,
) -> Library:
    """Imports and indexes into an empty, migrated database, by the product's own path."""
    access = Access(database)
    report = await Importer(access, Archive(database)).run(export, lambda done: on_progress("import", done.read, 0))
    started = time.perf_counter()
    indexer = Indexer(database, embeddings)
    total = await indexer.waiting()
    await indexer.drain(lambda left: on_progress("index", total - left, total))
    index_s = time.perf_counter() - started
    search = Search(Index(database), IndexModels(database), {embeddings.name: embeddings}, reranking)
    everything = await access.scope_for(Audience(), None)
    channels = dict(zip(everything.channel_names, everything.channel_pks, strict=True))
    [(ends_at,)] = await database.fetch(LAST)
    reranker = reranking.name if reranking is not None else ""
    return Library(search, everything, channels, report.written, index_s, ends_at, reranker)


class Nameless:
    """An export whose messages say nothing of who wrote them: neither their words nor their units hold a name."""

    def __init__(self, export: Export) -> None:
        self.name = export.name
        self.bytes_total = export.bytes_total
        self._export = export

    @property
    def bytes_read(self) -> int:
        """How far reading is."""
        return self._export.bytes_read

    def entries(self) -> Iterator[Entry]:
        """Everything but people."""
        for entry in self._export.entries():
            match entry:
                case Posted(message):
                    yield Posted(replace(message, author=None, author_name=""))
                case Person():
                    continue
                case _:
                    yield entry
