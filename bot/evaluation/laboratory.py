"""Where commands measure: a database of its own, gone afterwards, empty or stocked with a question set."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from uuid import uuid4

from rich.progress import Progress, TaskID

from bot.terminal import progress
from bot.wiring import open_export
from knowledge.database import Database, drop_database, ensure_database
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation.datasets import QuestionSet
from knowledge.evaluation.library import Library, Nameless, stocked
from knowledge.evaluation.library import Progress as ProgressOf
from knowledge.migrate import migrate
from knowledge.reranking import Reranking


@dataclass(frozen=True, slots=True)
class Bench:
    """A question set, ready to be asked. `show` drives the bars of the set."""

    database: Database
    library: Library
    show: ProgressOf


@asynccontextmanager
async def stocked_with(
    server_url: str,
    questions: QuestionSet,
    embeddings: ModelEmbeddings,
    *,
    speaker: bool = True,
    reranking: Reranking | None = None,
) -> AsyncIterator[Bench]:
    """Imports and indexes one set into a fresh database; without `speaker`, as if nobody had signed anything.

    Errors: `UnreadableSource`, `KnowledgeUnavailable`.
    """
    async with fresh_database(server_url) as database:
        with bars(questions.name) as show:
            signed = open_export(questions.corpus, workspace=questions.name)
            export = signed if speaker else Nameless(signed)
            yield Bench(database, await stocked(database, export, embeddings, show, reranking), show)


@asynccontextmanager
async def fresh_database(server_url: str) -> AsyncIterator[Database]:
    """An empty, migrated database on this server."""
    name = f"threadlore_eval_{uuid4().hex[:12]}"
    url = await ensure_database(server_url, name)
    try:
        await migrate(url)
        async with Database(url) as database:
            yield database
    finally:
        await drop_database(server_url, name)


@contextmanager
def bars(name: str) -> Iterator[ProgressOf]:
    """One bar for each step of what has this name."""
    with progress("") as bar:
        yield _Bars(bar, name).show


class _Bars:
    """A bar is added when its step is first told of."""

    def __init__(self, bar: Progress, name: str) -> None:
        self._bar = bar
        self._name = name
        self._tasks: dict[str, TaskID] = {}

    def show(self, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(f"{self._name}: {step}", total=total or None)
        self._bar.update(self._tasks[step], completed=done, total=total or None)
