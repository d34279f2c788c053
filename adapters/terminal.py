"""How a terminal shows an answer.

What the model or a colleague wrote is shown, never obeyed: it is cleaned of control characters and printed as plain
Text, in which Rich reads no markup; of the model's Markdown the parser knows neither links nor HTML.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import datetime

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner
from rich.text import Text

from adapters.replies import LABELS, answer_text, clean, notes, source_line
from bot.conversation import Answer, AnswerEvent, Fragment

REFRESHES_A_SECOND = 8
SPARE_LINES = 2  # of the terminal's height, while an answer streams

LABEL_STYLE = "bold reverse"
QUIET_STYLE = "dim"


async def show_answer(
    events: AsyncIterator[AnswerEvent], console: Console, now: Callable[[], datetime]
) -> Answer | None:
    """Show an answer while it is being written, then as it stands; returns it.

    A terminal sees a preview that gives way to the answer. Elsewhere nothing can be taken back: the fragments stay,
    and the answer follows only where checking its citations has changed it.
    """
    preview = _LivePreview(console) if _is_live(console) else _PlainPreview(console)
    answer = None
    async with AsyncExitStack() as stack:
        if isinstance(events, AsyncGenerator):
            stack.push_async_callback(events.aclose)  # stops the generation, whatever went wrong here
        stack.enter_context(preview)
        async for event in events:
            match event:
                case Fragment(text=piece):
                    preview.add(piece)
                case Answer():
                    answer = event
    if answer is not None and preview.stands_for(answer):
        _print_below(answer, console, now())
    elif answer is not None:
        render_answer(answer, console, now())
    return answer


def render_answer(answer: Answer, console: Console, now: datetime) -> None:
    """Print a complete answer: the word for its outcome, its text, and its sources or what a decline has instead."""
    if not _is_live(console):
        print_plain(console, answer_text(answer))
    else:
        if label := LABELS[answer.outcome]:
            print_plain(console, f" {label} ", LABEL_STYLE)
        console.print(_AnswerMarkdown(clean(answer.text)), soft_wrap=False)
    _print_below(answer, console, now)


def _print_below(answer: Answer, console: Console, now: datetime) -> None:
    if below := notes(answer, now):
        print_plain(console, f"\n{below}", QUIET_STYLE)
    if answer.citations:
        print_plain(console, "\nSources:", QUIET_STYLE)
    for citation in answer.citations:
        print_plain(console, source_line(citation, now))


def print_plain(console: Console, text: str, style: str = "") -> None:
    """Print text as it is; a long link is not broken by us."""
    console.print(Text(text, style=style), soft_wrap=True)


def _is_live(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


class _AnswerMarkdown(Markdown):
    """The model's Markdown, where links, images and HTML are no syntax but text.

    So are entities: they could spell, after cleaning, what was cleaned away.
    """

    parser = (
        MarkdownIt("commonmark", {"html": False})
        .enable(["strikethrough", "table"])
        .disable(["link", "image", "autolink", "reference", "entity"])
    )

    def __init__(self, text: str) -> None:
        super().__init__("", hyperlinks=False)
        self.parsed = self.parser.parse(text)


class _LivePreview:
    """Redraws the text so far a few times a second, and vanishes at the end."""

    def __init__(self, console: Console) -> None:
        self._pieces: list[str] = []
        self._spinner = Spinner("dots", Text("Reading what your team wrote …", QUIET_STYLE))
        self._live = Live(
            console=console, get_renderable=self._drawn, refresh_per_second=REFRESHES_A_SECOND, transient=True
        )

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def add(self, piece: str) -> None:
        self._pieces.append(piece)

    def stands_for(self, _answer: Answer) -> bool:
        return False

    def _drawn(self) -> RenderableType:
        text = clean("".join(self._pieces)).strip()
        return _Tail(_AnswerMarkdown(text)) if text else self._spinner


class _Tail:
    """The last lines of something that may be higher than the terminal: what has scrolled away cannot be redrawn."""

    def __init__(self, whole: RenderableType) -> None:
        self._whole = whole

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._whole, options.update(height=None), pad=False)
        for line in lines[-max(console.height - SPARE_LINES, 1) :]:
            yield from line
            yield Segment.line()


class _PlainPreview:
    """Prints each fragment as it comes, for pipes and files."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._written = ""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._written:
            self._console.print()

    def add(self, piece: str) -> None:
        piece = clean(piece)
        self._written += piece
        self._console.print(Text(piece), end="", soft_wrap=True)

    def stands_for(self, answer: Answer) -> bool:
        return self._written.strip() == answer_text(answer)
