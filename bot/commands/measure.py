"""Commands that measure: eval."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from bot.config import load_settings
from bot.evaluation.abstention import abstention_document, judged
from bot.evaluation.answers import Told, answers_document, said_to
from bot.sufficiency import sufficiency_for
from bot.terminal import out, print_json, progress, run
from bot.wiring import chain_parts, chat_of, evaluation_embeddings, open_export, open_servers
from knowledge.database import Database, drop_database, ensure_database
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation.datasets import QuestionSet, read_any_set, read_question_set
from knowledge.evaluation.library import Progress as ProgressOf
from knowledge.evaluation.library import stocked
from knowledge.evaluation.run import evaluate_retrieval
from knowledge.index import Index
from knowledge.migrate import migrate

evaluate = typer.Typer(help="Measure the bot on question sets.", no_args_is_help=True)


@evaluate.callback()
def _group() -> None:
    """Measure the bot on question sets."""


@evaluate.command()
def retrieval(
    data: Annotated[
        list[Path], typer.Option(help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv; repeatable.")
    ],
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Measure again with one part switched off at a time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """How well the right messages are found, each set in a fresh database."""

    async def work() -> None:
        settings = load_settings()
        sets = [read_question_set(folder) for folder in data]
        entries: list[dict[str, Any]] = []
        async with open_servers(settings) as servers, evaluation_embeddings(settings) as embeddings:
            for questions in sets:
                entries += await _measure(servers.database_url, questions, embeddings, ablate=ablate)
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(_table(entries))

    run(work())


@evaluate.command()
def abstention(
    data: Annotated[
        list[Path], typer.Option(help="Folder with records.jsonl, or with corpus.jsonl and queries.jsonl; repeatable.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """How often the bot says that it does not know where it should, and where it should not."""

    async def work() -> None:
        settings = load_settings()
        entries: list[dict[str, Any]] = []
        async with open_servers(settings) as servers, evaluation_embeddings(settings) as embeddings:
            test = sufficiency_for(embeddings.name, settings.answer.decline_below, settings.answer.warn_below)
            for folder in data:
                with TemporaryDirectory() as scratch:
                    questions = read_any_set(folder, Path(scratch))
                    async with _fresh(servers.database_url) as database, _bars(questions.name) as show:
                        export = open_export(questions.corpus, workspace=questions.name)
                        library = await stocked(database, export, embeddings, show)
                        seen = await judged(library, questions, test, settings.answer.passages, show)
                entries.append(abstention_document(questions.name, seen, settings.answer.decline_below))
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(_abstention_table(entries))

    run(work())


@evaluate.command()
def answers(
    data: Annotated[list[Path], typer.Option(help="Folder as for retrieval, with answers; repeatable.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """How well the whole bot answers: its words, and what it cites. Takes as long as the model needs."""

    async def work() -> None:
        settings = load_settings()
        entries: list[dict[str, Any]] = []
        sets = [read_question_set(folder) for folder in data]
        async with (
            AsyncExitStack() as stack,
            open_servers(settings) as servers,
            evaluation_embeddings(settings) as embeddings,
        ):
            chat = await chat_of(settings, stack)
            for questions in sets:
                async with _fresh(servers.database_url) as database, _bars(questions.name) as show:
                    export = open_export(questions.corpus, workspace=questions.name)
                    library = await stocked(database, export, embeddings, show)
                    parts = chain_parts(
                        settings, chat, library.search, Index(database), Told(), embedding_name=embeddings.name
                    )
                    said = await said_to(parts, library, questions, show)
                entries.append(answers_document(questions.name, said, chat.name))
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(_answers_table(entries))

    run(work())


async def _measure(
    server_url: str, questions: QuestionSet, embeddings: ModelEmbeddings, *, ablate: bool
) -> list[dict[str, Any]]:
    export = open_export(questions.corpus, workspace=questions.name)
    async with _fresh(server_url) as database, _bars(questions.name) as show:
        return await evaluate_retrieval(database, questions, export, embeddings, ablate=ablate, on_progress=show)


@asynccontextmanager
async def _fresh(server_url: str) -> AsyncIterator[Database]:
    """A database of its own, gone afterwards."""
    name = f"threadlore_eval_{uuid4().hex[:12]}"
    url = await ensure_database(server_url, name)
    try:
        await migrate(url)
        async with Database(url) as database:
            yield database
    finally:
        await drop_database(server_url, name)


@asynccontextmanager
async def _bars(name: str) -> AsyncIterator[ProgressOf]:
    with progress("") as bar:
        yield _Bars(bar, name).show


class _Bars:
    """One bar for each step of one set."""

    def __init__(self, bar: Progress, name: str) -> None:
        self._bar = bar
        self._name = name
        self._tasks: dict[str, TaskID] = {}

    def show(self, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(f"{self._name}: {step}", total=total or None)
        self._bar.update(self._tasks[step], completed=done, total=total or None)


def _table(entries: list[dict[str, Any]]) -> Table:
    table = Table("set", "without", "n", "line R@5", "line nDCG@10", "line hit@10", "unit hit@10", "p50 ms", "p95 ms")
    for entry in entries:
        line, unit, ms = entry["line"], entry["unit"], entry["query_ms"]
        figures = (line["recall@5"], line["ndcg@10"], line["hit@10"], unit["hit@10"])
        shown = [f"{figure:.3f}" for figure in figures] + [f"{ms['p50']:.1f}", f"{ms['p95']:.1f}"]
        table.add_row(entry["name"], entry.get("without", ""), str(entry["queries"]), *shown)
    return table


def _abstention_table(entries: list[dict[str, Any]]) -> Table:
    table = Table("set", "unanswerable", "refused", "answerable", "falsely refused", "AUROC")
    for entry in entries:
        shares = [f"{entry[key]:.3f}" for key in ("refused", "falsely_refused", "auroc")]
        table.add_row(
            entry["name"], str(entry["unanswerable"]), shares[0], str(entry["answerable"]), shares[1], shares[2]
        )
    return table


def _answers_table(entries: list[dict[str, Any]]) -> Table:
    columns = ("em", "f1", "rouge_l", "citation_precision", "citation_recall", "unsupported_sentences", "declined")
    table = Table("set", "n", *(column.replace("_", " ") for column in columns))
    for entry in entries:
        table.add_row(entry["name"], str(entry["n"]), *(f"{entry[column]:.3f}" for column in columns))
    return table
