"""Reads attached files: Unicode text here, everything that needs a parser in a child process."""

import asyncio
import codecs
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

import bot
from bot.attachments.content import Kind, kind_of, tidy, unicode_text

log = structlog.get_logger()

CHILD = (sys.executable, "-P", "-m", "bot.attachments.child")
# What the dynamic linker may need; settings and tokens are not among it.
INHERITED = ("LANG", "LD_LIBRARY_PATH")
BYTES_PER_CHAR = 10  # of a page, more is markup than words
READ_BYTES = 1 << 16
CLOSE_SECONDS = 1.0


class DocumentReader:
    """Text, Markdown, code, tables, logs, HTML and PDF; of long ones the beginning.

    Units: `input_bytes` of a file, beyond which it is not read; `output_chars` of its text, where that is cut;
    `wall_seconds` and `memory_bytes` of one child; `at_once` children, beyond which files wait.
    Errors: none. A file that cannot be read has no text, and leaves one line in the log.
    """

    def __init__(
        self,
        *,
        input_bytes: int = 10 << 20,
        output_chars: int = 100_000,
        wall_seconds: float = 30.0,
        memory_bytes: int = 1 << 30,
        at_once: int = 2,
        command: Sequence[str] = CHILD,
    ) -> None:
        self._input_bytes = input_bytes
        self._output_chars = output_chars
        self._wall_seconds = wall_seconds
        self._memory_bytes = memory_bytes
        self._slots = asyncio.Semaphore(at_once)
        self._command = tuple(command)

    async def text_of(self, name: str, mime: str, data: bytes) -> str | None:
        """What the file says; None when it is of no kind that we read, cannot be read, or says nothing."""
        if len(data) > self._input_bytes:
            log.warning("document_reading_failed", outcome="too_large", input_bytes=len(data))
            return None
        kind = kind_of(name, mime, data)
        if kind is None:
            return None
        text = await self._read(kind, data) if kind is Kind.PDF else await self._text_or_page(kind, data)
        return tidy(text[: self._output_chars]) or None

    async def _text_or_page(self, kind: Kind, data: bytes) -> str:
        head = data[: self._output_chars * BYTES_PER_CHAR]
        is_cut = len(head) < len(data)
        text = unicode_text(head, whole=not is_cut)
        if text is None:
            # Half a character at the end would speak against its own encoding; a space is never part of one.
            return await self._read(kind, head.rsplit(maxsplit=1)[0] if is_cut else head)
        return await self._read(kind, text.encode()) if kind is Kind.HTML else text

    async def _read(self, kind: Kind, data: bytes) -> str:
        """The document's text as a child tells it; of one that fails, what it told before."""
        pieces: list[str] = []
        async with self._slots:
            outcome, exit_code = "failed", None
            try:
                async with asyncio.timeout(self._wall_seconds):
                    exit_code = await self._ask_child(kind, data, pieces)
            except TimeoutError:
                outcome = "timeout"
            except OSError:
                outcome = "no_child"
        if exit_code != 0:
            log.warning(
                "document_reading_failed", outcome=outcome, step=kind.value, input_bytes=len(data), exit_code=exit_code
            )
        return "".join(pieces)

    async def _ask_child(self, kind: Kind, data: bytes, pieces: list[str]) -> int:
        """The child's exit code; 0 also for one that had more to say than we keep."""
        process = await asyncio.create_subprocess_exec(
            *(*self._command, kind.value, str(self._memory_bytes), str(max(1, round(self._wall_seconds)))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # it may quote the document
            env=clean_environment(),
        )
        try:
            process.stdin.write(data)  # type: ignore[union-attr] # a pipe, as asked
            process.stdin.close()  # type: ignore[union-attr] # same
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            missing = self._output_chars
            while missing > 0:
                chunk = await process.stdout.read(READ_BYTES)  # type: ignore[union-attr] # same
                if not chunk:
                    return await process.wait()
                pieces.append(decoder.decode(chunk))
                missing -= len(pieces[-1])
            return 0
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the process at once. Leaves collecting its exit code to asyncio, which `Process.kill` would race."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    # asyncio calls a process over when its pipes are, and what nobody reads keeps a pipe open.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await process.communicate()


def clean_environment(parent: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the child may know of its surroundings, and where it finds this same `bot` package."""
    source = os.environ if parent is None else parent  # noqa: TID251 -- to leave settings out, not to read them
    kept = {name: source[name] for name in INHERITED if name in source}
    return {**kept, "PYTHONPATH": str(Path(bot.__file__).parent.parent)}
