"""What `--report` of every `threadlore eval` and `--trace` write: asked for before anything is measured."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from bot import __version__
from bot.errors import BadConfiguration, StartupError, UsageProblem
from bot.evaluation.engine_trace import run_of
from bot.evaluation.report import page

Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.html", help="Write a page with tables and pictures too."),
]


def check_report(path: Path | None, option: str = "--report") -> None:
    """Whether the page, or picture, can be written, before hours of measuring.

    Errors: `BadConfiguration`, `UsageProblem`.
    """
    if path is None:
        return
    if find_spec("matplotlib") is None:
        raise BadConfiguration(f"{option} draws with matplotlib, which is not installed: pip install threadlore[plots]")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageProblem(f"{option} {path}: give a file in a folder that is there.")


def draw_trace(trace: Path, picture: Path) -> None:
    """Draws the steps in this file. Errors: `StartupError`."""
    from bot.evaluation.plots import lanes  # without --trace the library need not be there

    run = run_of(trace.read_text(encoding="utf-8").splitlines())
    _write(picture, lanes(run).svg, "--trace")


def write_report(path: Path | None, kind: str, document: Mapping[str, Any]) -> None:
    """Writes the page of what `threadlore eval KIND --json` prints. Errors: `StartupError`."""
    if path is None:
        return
    from bot.evaluation.charts import pictures  # without --report the library need not be there

    made = f"Written by threadlore {__version__} on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
    drawn = [(picture.caption, picture.svg) for picture in pictures(kind, document)]
    _write(path, page(kind, document, drawn, made), "--report")


def _write(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StartupError(f"{path} cannot be written ({error.strerror}); give {option} another place.") from error
