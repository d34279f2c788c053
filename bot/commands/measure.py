"""Commands that measure: eval."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from bot.config import load_settings
from bot.evaluation.abstention import abstention_document, judged
from bot.evaluation.answers import Told, answers_document, said_to
from bot.evaluation.laboratory import bars, stocked_with
from bot.evaluation.own_set import check_folder, label_talk
from bot.evaluation.report_file import Report, check_report, write_report
from bot.evaluation.tables import abstention_table, answers_table, retrieval_table
from bot.questions import the_channel
from bot.sufficiency import sufficiency_for
from bot.terminal import note, out, print_json, run
from bot.wiring import chain_parts, chat_of, evaluation_embeddings, open_archive, open_servers
from knowledge.access import Access
from knowledge.evaluation.datasets import read_any_set, read_question_set
from knowledge.evaluation.run import evaluate_retrieval
from knowledge.index import Index

KEEP_IT_SAFE = "{} holds text of messages, which `threadlore forget` does not reach: remove it when it is not needed."

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
        async with open_servers(settings) as servers, evaluation_embeddings(settings) as embeddings:
            for questions in sets:
                async with stocked_with(servers.database_url, questions, embeddings) as bench:
                    entries += await evaluate_retrieval(
                        bench.library, questions, embeddings.name, ablate=ablate, on_progress=bench.show
                    )
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
        async with open_servers(settings) as servers, evaluation_embeddings(settings) as embeddings:
            test = sufficiency_for(embeddings.name, settings.answer.decline_below, settings.answer.warn_below)
            for folder in data:
                with TemporaryDirectory() as scratch:
                    questions = read_any_set(folder, Path(scratch))
                    async with stocked_with(servers.database_url, questions, embeddings) as bench:
                        seen = await judged(bench.library, questions, test, settings.answer.passages, bench.show)
                entries.append(abstention_document(questions.name, seen, settings.answer.decline_below))
        write_report(report, "abstention", {"sets": entries})
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(abstention_table(entries))

    run(work())


@evaluate.command()
def answers(
    data: Annotated[list[Path], typer.Option(help="Folder as for retrieval, with answers; repeatable.")],
    report: Report = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """How well the whole bot answers: its words, and what it cites. Takes as long as the model needs."""

    async def work() -> None:
        check_report(report)
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
                async with stocked_with(servers.database_url, questions, embeddings) as bench:
                    parts = chain_parts(
                        settings,
                        chat,
                        bench.library.search,
                        Index(bench.database),
                        Told(),
                        embedding_name=embeddings.name,
                    )
                    said = await said_to(parts, bench.library, questions, bench.show)
                entries.append(answers_document(questions.name, said, chat.name))
        write_report(report, "answers", {"sets": entries})
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(answers_table(entries))

    run(work())


@evaluate.command()
def label(
    folder: Annotated[Path, typer.Option("--out", help="Folder to write the question set to; new or empty.")],
    since: Annotated[datetime | None, typer.Option(help="Only questions asked from this day on.")] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="This channel, a private one too, instead of all public ones; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many questions.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a question set of your own: from answers called helpful, and threads with an accepted reply."""

    async def work() -> None:
        check_folder(folder)
        day = since.replace(tzinfo=since.tzinfo or UTC) if since is not None else None
        async with open_archive(load_settings()) as database:
            named = [await the_channel(Access(database), name) for name in channel] if channel else None
            with bars("label") as show:
                made = await label_talk(database, folder, named=named, since=day, limit=limit, on_progress=show)
        if as_json:
            print_json(made)
        else:
            out.print(
                f"{made['questions']} questions, {made['from_feedback']} from feedback and {made['from_threads']} from "
                f"threads, of {made['found']} found; {made['messages']} messages of {made['channels']} channels. "
                f"{made['unhelpful']} questions whose answer did not help were left out.",
                markup=False,
                highlight=False,
            )
        note(KEEP_IT_SAFE.format(folder))

    run(work())
