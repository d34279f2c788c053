"""Threadlore's search beside what people would use in its place, on the same sets in the same run: `make beside`.

python -m tests.beside.run --data DIR [--data DIR…] [--every 4] [--without langchain-messages] [--json]
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bot.config import load_settings
from bot.evaluation.laboratory import stocked_with
from bot.telemetry import setup_logging
from bot.terminal import out, print_json, run
from bot.wiring import evaluation_embeddings, open_servers
from knowledge.evaluation.datasets import read_question_set
from tests.beside.comparison import compared

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[list[Path], typer.Option(help="Folder of a question set; repeatable.")],
    without: Annotated[
        list[str], typer.Option(help="langchain-messages or langchain-units: texts that would take long to embed.")
    ] = [],  # noqa: B006 - Typer copies it
    every: Annotated[int, typer.Option(min=1, help="Only every n-th question of each set.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measures each way on each set, in a fresh database."""

    async def work():
        settings = load_settings()
        whole = [read_question_set(folder) for folder in data]
        sets = [replace(one, queries=tuple(query for query in one.queries if query.relevant)[::every]) for one in whole]
        entries = []
        async with open_servers(settings) as servers, evaluation_embeddings(settings) as embeddings:
            for questions in sets:
                async with stocked_with(servers.database_url, questions, embeddings) as bench:
                    entries.append(await compared(bench, questions, embeddings, without))
        if as_json:
            print_json({"sets": entries})
        else:
            out.print(table(entries))

    run(work())


def table(entries):
    """One row for each way on each set."""
    names = (
        "set",
        "way",
        "n",
        "line R@5",
        "line nDCG@10",
        "ours less it (95 %)",
        "line hit@10",
        "unit hit@10",
        "p50 ms",
    )
    shown = Table(*names, "p95 ms")
    for entry in entries:
        for way in entry["ways"]:
            line, unit, ms = way["line"], way["unit"], way["query_ms"]
            apart = way.get("ours_minus_it", {}).get("ndcg@10")
            interval = f"{apart['mean']:+.3f} ({apart['low']:+.3f} to {apart['high']:+.3f})" if apart else ""
            figures = [f"{line['recall@5']:.3f}", f"{line['ndcg@10']:.3f}", interval, f"{line['hit@10']:.3f}"]
            times = [f"{unit['hit@10']:.3f}", f"{ms['p50']:.1f}", f"{ms['p95']:.1f}"]
            shown.add_row(entry["name"], way["way"], str(entry["queries"]), *figures, *times)
    return shown


if __name__ == "__main__":
    setup_logging()
    app()
