"""Commands that measure the search, without a model that answers: eval retrieval, eval abstention."""

from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from bot.config import load_settings
from bot.evaluation.abstention import abstention_document, judged
from bot.evaluation.laboratory import stocked_with
from bot.evaluation.report_file import Report, check_report, write_report
from bot.evaluation.retrieval import measured
from bot.evaluation.tables import abstention_table, retrieval_table
from bot.sufficiency import sufficiency_for
from bot.terminal import out, print_json, run
from bot.wiring import evaluation_embeddings, evaluation_reranking, open_servers
from knowledge.evaluation.datasets import read_any_set, read_question_set
from knowledge.evaluation.run import PARTS, RERANK

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
    report: Report = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """How well the right messages are found, each set in a fresh database."""

    async def work() -> None:
        check_report(report)
        settings = load_settings()
        sets = [read_question_set(folder) for folder in data]
        entries: list[dict[str, Any]] = []
        async with (
            AsyncExitStack() as stack,
            open_servers(settings) as servers,
            evaluation_embeddings(settings) as embeddings,
        ):
            reranking = await evaluation_reranking(settings, stack)
            parts = (*PARTS, *([RERANK] if reranking is not None else [])) if ablate else ()
            for questions in sets:
                entries += await measured(servers.database_url, questions, embeddings, parts, reranking)
        write_report(report, "retrieval", {"sets": entries})
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(retrieval_table(entries))

    run(work())


@evaluate.command()
def abstention(
    data: Annotated[
        list[Path], typer.Option(help="Folder with records.jsonl, or with corpus.jsonl and queries.jsonl; repeatable.")
    ],
    report: Report = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """How often the bot says that it does not know where it should, and where it should not."""

    async def work() -> None:
        check_report(report)
        settings = load_settings()
        entries: list[dict[str, Any]] = []
        async with (
            AsyncExitStack() as stack,
            open_servers(settings) as servers,
            evaluation_embeddings(settings) as embeddings,
        ):
            reranking = await evaluation_reranking(settings, stack)
            test = sufficiency_for(embeddings.name, settings.answer.decline_below, settings.answer.warn_below)
            for folder in data:
                with TemporaryDirectory() as scratch:
                    questions = read_any_set(folder, Path(scratch))
                    async with stocked_with(servers.database_url, questions, embeddings, reranking=reranking) as bench:
                        seen = await judged(bench.library, questions, test, settings.answer.passages, bench.show)
                entries.append(abstention_document(questions.name, seen, settings.answer.decline_below))
        write_report(report, "abstention", {"sets": entries})
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(abstention_table(entries))

    run(work())
