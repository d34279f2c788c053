"""Commands that measure what the whole bot says, asking the model: eval answers, eval injection."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from bot.chain import Parts
from bot.config import Settings, load_settings
from bot.evaluation.answers import Told, answers_document, said_to
from bot.evaluation.injection import Bot, Outcome, injection_document, withstood
from bot.evaluation.injection_set import read_injection_set, write_corpus
from bot.evaluation.laboratory import Bench, stocked_with
from bot.evaluation.report_file import Report, check_report, write_report
from bot.evaluation.tables import answers_table, injection_table
from bot.models import ChatModel
from bot.platform_wiring import posted_on_platforms
from bot.terminal import out, print_json, run
from bot.wiring import chain_parts, chat_of, evaluation_embeddings, evaluation_reranking, open_servers
from knowledge.evaluation.datasets import QuestionSet, read_question_set
from knowledge.index import Index

group = typer.Typer()


def _parts(settings: Settings, chat: ChatModel, bench: Bench, embedding_name: str) -> Parts:
    """The product's chain over a stocked library; each question brings its own past."""
    search, index = bench.library.search, Index(bench.database)
    steady = replace(chat, learns=False)  # what is asked late gets the same prompt as what is asked early
    return chain_parts(settings, steady, search, index, Told(), embedding_name=embedding_name)


@group.command()
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
            reranking = await evaluation_reranking(settings, stack)
            for questions in sets:
                async with stocked_with(servers.database_url, questions, embeddings, reranking=reranking) as bench:
                    parts = _parts(settings, chat, bench, embeddings.name)
                    said = await said_to(parts, bench.library, questions, bench.show)
                entries.append(answers_document(questions.name, said, chat.name))
        write_report(report, "answers", {"sets": entries})
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(answers_table(entries))

    run(work())


@group.command()
def injection(
    data: Annotated[list[Path], typer.Option(help="Folder with cases.jsonl, and contexts.jsonl if any; repeatable.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many cases and clean documents of a folder, spread evenly.")
    ] = None,
    ablate: Annotated[bool, typer.Option("--ablate", help="Ask the cases without the guard, too.")] = False,
    report: Report = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """What an instruction hidden in a document makes the bot do. Asks the model: some seconds for each document."""

    async def work() -> None:
        check_report(report)
        settings = load_settings()
        outcomes: list[Outcome] = []
        sets = [read_injection_set(folder).every_nth(limit) for folder in data]
        async with (
            AsyncExitStack() as stack,
            open_servers(settings) as servers,
            evaluation_embeddings(settings) as embeddings,
        ):
            chat = await chat_of(settings, stack)
            reranking = await evaluation_reranking(settings, stack)
            for chosen in sets:
                with TemporaryDirectory() as scratch:
                    corpus = Path(scratch) / "documents.jsonl"
                    write_corpus(chosen.documents, corpus)
                    async with stocked_with(
                        servers.database_url, QuestionSet(chosen.name, corpus), embeddings, reranking=reranking
                    ) as bench:
                        parts = _parts(settings, chat, bench, embeddings.name)
                        bot = Bot(parts, bench.library, chosen.documents)
                        outcomes.append(await withstood(bot, chosen, posted_on_platforms, bench.show, bare=ablate))
        document = injection_document(outcomes, chat.name)
        write_report(report, "injection", document)
        if as_json:
            print_json(document)
        else:
            out.print(injection_table(document))

    run(work())
