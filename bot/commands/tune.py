"""The command that fits the engine's settings to this machine: models tune."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from bot.config import load_settings
from bot.errors import BadConfiguration
from bot.evaluation.tuning import Order, tune
from bot.generation.loading import check_gguf
from bot.generation.model_files import FileType, chat_file, default_chat_model
from bot.generation.sequence import ModelSpec
from bot.models import TUNABLE
from bot.terminal import note, out, print_json, progress, run
from bot.tuned import Values, chosen, identity, keep, this_machine
from bot.wiring import chat_spec_of, home_of

group = typer.Typer()

TRIED: tuple[FileType, ...] = ("q8_0", "f16")


@group.command(name="tune")
def tune_model(
    rounds: Annotated[
        int, typer.Option(min=1, max=50, help="How often each value is measured; 3 at least to change it.")
    ] = 3,
    tokens: Annotated[int, typer.Option(min=64, max=8000, help="Length of a prompt; a slow model gets less.")] = 512,
    seconds: Annotated[float, typer.Option(min=0, help="After so long nothing more is tried.")] = 120.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure which settings the chat model is fastest with on this machine, and use them from the next start on."""

    async def work() -> None:
        settings = load_settings()
        spec, home = chat_spec_of(settings), home_of(settings)
        if spec.url is not None:
            raise BadConfiguration("THREADLORE_MODEL__URL: a model on a server is tuned there; unset it.")
        path = spec.path or default_chat_model(home)
        check_gguf(path)
        start = spec.model_spec(path)

        def spec_of(values: Values) -> ModelSpec:
            named = {name: value for name, value in asdict(values).items() if name in TUNABLE}
            return replace(start, path=str(spec.path or default_chat_model(home, values.file_type)), **named)

        order = Order(
            spec_of,
            start,
            identity(spec.path),
            this_machine(),
            built_in=spec.path is None and spec.sha256 is None,
            fixed=spec.given & TUNABLE,
            rounds=rounds,
            tokens=tokens,
            seconds=seconds,
        )
        with progress("settings") as bar, _only_what_is_taken(home) as taken:
            task = bar.add_task("loading the model")
            result = await tune(
                order, lambda name, done, total: bar.update(task, description=name, completed=done, total=total)
            )
            if not dry_run:
                taken.append(chat_file(home, result.tuned.values.file_type))
        file = None if dry_run else keep(result.tuned, home)
        document = {**result.document, "file": str(file) if file else None}
        if as_json:
            print_json(document)
            return
        out.print(_table(document))
        values = chosen(result.tuned, {})
        out.print(", ".join(f"{name} {value}" for name, value in values.items()), highlight=False)
        out.print(
            f"Reads {document['prefill_tokens_per_s']} and writes {document['decode_tokens_per_s']} tokens a second.",
            highlight=False,
        )
        note(f"Used from the next start on; written to {file}." if file else "Nothing was written.")

    run(work())


@contextmanager
def _only_what_is_taken(home: Path) -> Iterator[list[Path]]:
    """The built-in model was written in other numbers to be measured; what is not put on the list goes again."""
    made = [path for path in (chat_file(home, one) for one in TRIED) if not path.exists()]
    taken: list[Path] = []
    try:
        yield taken
    finally:
        for path in made:
            if path not in taken:
                path.unlink(missing_ok=True)


def _table(document: dict[str, Any]) -> Table:
    """One row for each value that was tried; time over that of the value before."""
    table = Table("setting", "value", "read tokens/s", "written tokens/s", "time", "", title=document["model"])
    for tried in document["tried"]:
        if tried["note"]:
            table.add_row(tried["setting"], "", "", "", "", tried["note"])
        for row in tried["values"]:
            figures = (row["prefill_tokens_per_s"], row["decode_tokens_per_s"], row["time_ratio"])
            shown = ("" if figure is None else str(figure) for figure in figures)
            failed = row["prefill_tokens_per_s"] is None and row["decode_tokens_per_s"] is None
            remark = "does not run here" if failed else "taken" if row["chosen"] else ""
            table.add_row(tried["setting"], str(row["value"]), *shown, remark)
    return table
