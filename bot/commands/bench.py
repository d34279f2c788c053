"""Commands that measure speed: bench."""

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated, Any
from uuid import uuid4

import typer

from bot.config import load_settings
from bot.evaluation.freshness import EVENTS, measure_freshness
from bot.evaluation.indexing import measure_indexing
from bot.evaluation.laboratory import bars, fresh_database
from bot.evaluation.tables import freshness_table, growth_table, indexing_table
from bot.terminal import out, print_json, run
from bot.wiring import embedding_of, open_app, open_servers
from knowledge.database import Database, drop_database, ensure_database
from knowledge.evaluation.clocked import Clocked
from knowledge.evaluation.growth import QUERIES, measure_growth
from knowledge.evaluation.synthetic import Talk

bench = typer.Typer(help="Measure how fast the bot is, on made-up talk.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@bench.callback()
def _group() -> None:
    """Measure how fast the bot is, on made-up talk."""


@bench.command()
def retrieval(
    messages: Annotated[int, typer.Option(min=1, help="How many messages to search through.")] = 100_000,
    queries: Annotated[int, typer.Option(min=1, help="How many questions to ask of each scope.")] = QUERIES,
    as_json: AsJson = False,
) -> None:
    """How fast and how complete search is, with scopes from a thousandth to all. Vectors are made up."""

    async def work() -> None:
        settings = load_settings()
        async with AsyncExitStack() as stack:
            dimension = (await embedding_of(settings, stack)).dimension
        async with open_servers(settings) as servers, fresh_database(servers.database_url) as database:
            with bars(f"{messages:,} messages") as show:
                async with Clocked(database.url) as clocked:
                    document = await measure_growth(clocked, Talk(messages), dimension, queries, show)
        _tell(document, growth_table(document), as_json=as_json)

    run(work())


@bench.command()
def index(
    messages: Annotated[int, typer.Option(min=1, help="How many messages to import and index.")] = 500,
    as_json: AsJson = False,
) -> None:
    """How fast an import is found by words and by meaning, beside the embedding model alone."""

    async def work() -> None:
        settings = load_settings()
        async with (
            AsyncExitStack() as stack,
            open_servers(settings) as servers,
            fresh_database(servers.database_url) as database,
        ):
            model = await embedding_of(settings, stack)
            with bars(f"{messages:,} messages") as show:
                document = await measure_indexing(database, Talk(messages), model, show)
        _tell(document, indexing_table(document), as_json=as_json)

    run(work())


@bench.command()
def freshness(
    events: Annotated[int, typer.Option(min=1, help="How many messages to post, edit and delete.")] = EVENTS,
    as_json: AsJson = False,
) -> None:
    """How soon search follows what is posted, edited and deleted, the indexer running as under `threadlore run`."""

    async def work() -> None:
        settings = load_settings()
        name = f"threadlore_bench_{uuid4().hex[:12]}"
        async with open_servers(settings) as servers:
            try:
                url = await ensure_database(servers.database_url, name)
                async with open_app(settings, database=name, adapters=()) as app, Database(url) as database:
                    indexing = asyncio.create_task(app.indexer.run())
                    try:
                        with bars(f"{events:,} events") as show:
                            document = await measure_freshness(database, app.learning, app.embedder, events, show)
                    finally:
                        indexing.cancel()
                        await asyncio.gather(indexing, return_exceptions=True)
            finally:
                await drop_database(servers.database_url, name)
        _tell(document, freshness_table(document), as_json=as_json)

    run(work())


def _tell(document: dict[str, Any], table: object, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        out.print(table)
