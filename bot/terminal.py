"""How commands speak: answers to standard output, notes and progress to standard error, errors as one sentence."""

import asyncio
import gc
import json
import logging
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from bot.errors import (
    EXIT_CONFIGURATION,
    EXIT_DEPENDENCY,
    EXIT_FAILED,
    BotError,
    KnowledgeDown,
    ModelUnavailable,
    StartupError,
)
from knowledge.errors import (
    EmbeddingUnavailable,
    IndexMismatch,
    KnowledgeError,
    KnowledgeUnavailable,
    SchemaMismatch,
)

INTERRUPTED = 130
SHOW_MORE = "THREADLORE_LOG_LEVEL=DEBUG shows where; please report it."

log = structlog.get_logger()

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs a command to its end; an error becomes one sentence and an exit code.

    What is imported by now stays for good. Left in sight, each full collection of garbage looks through it, for 120 to
    190 ms, while everybody waits; frozen, 2 to 4.
    """
    gc.freeze()
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except StartupError as error:
        fail(str(error), error.exit_code)
    except (KnowledgeError, BotError) as error:
        fail(str(error), exit_code(error))
    except typer.Exit:
        raise
    except Exception as error:
        if log.is_enabled_for(logging.DEBUG):
            raise
        log.exception("unexpected_error")
        fail(f"Something went wrong that should not ({type(error).__name__}). {SHOW_MORE}", EXIT_FAILED)


def exit_code(error: KnowledgeError | BotError) -> int:
    """69: a service is away. 78: the configuration cannot work. 1: the order could not be carried out."""
    match error:
        case KnowledgeUnavailable() | EmbeddingUnavailable() | ModelUnavailable() | KnowledgeDown():
            return EXIT_DEPENDENCY
        case SchemaMismatch() | IndexMismatch():
            return EXIT_CONFIGURATION
        case _:
            return EXIT_FAILED


def fail(sentence: str, code: int) -> NoReturn:
    """Says what is wrong and ends the command."""
    err.print(sentence, markup=False, highlight=False)
    raise typer.Exit(code)


def note(sentence: str) -> None:
    """A line beside the result: never on standard output, where another program may read."""
    err.print(sentence, markup=False, highlight=False, style="dim")


def print_json(document: object) -> None:
    """One JSON document on standard output and nothing else."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """The rate of one bar, once it is known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


@contextmanager
def progress(unit: str) -> Iterator[Progress]:
    """A progress bar with rate and time left, on standard error; nothing where that is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        Rate(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=False, disable=not err.is_terminal) as bar:
        yield bar
