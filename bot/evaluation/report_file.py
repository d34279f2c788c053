"""The option `--report` of every `threadlore eval`: asked for before anything is measured, written when it is done."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from bot import __version__
from bot.errors import BadConfiguration, StartupError, UsageProblem
from bot.evaluation.report import page

Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.html", help="Write a page with tables and pictures too."),
]


def check_report(path: Path | None) -> None:
    """Whether the page can be written, before hours of measuring. Errors: `BadConfiguration`, `UsageProblem`."""
    if path is None:
        return
    if find_spec("matplotlib") is None:
        raise BadConfiguration("--report draws with matplotlib, which is not installed: pip install threadlore[plots]")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageProblem(f"--report {path}: give a file in a folder that is there.")


def write_report(path: Path | None, kind: str, document: Mapping[str, Any]) -> None:
    """Writes the page of what `threadlore eval KIND --json` prints. Errors: `StartupError`."""
    if path is None:
        return
    from bot.evaluation.charts import pictures  # without --report the library need not be there

    made = f"Written by threadlore {__version__} on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
    drawn = [(picture.caption, picture.svg) for picture in pictures(kind, document)]
    try:
        path.write_text(page(kind, document, drawn, made), encoding="utf-8")
    except OSError as error:
        raise StartupError(f"{path} cannot be written ({error.strerror}); give --report another place.") from error
