"""Commands that measure: eval."""

from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from bot.config import load_settings
from bot.evaluation.abstention import abstention_document, judged
from bot.evaluation.answers import Told, answers_document, said_to
from bot.evaluation.injection import Bot, Outcome, injection_document, withstood
from bot.evaluation.injection_set import read_injection_set, write_corpus
from bot.evaluation.laboratory import stocked_with
from bot.evaluation.tables import abstention_table, answers_table, injection_table, retrieval_table
from bot.platform_wiring import posted_on_platforms
from bot.sufficiency import sufficiency_for
from bot.terminal import out, print_json, run
from bot.wiring import chain_parts, chat_of, evaluation_embeddings, open_servers
from knowledge.evaluation.datasets import QuestionSet, read_any_set, read_question_set
from knowledge.evaluation.run import evaluate_retrieval
from knowledge.index import Index

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
                async with stocked_with(servers.database_url, questions, embeddings) as bench:
                    entries += await evaluate_retrieval(
                        bench.library, questions, embeddings.name, ablate=ablate, on_progress=bench.show
                    )
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
                    async with stocked_with(servers.database_url, questions, embeddings) as bench:
                        seen = await judged(bench.library, questions, test, settings.answer.passages, bench.show)
                entries.append(abstention_document(questions.name, seen, settings.answer.decline_below))
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(abstention_table(entries))

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
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(answers_table(entries))

    run(work())


@evaluate.command()
def injection(
    data: Annotated[list[Path], typer.Option(help="Folder with cases.jsonl, and contexts.jsonl if any; repeatable.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many cases and clean documents of a folder, spread evenly.")
    ] = None,
    ablate: Annotated[bool, typer.Option("--ablate", help="Ask the cases without the guard, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """What an instruction hidden in a document makes the bot do. Asks the model: some seconds for each document."""

    async def work() -> None:
        settings = load_settings()
        outcomes: list[Outcome] = []
        sets = [read_injection_set(folder).every_nth(limit) for folder in data]
        async with (
            AsyncExitStack() as stack,
            open_servers(settings) as servers,
            evaluation_embeddings(settings) as embeddings,
        ):
            chat = await chat_of(settings, stack)
            for chosen in sets:
                with TemporaryDirectory() as scratch:
                    corpus = Path(scratch) / "documents.jsonl"
                    write_corpus(chosen.documents, corpus)
                    async with stocked_with(
                        servers.database_url, QuestionSet(chosen.name, corpus), embeddings
                    ) as bench:
                        parts = chain_parts(
                            settings,
                            chat,
                            bench.library.search,
                            Index(bench.database),
                            Told(),
                            embedding_name=embeddings.name,
                        )
                        bot = Bot(parts, bench.library, chosen.documents)
                        outcomes.append(await withstood(bot, chosen, posted_on_platforms, bench.show, bare=ablate))
        document = injection_document(outcomes, chat.name)
        if as_json:
            print_json(document)
        else:
            out.print(injection_table(document))

    run(work())
