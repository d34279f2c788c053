"""The bot in a terminal: no account, no token. Orders begin with a slash; Ctrl-C stops an answer."""

import asyncio
import signal
import sys
import termios
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import rich.console
import structlog
from rich.text import Text

from adapters.replies import source_text
from adapters.terminal import LABEL_STYLE, QUIET_STYLE, print_plain, render_answer, show_answer
from bot.conversation import Answer, AnswerEvent, Question
from bot.errors import BotError
from knowledge.messages import PersonRef
from knowledge.scope import Audience

try:
    import readline
except ImportError:  # a Python built without it still reads lines, without arrow keys
    readline = None  # type: ignore[assignment]

__all__ = ["Console", "render_answer"]

log = structlog.get_logger()

PROMPT = "you> "
HELP = """\
Ask a question, or give an order:
  /sources  the whole text of the last answer's sources
  /reset    forget this conversation
  /help     this text
  /quit     leave (so does Ctrl-D)
Ctrl-C stops an answer that is being written."""
HISTORY_LINES = 1000


class Assistant(Protocol):
    """What the terminal needs of `bot.assistant`."""

    def answer(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Fragments, then exactly one `Answer`."""

    async def reset(self, question: Question) -> int:
        """Forget the question's conversation; returns the number of turns dropped."""


class Console:
    """A conversation in a terminal.

    `audience` and `asker` decide what may be read; `history_path` keeps the typed lines for the arrow keys.
    `read` blocks until a line is typed and raises `EOFError` at the end; it is called in a thread.
    """

    def __init__(
        self,
        assistant: Assistant,
        *,
        audience: Audience,
        asker: PersonRef | None = None,
        adapter: str = "",
        history_path: Path | None = None,
        console: rich.console.Console | None = None,
        read: Callable[[str], str] = input,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
    ) -> None:
        self._assistant = assistant
        self._audience = audience
        self._asker = asker
        self._adapter = adapter
        self._history_path = history_path
        self._console = console or rich.console.Console()
        self._read = read
        self._now = now
        self._conversation = f"terminal:{uuid4()}"
        self._last: Answer | None = None
        self._working: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Talk until /quit or Ctrl-D."""
        with _line_editing(self._history_path), _sigint_calls(self.interrupt):
            self._print("Ask me what your team wrote. /help lists the orders.", QUIET_STYLE)
            while (typed := await _in_thread(self._read, PROMPT)) is not None:
                if not await self._handle(typed.strip()):
                    return
            self._print("")

    def interrupt(self) -> None:
        """Stop the running answer; between answers, say how to leave, and show again what was being typed."""
        if self._working is not None:
            self._working.cancel()
            return
        self._print("\n(Ctrl-D leaves)", QUIET_STYLE)
        typed = readline.get_line_buffer() if readline is not None else ""
        self._console.print(Text(PROMPT + typed), end="", soft_wrap=True)

    async def _handle(self, typed: str) -> bool:
        """Carry out one line; False means goodbye."""
        match typed.split(maxsplit=1)[:1]:
            case []:
                pass
            case ["/quit" | "/exit"]:
                return False
            case ["/help"]:
                self._print(HELP)
            case ["/sources"]:
                self._show_sources()
            case ["/reset"]:
                await self._attempt(self._reset())
            case [word] if word.startswith("/") and word[1:].isalpha():
                self._print(f"I do not know {word}. /help lists the orders.")
            case _:
                await self._attempt(self._ask(typed))
        return True

    async def _attempt(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that Ctrl-C may stop and that may fail; neither ends the conversation."""
        self._working = asyncio.create_task(work)
        try:
            await self._working
        except asyncio.CancelledError:
            us = asyncio.current_task()
            if us is not None and us.cancelling():  # the whole program is being stopped, not this answer
                raise
            self._print("Stopped.", QUIET_STYLE)
        except BotError as error:
            self._print(error.sentence, LABEL_STYLE)
        except Exception:
            log.exception("answer_failed")
            self._print(BotError().sentence, LABEL_STYLE)
        finally:
            self._working = None

    async def _ask(self, text: str) -> None:
        events = self._assistant.answer(self._question(text))
        self._last = await show_answer(events, self._console, self._now) or self._last

    async def _reset(self) -> None:
        turns = await self._assistant.reset(self._question(""))
        self._last = None
        self._print(f"Forgotten: {turns} earlier question{'' if turns == 1 else 's'} of this conversation.")

    def _show_sources(self) -> None:
        if self._last is None or not self._last.citations:
            self._print("There is no answer with sources yet.")
            return
        for citation in self._last.citations:
            self._print(source_text(citation, self._now()))

    def _question(self, text: str) -> Question:
        return Question(str(uuid4()), text, self._audience, self._asker, self._conversation, adapter=self._adapter)

    def _print(self, text: str, style: str = "") -> None:
        print_plain(self._console, text, style)


async def _in_thread(read: Callable[[str], str], prompt: str) -> str | None:
    """The next line, None at the end. A daemon thread: nothing can wake a reader when the program wants to end."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str | None] = loop.create_future()

    def settle(typed: str | None, error: BaseException | None) -> None:
        if line.done():
            return
        if error is None:
            line.set_result(typed)
        else:
            line.set_exception(error)

    def work() -> None:
        typed, problem = None, None
        try:
            typed = read(prompt)
        except EOFError:
            pass
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            problem = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, typed, problem)

    threading.Thread(target=work, name="prompt", daemon=True).start()
    return await line


@contextmanager
def _line_editing(history_path: Path | None) -> Iterator[None]:
    """Arrow keys with a history (readline lets its owner alone read it), and a terminal left as it was found."""
    has_terminal = sys.stdin is not None and sys.stdin.isatty()
    attributes = termios.tcgetattr(sys.stdin) if has_terminal else None
    if readline is not None and history_path is not None:
        with suppress(OSError):
            readline.read_history_file(history_path)
    try:
        yield
    finally:
        if attributes is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, attributes)
        if readline is not None and history_path is not None:
            with suppress(OSError):
                history_path.parent.mkdir(parents=True, exist_ok=True)
                readline.set_history_length(HISTORY_LINES)
                readline.write_history_file(history_path)


@contextmanager
def _sigint_calls(interrupt: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C calls `interrupt`, where signals can be had: in the main thread."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)
    try:
        loop.add_signal_handler(signal.SIGINT, interrupt)
    except (NotImplementedError, RuntimeError, ValueError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
