"""Logs that cannot leak, and timings.

The rule: a log line holds an event name, ids, sizes and timings, never what somebody wrote and never a secret.
It is kept by an allow-list at the very end of the road, so that a careless call loses a key instead of a confidence.
Messages of libraries are written by others, from whatever they had at hand: of those only the place is logged.
"""

import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import PurePath
from types import TracebackType
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

NAME_KEYS = frozenset({
    # ids
    "question_id", "answer_id", "delivery_id", "job_id", "unit_id", "message_id", "message_pk", "channel_id",
    "channel_pk", "person_id", "workspace", "platform", "conversation_id", "migration",
    # names that we chose ourselves
    "command", "service", "step", "state", "outcome", "model", "adapter", "device", "version", "signal",
    # where something went wrong
    "error", "where", "logger", "level",
})  # fmt: skip
NUMBER_KEYS = frozenset({
    "attempt", "turns", "messages", "channels", "people", "passages", "lines", "units", "citations", "jobs", "rows",
    "texts", "vectors", "problems", "dropped", "restarts", "pid", "exit_code", "status", "rev", "port", "layers",
})  # fmt: skip
NUMBER_ENDINGS = ("_ms", "_seconds", "_bytes", "_chars", "_tokens", "_count")

EVENT_NAME = re.compile(r"[a-z][a-z0-9_]{2,47}")
NAME = re.compile(r"[\w:.@/+<>-]{1,128}", re.ASCII)
SECRET = re.compile(
    r"\b(?:xox[a-z]-|xapp-|sk-|hf_|ey[\w-]{10,}\.)|://[^/]*@|[\w-]{20,}\.[\w-]{5,}\.[\w-]{20,}",
    re.ASCII | re.IGNORECASE,
)
REMOVED = "removed"

_question_id: ContextVar[str | None] = ContextVar("question_id", default=None)


def setup_logging(level: str = "WARNING", *, json_lines: bool = False, stream: TextIO | None = None) -> None:
    """Send our log, and the warnings of libraries, to standard error.

    Args: `level` is a name of the standard library; `json_lines` makes each line one JSON object.
    Errors: `ValueError` for an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level} is no log level: use DEBUG, INFO, WARNING, ERROR or CRITICAL.")
    order = ["timestamp", "level", "event", "question_id"]
    structlog.configure(
        processors=[
            add_question_id,
            structlog.processors.add_log_level,
            keep_known_keys,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer()
            if json_lines
            else structlog.processors.LogfmtRenderer(key_order=order, drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Lossy(stream or sys.stderr))),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(LibraryHandler())
    root.setLevel(max(number, logging.WARNING))


def add_question_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the question that is being answered, if any."""
    if (question_id := _question_id.get()) is not None:
        event.setdefault("question_id", question_id)
    return event


def keep_known_keys(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop every key that is not known to hold an id, a size or a timing, and every value that does not look like one.

    An exception becomes its class name and its place: its text may quote anything.
    """
    if (error := _exception_in(event.pop("exc_info", None))) is not None:
        event["error"] = type(error).__name__
        event["where"] = _place(error.__traceback__)
    kept: EventDict = {}
    for key, value in event.items():
        if key == "event":
            kept[key] = value if isinstance(value, str) and EVENT_NAME.fullmatch(value) else REMOVED
        elif key in NAME_KEYS:
            kept[key] = _name(value)
        elif (key in NUMBER_KEYS or key.endswith(NUMBER_ENDINGS)) and isinstance(value, int | float):
            kept[key] = round(value, 3)
    return kept


@contextmanager
def question_logged(question_id: str) -> Iterator[None]:
    """Every line logged inside carries this question's id."""
    token = _question_id.set(question_id)
    try:
        yield
    finally:
        # An abandoned async generator is closed in another context, where there is nothing to take back.
        with suppress(ValueError):
            _question_id.reset(token)


class Stopwatch:
    """Milliseconds per named step; a step entered twice adds up."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._start = clock()
        self._steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what happens inside, also when it fails."""
        start = self._clock()
        try:
            yield
        finally:
            self._steps[name] = self.ms(name) + (self._clock() - start) * 1000

    def ms(self, name: str) -> float:
        """The time of one step so far; 0 when it was never entered."""
        return self._steps.get(name, 0.0)

    @property
    def total_ms(self) -> float:
        """The time since this stopwatch was made."""
        return (self._clock() - self._start) * 1000

    @property
    def steps_ms(self) -> dict[str, float]:
        """All steps so far, by name."""
        return dict(self._steps)


class _Lossy:
    """Where a log goes. A line that it cannot take, on a full disk or into a closed pipe, is lost; nothing else is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(line)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


class LibraryHandler(logging.Handler):
    """Turns a library's record into an event of ours: which library, which line of it, which error class."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record's place, never its message."""
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        structlog.get_logger().log(
            level,
            "library_message",
            logger=record.name,
            where=f"{record.module}:{record.lineno}",
            exc_info=record.exc_info,
        )


def _name(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if NAME.fullmatch(text) and not SECRET.search(text) else REMOVED


def _exception_in(exc_info: object) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, _):
            return error
        case None | False | (None, None, None):
            return None
        case _:
            return sys.exception()


def _place(traceback: TracebackType | None) -> str:
    if traceback is None:
        return "unknown"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{PurePath(traceback.tb_frame.f_code.co_filename).stem}:{traceback.tb_lineno}"
