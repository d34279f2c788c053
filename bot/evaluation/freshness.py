"""The work of `threadlore bench freshness`: from the moment something happens until a search says the same.

What happens goes through the door of live events while the indexer runs beside it, as under `threadlore run`. A
search is repeated until it finds the message, or no longer does.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.learning import Learning
from knowledge.access import Access
from knowledge.database import Database
from knowledge.embeddings import ModelEmbeddings
from knowledge.errors import KnowledgeUnavailable
from knowledge.evaluation.library import Progress
from knowledge.evaluation.metrics import percentile
from knowledge.evaluation.synthetic import Talk
from knowledge.index import Index
from knowledge.messages import Deleted, MessageRef, Posted, SourceMessage, Version
from knowledge.models import IndexModels
from knowledge.ports import EmbeddingModel
from knowledge.ranking import Switches
from knowledge.retriever import Search
from knowledge.scope import Audience, Scope

EVENTS = 100
AT_ONCE = 4
POLL_SECONDS = 0.005
PATIENCE_SECONDS = 120.0
LIMIT = 20
KINDS = ("post_to_lexical", "post_to_dense", "edit", "delete")
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Fixed:
    """An embedding model asked for one vector only, again and again: looking costs the indexer no time of the model."""

    def __init__(self, model: EmbeddingModel, vector: Sequence[float]) -> None:
        self.name = model.name
        self.dimension = model.dimension
        self._vector = list(vector)

    async def embed_query(self, _text: str) -> list[float]:
        """The one vector."""
        return self._vector

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Nothing is embedded here."""
        raise NotImplementedError(f"{len(texts)} texts, and no model")


@dataclass(slots=True)
class Times:
    """Milliseconds of each kind of happening."""

    of: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    async def until(self, kind: str, began: float, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Waits until a search says so. Errors: `KnowledgeUnavailable` where it never does."""
        while not await is_so():
            if time.perf_counter() - began > PATIENCE_SECONDS:
                raise KnowledgeUnavailable(
                    f"Search did not follow within {PATIENCE_SECONDS:.0f} s: see the log of the indexer."
                )
            await asyncio.sleep(POLL_SECONDS)
        self.of[kind].append((time.perf_counter() - began) * 1000)


class Watcher:
    """Posts, edits and deletes one message after the other, and looks for each."""

    def __init__(self, database: Database, learning: Learning, model: EmbeddingModel, scope: Scope) -> None:
        self._database = database
        self._learning = learning
        self._model = model
        self._scope = scope
        self.times = Times()

    async def follow(self, message: SourceMessage, number: int) -> None:
        """One message from its beginning to its end."""
        first, second = f"firstword{number}", f"secondword{number}"
        words = message.text
        message = replace(message, text=f"{words} {first}")
        near = await self._model.embed_query(message.text)
        began = time.perf_counter()
        await self._learning.observe([Posted(message)])
        await asyncio.gather(
            self.times.until("post_to_lexical", began, self._finds(message.ref, first)),
            self.times.until("post_to_dense", began, self._finds(message.ref, message.text, near)),
        )
        edited = replace(message, text=f"{words} {second}", version=Version(Decimal(number + 1)))
        by_old, by_new = self._finds(message.ref, first), self._finds(message.ref, second)

        async def is_changed() -> bool:
            return await by_new() and not await by_old()

        began = time.perf_counter()
        await self._learning.observe([Posted(edited)])
        await self.times.until("edit", began, is_changed)
        began = time.perf_counter()
        await self._learning.observe([Deleted(message.ref)])
        by_meaning = self._finds(message.ref, message.text, near)

        async def is_gone() -> bool:
            return not (await by_new() or await by_meaning())

        await self.times.until("delete", began, is_gone)

    def _finds(
        self, ref: MessageRef, question: str, vector: Sequence[float] | None = None
    ) -> Callable[[], Awaitable[bool]]:
        """Whether a search by words, or with a vector by meaning, finds the message."""
        model = ModelEmbeddings(Fixed(self._model, vector or ()))
        search = Search(Index(self._database), IndexModels(self._database), {model.name: model})
        by_meaning = vector is not None

        async def finds() -> bool:
            legs = Switches(lexical=not by_meaning, dense=by_meaning)
            found = await search.passages(question, self._scope, limit=LIMIT, switches=legs)
            return any(line.ref == ref for passage in found for line in passage.lines)

        return finds


async def measure_freshness(
    database: Database, learning: Learning, model: EmbeddingModel, events: int, on_progress: Progress
) -> dict[str, Any]:
    """Follows so many messages, some at a time, while the indexer runs elsewhere. Returns what `--json` prints."""
    talk = Talk(max(events, 40))
    access = Access(database)
    await access.record_channels(talk.channels)
    scope = await access.scope_for(Audience(), None)
    watcher = Watcher(database, learning, model, scope)
    turns, done = asyncio.Semaphore(AT_ONCE), 0
    messages = [one.message for day in talk.days() for one in day][:events]

    async def follow(number: int, message: SourceMessage) -> None:
        nonlocal done
        async with turns:
            await watcher.follow(replace(message, posted_at=datetime.now(UTC), thread_id=None), number)
        done += 1
        on_progress("follow messages", done, events)

    async with asyncio.TaskGroup() as group:
        for number, message in enumerate(messages):
            group.create_task(follow(number, message))
    of = watcher.times.of
    return {
        "events": events,
        **{
            f"{kind}_ms": {name: round(percentile(of[kind], share), 1) for name, share in SHARES.items()}
            for kind in KINDS
        },
    }
