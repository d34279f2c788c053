"""The command that measures the generation engine: bench engine."""

from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.table import Table

from bot.config import load_settings
from bot.errors import BadConfiguration
from bot.evaluation.engine_speed import measured
from bot.evaluation.report_file import check_report, draw_trace
from bot.terminal import out, print_json, progress, run
from bot.wiring import chat_of

group = typer.Typer()


@group.command()
def engine(
    concurrency: Annotated[str, typer.Option(help="How many ask at once; several numbers, with commas.")] = "1,4,8",
    prompt_tokens: Annotated[int, typer.Option(min=200, max=8000, help="Length of a prompt.")] = 600,
    new_tokens: Annotated[int, typer.Option(min=2, max=1000, help="Length of an answer.")] = 64,
    *,
    server: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="llama.cpp's llama-server, to be asked the same.")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--trace", metavar="FILE.svg", help="Draw what was done in each step of the last run."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """How fast many are answered at once, against the same prompts one after another."""
    askers = _numbers(concurrency)

    async def work() -> None:
        check_report(picture, "--trace")
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(TemporaryDirectory(prefix="threadlore-trace-"))
            trace = None if picture is None else Path(folder, "steps")
            chat = await chat_of(load_settings(), stack)
            if chat.engine is None:
                raise BadConfiguration("THREADLORE_MODEL__URL: a model on a server is measured there; unset it.")
            with progress("runs") as shown:
                task = shown.add_task("Asking", total=(2 if server is None else 3) * len(askers))
                document = await measured(
                    chat.engine.spec,
                    askers,
                    prompt_tokens,
                    new_tokens,
                    lambda: shown.advance(task),
                    server=server,
                    trace=trace,
                )
            if picture is not None and trace is not None:
                draw_trace(trace, picture)
        if as_json:
            print_json(document)
            return
        columns = "askers|new tokens/s|one by one|ratio|first p95 ms|one by one|ratio"
        columns += "" if server is None else "|llama-server/s|ratio|first p95 ms|ratio"
        table = Table(*columns.split("|"), title="Engine")
        for one in document["runs"]:
            ours, serial = one["ours"], one["serial"]
            speed = (ours["tokens_per_s"], serial["tokens_per_s"], one["throughput_ratio"])
            first = (ours["ttft_ms"]["p95"], serial["ttft_ms"]["p95"], one["ttft_p95_ratio"])
            theirs = _theirs(one) if server is not None else ()
            table.add_row(str(one["concurrency"]), *(str(figure) for figure in (*speed, *first, *theirs)))
        out.print(table)

    run(work())


def _theirs(run: dict[str, Any]) -> tuple[float, ...]:
    theirs = run["server"]
    return (
        *(theirs["tokens_per_s"], run["server_throughput_ratio"]),
        *(theirs["ttft_ms"]["p95"], run["server_ttft_p95_ratio"]),
    )


def _numbers(text: str) -> list[int]:
    try:
        askers = [int(one) for one in text.split(",")]
    except ValueError:
        askers = []
    if not askers or not all(1 <= one <= 64 for one in askers):  # noqa: PLR2004 -- as many as a person would try
        raise typer.BadParameter("numbers from 1 to 64 with commas between, such as 1,4,8", param_hint="--concurrency")
    return askers
