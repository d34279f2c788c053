"""Commands that measure: eval."""

from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from bot.config import load_settings
from bot.terminal import out, print_json, progress, run
from bot.wiring import evaluation_embeddings, open_export, open_servers
from knowledge.database import Database, drop_database, ensure_database
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation.datasets import QuestionSet, read_question_set
from knowledge.evaluation.run import evaluate_retrieval
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


async def _measure(
    server_url: str, questions: QuestionSet, embeddings: ModelEmbeddings, *, ablate: bool
) -> list[dict[str, Any]]:
    name = f"threadlore_eval_{uuid4().hex[:12]}"
    url = await ensure_database(server_url, name)
    try:
        await migrate(url)
        export = open_export(questions.corpus, workspace=questions.name)
        with progress("") as bar:
            async with Database(url) as database:
                return await evaluate_retrieval(
                    database, questions, export, embeddings, ablate=ablate, on_progress=_Bars(bar, questions.name).show
                )
    finally:
        await drop_database(server_url, name)


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
