import asyncio
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console as RichConsole

from adapters.console import Console
from adapters.terminal import render_answer, show_answer
from bot.conversation import Answer, Citation, Fragment, Outcome
from bot.errors import KnowledgeDown
from knowledge.messages import ChannelRef, MessageRef, PersonRef
from knowledge.passages import Line
from knowledge.scope import Audience

NOW = datetime(2024, 3, 31, 12, 0, tzinfo=UTC)
HERE = Audience(channel=ChannelRef("slack", "T1", "C1"))
ANA = PersonRef("slack", "T1", "U1")
ROOT = Path(__file__).parents[3]

LINE = Line(
    message_pk=1,
    rev=1,
    ref=MessageRef(ChannelRef("slack", "T1", "C1"), "1.0"),
    channel_pk=1,
    channel_name="infra",
    author="Ana",
    text="We moved to Postgres.\n[link=https://evil.example]MySQL[/link] lost data.",
    posted_at=NOW - timedelta(days=21),
    permalink="https://example.org/" + "p" * 120,
)
ANSWER = Answer("They moved to **Postgres** [1].", Outcome.ANSWERED, (Citation(1, LINE, LINE.text),))


def screen(*, terminal=False, width=80, height=25):
    """A Rich console that writes to a string; `terminal` makes it believe that it is one, with colours and links."""
    kind = {"force_terminal": True, "color_system": "truecolor"} if terminal else {"force_terminal": False}
    environment = {"TERM": "xterm-256color"}
    return RichConsole(file=io.StringIO(), width=width, height=height, _environ=environment, **kind)


def shown(console):
    return console.file.getvalue()


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


class FakeAssistant:
    """Answers each question with the next script: events in order, an error to raise, or a number of seconds."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.questions = []
        self.resets = []
        self.closed = 0

    async def answer(self, question):
        self.questions.append(question)
        try:
            for step in self.scripts.pop(0):
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
        finally:
            self.closed += 1

    async def reset(self, question):
        self.resets.append(question)
        return 2


def typing(*lines):
    """A reader of these lines, then of the end of input. A callable among them is called first."""
    rest = list(lines)

    def read(_prompt):
        while rest and callable(rest[0]):
            rest.pop(0)()
        if not rest:
            raise EOFError
        return rest.pop(0)

    return read


async def talk(assistant, *lines, console=None, **options):
    console = console or screen()
    talker = Console(
        assistant, audience=HERE, asker=ANA, console=console, read=typing(*lines), now=lambda: NOW, **options
    )
    await talker.run()
    return shown(console)


# ---- the conversation ---------------------------------------------------------------------------------------------


async def test_a_question_carries_asker_audience_and_one_conversation():
    assistant = FakeAssistant([ANSWER], [ANSWER])
    await talk(assistant, "  why Postgres?  ", "", "   ", "and MySQL?")
    first, second = assistant.questions
    assert (first.text, second.text) == ("why Postgres?", "and MySQL?")
    assert (first.audience, first.asker) == (HERE, ANA)
    assert first.conversation == second.conversation != ""
    assert first.question_id != second.question_id


async def test_two_terminals_are_two_conversations():
    assistant = FakeAssistant([ANSWER], [ANSWER])
    await talk(assistant, "one")
    await talk(assistant, "two")
    assert assistant.questions[0].conversation != assistant.questions[1].conversation


async def test_reset_forgets_the_conversation_and_its_sources():
    assistant = FakeAssistant([ANSWER])
    said = await talk(assistant, "why?", "/reset", "/sources")
    assert assistant.resets[0].conversation == assistant.questions[0].conversation
    assert assistant.resets[0].audience == HERE
    assert "Forgotten: 2 earlier questions" in said
    assert "no answer with sources yet" in said


async def test_sources_shows_the_whole_text():
    said = await talk(FakeAssistant([ANSWER]), "why?", "/sources")
    assert "    │ [link=https://evil.example]MySQL[/link] lost data." in said


@pytest.mark.parametrize("order", ["/quit", "/exit"])
async def test_quit_leaves_before_the_next_line(order):
    assistant = FakeAssistant([ANSWER])
    await talk(assistant, order, "why?")
    assert assistant.questions == []


async def test_help_names_every_order():
    said = await talk(FakeAssistant(), "/help")
    assert all(word in said for word in ("/sources", "/reset", "/help", "/quit", "Ctrl-C", "Ctrl-D"))


async def test_an_unknown_order_is_no_question_but_a_path_is():
    assistant = FakeAssistant([ANSWER])
    said = await talk(assistant, "/restart now", "/etc/hosts is wrong, why?")
    assert "I do not know /restart" in said
    assert [question.text for question in assistant.questions] == ["/etc/hosts is wrong, why?"]


async def test_an_error_shows_its_sentence_and_the_conversation_goes_on():
    assistant = FakeAssistant([Fragment("They"), KnowledgeDown()], [ANSWER])
    said = await talk(assistant, "why?", "again?")
    assert "I cannot reach the message index right now" in said
    assert "Postgres" in said


async def test_a_failed_reset_shows_its_sentence():
    assistant = FakeAssistant()

    async def reset(question):
        raise KnowledgeDown

    assistant.reset = reset
    assert "I cannot reach the message index" in await talk(assistant, "/reset")


async def test_the_text_of_an_unexpected_error_is_not_shown():
    said = await talk(FakeAssistant([RuntimeError("password=hunter2")], [ANSWER]), "why?", "again?")
    assert "hunter2" not in said
    assert "Something went wrong while answering" in said
    assert "Postgres" in said


async def test_an_interrupt_stops_the_answer_and_not_the_conversation():
    assistant = FakeAssistant([Fragment("They moved "), 30.0, ANSWER], [ANSWER])
    console = screen()
    talker = Console(assistant, audience=HERE, console=console, read=typing("why?", "again?"), now=lambda: NOW)
    running = asyncio.create_task(talker.run())
    async with asyncio.timeout(5):
        while "They moved" not in shown(console):
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        await running
    assert "Stopped." in shown(console)
    assert len(assistant.questions) == assistant.closed == 2
    assert "[1] Ana" in shown(console)


async def test_a_full_disk_stops_the_generation_at_once():
    assistant = FakeAssistant([Fragment("They"), Fragment("moved"), ANSWER])
    console = screen()

    def write(_text):
        raise OSError

    console.file.write = write
    events = assistant.answer(None)
    with pytest.raises(OSError):
        await show_answer(events, console, lambda: NOW)
    assert assistant.closed == 1


async def test_stopping_the_program_is_not_taken_for_an_interrupt():
    assistant = FakeAssistant([Fragment("They moved "), 30.0])
    console = screen()
    talker = Console(assistant, audience=HERE, console=console, read=typing("why?", "again?"), now=lambda: NOW)
    running = asyncio.create_task(talker.run())
    async with asyncio.timeout(5):
        while "They moved" not in shown(console):
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert assistant.closed == 1
    assert "Stopped." not in shown(console)


async def test_ctrl_c_works_as_before_once_the_conversation_is_over():
    before = signal.getsignal(signal.SIGINT)
    await talk(FakeAssistant())
    assert signal.getsignal(signal.SIGINT) is before


async def test_a_history_nobody_can_write_is_no_obstacle(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "/help" in await talk(FakeAssistant(), history_path=blocked / "history")


# ---- what is shown ------------------------------------------------------------------------------------------------


async def stream(*events, console):
    async def answer():
        for event in events:
            yield event

    return await show_answer(answer(), console, lambda: NOW)


async def test_a_pipe_gets_each_fragment_at_once_and_the_answer_once():
    console = screen()
    seen = []

    async def answer():
        for piece in ("They moved ", "to **Postgres** [1]."):
            yield Fragment(piece)
            seen.append(shown(console))
        yield ANSWER

    await show_answer(answer(), console, lambda: NOW)
    assert seen == ["They moved ", "They moved to **Postgres** [1]."]
    assert shown(console).count("Postgres**") == 1
    assert "\x1b" not in shown(console)
    assert "[1] Ana, 3 weeks ago (2024-03-10 12:00), #infra, https://example.org/" + "p" * 120 + "\n" in shown(console)
    assert "    “We moved to Postgres.”\n" in shown(console)


async def test_a_pipe_gets_the_checked_answer_where_it_differs():
    console = screen()
    await stream(Fragment("They moved [9]."), ANSWER, console=console)
    assert shown(console).index("They moved [9].") < shown(console).index("They moved to **Postgres** [1].")


async def test_a_terminal_sees_the_text_grow_and_is_left_with_the_answer():
    console = screen(terminal=True)
    answer = await stream(*(Fragment(f"word{n} ") for n in range(3)), ANSWER, console=console)
    assert answer is ANSWER
    final = shown(console).rpartition("\x1b[?25h")[2]
    assert final.startswith("\r\x1b[1A\x1b[2K")  # one line up, and that line erased
    assert "They moved to Postgres [1]." in plain(final)
    assert "word" not in final
    assert "\x1b[1mPostgres" in final


async def test_a_waiting_terminal_says_that_work_has_begun():
    console = screen(terminal=True)
    await stream(console=console)
    assert "Reading what your team wrote" in shown(console)


async def test_a_preview_higher_than_the_terminal_shows_its_end():
    console = screen(terminal=True, height=10)
    await stream(Fragment("\n\n".join(f"row{n}" for n in range(50))), console=console)
    assert "row49" in shown(console)
    assert "row20" not in shown(console)


@pytest.mark.parametrize("soft_wrap", [True, False])
def test_an_answer_is_wrapped_and_its_links_are_not(soft_wrap):
    console = screen(terminal=True, width=40)
    console.soft_wrap = soft_wrap
    render_answer(Answer("word " * 30, Outcome.ANSWERED, ANSWER.citations), console, NOW)
    rows = plain(shown(console)).split("\n")
    assert max(len(row.rstrip()) for row in rows if row.startswith("word")) <= 40
    assert any("https://example.org/" + "p" * 120 in row for row in rows)


@pytest.mark.parametrize("terminal", [True, False])
def test_outcomes_differ_by_a_word_and_by_a_style(terminal):
    looks = {}
    for outcome in Outcome:
        console = screen(terminal=terminal)
        render_answer(Answer("said", outcome), console, NOW)
        looks[outcome] = shown(console)
    words = {plain(look).replace("said", "").strip(" :\n") for look in looks.values()}
    assert len(words) == len(Outcome)
    assert ("\x1b[1;7m" in looks[Outcome.DECLINED]) == terminal
    assert "\x1b[1;7m" not in looks[Outcome.ANSWERED]


def test_a_decline_shows_people_and_near_messages():
    console = screen(terminal=True)
    render_answer(Answer("Nothing found.", Outcome.DECLINED, nearest=(LINE,), people=("Ana",)), console, NOW)
    said = plain(shown(console))
    assert "No answer" in said
    assert "People who wrote about it: Ana" in said
    assert "-   Ana, 3 weeks ago" in said


# ---- hostile text -------------------------------------------------------------------------------------------------

HOSTILE = [
    "[click](https://evil.example)",
    "![image](https://evil.example/a.png)",
    "<https://evil.example>",
    "[click][1]\n\n[1]: https://evil.example",
    "[link=https://evil.example]click[/link]",
    "[bold red]markup[/]",
    "[/closing] [@click=app.bell]x[/]",
    "<b>tags</b> and List<String>",
    "<div>\nblock\n</div>",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("terminal", [True, False])
def test_links_tags_and_markup_of_the_model_are_shown_as_text(text, terminal):
    console = screen(terminal=terminal, width=200)
    render_answer(Answer(text, Outcome.ANSWERED), console, NOW)
    assert "\x1b]8" not in shown(console)
    assert plain(shown(console)).split() == text.split()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("terminal", [True, False])
def test_links_tags_and_markup_of_a_colleague_are_shown_as_text(text, terminal):
    console = screen(terminal=terminal, width=200)
    line = Line(1, 1, LINE.ref, 1, text, text, text, NOW, text)
    render_answer(Answer("yes", Outcome.ANSWERED, (Citation(1, line, text),)), console, NOW)
    render_answer(Answer("no", Outcome.DECLINED, nearest=(line,), people=(text,)), console, NOW)
    assert "\x1b]8" not in shown(console)
    name, first = " ".join(text.split()), text.partition("\n")[0]
    said = plain(shown(console))
    assert said.count(f"{name}, just now (2024-03-31 12:00), #{name}, {name}\n    “{first}”\n") == 2
    assert f"People who wrote about it: {name}\n" in said


STEERING = "a\x1b]0;owned\x07b\x1b[2Jc\u202ed\x9b5me\x07f\rg"


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    "spell",
    [
        STEERING,
        "&#27;[2J &#x1b;]0;owned&#7; &#x202e;evil",
        "```\n" + STEERING + "\n```",
        "`" + STEERING + "`",
        "# " + STEERING,
        "```" + STEERING + "\nx\n```",
    ],
)
async def test_nobody_elses_text_steers_the_terminal(spell, terminal):
    console = screen(terminal=terminal)
    line = Line(1, 1, LINE.ref, 1, spell, spell, spell, NOW, spell)
    answer = Answer(spell, Outcome.ANSWERED, (Citation(1, line, spell),))
    await stream(*(Fragment(character) for character in spell), answer, console=console)
    render_answer(Answer(spell, Outcome.DECLINED, nearest=(line,), people=(spell,)), console, NOW)
    talker = Console(FakeAssistant([answer]), audience=HERE, console=console, read=typing("q", "/sources", f"/{spell}"))
    await talker.run()
    ours = re.sub(r"\x1b\[(?:[0-9;]*m|\?25[hl]|1A|2K)|\r", "", shown(console))  # styles, cursor, redrawn lines
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", ours)


# ---- a real terminal ----------------------------------------------------------------------------------------------

PROGRAM = """
    import asyncio
    from pathlib import Path
    from adapters.console import Console
    from bot.conversation import Answer, Fragment, Outcome
    from knowledge.scope import Audience

    class Slow:
        async def answer(self, question):
            yield Fragment("Begun on " + question.text)
            if question.text == "slow":
                await asyncio.sleep(60)
            yield Answer("Done with " + question.text, Outcome.ANSWERED)

        async def reset(self, question):
            return 0

    asyncio.run(Console(Slow(), audience=Audience(), history_path=Path("history")).run())
    print("left in peace")
"""


class Terminal:
    """A program in a terminal of its own: type, and wait for what it shows."""

    def __init__(self, folder):
        self.mine, its = pty.openpty()
        environment = {"PYTHONPATH": str(ROOT), "TERM": "xterm", "PATH": os.defpath}
        command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
        # A session of its own with this terminal in control, so that Ctrl-C becomes its signal.
        controlled = ["setsid", "--ctty", "--wait", *command]
        self.process = subprocess.Popen(controlled, stdin=its, stdout=its, stderr=its, cwd=folder, env=environment)
        os.close(its)
        self.screen = ""

    def type(self, keys):
        os.write(self.mine, keys.encode())

    def wait_for(self, text, seconds=20):
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            assert time.monotonic() < deadline, f"{text!r} did not appear in {self.screen!r}"
            if select.select([self.mine], [], [], 0.1)[0]:
                try:
                    self.screen += os.read(self.mine, 65536).decode()
                except OSError as error:
                    raise AssertionError(f"the program ended without {text!r}: {self.screen!r}") from error
        self.screen = self.screen.partition(text)[2]

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.mine)


@pytest.fixture
def terminal(tmp_path):
    running = Terminal(tmp_path)
    yield running
    running.close()


def test_ctrl_c_and_ctrl_d_at_a_real_keyboard(terminal, tmp_path):
    terminal.wait_for("you> ")
    terminal.type("slow\r")
    terminal.wait_for("Begun on slow")
    terminal.type("\x03")
    terminal.wait_for("Stopped.")
    terminal.wait_for("you> ")
    terminal.type("half a ques")
    terminal.wait_for("half a ques")
    terminal.type("\x03")
    terminal.wait_for("(Ctrl-D leaves)")
    terminal.wait_for("you> half a ques")
    terminal.type("tion\r")
    terminal.wait_for("Done with half a question")
    terminal.wait_for("you> ")
    terminal.type("\x1b[A\r")  # arrow up
    terminal.wait_for("Done with half a question")
    terminal.wait_for("you> ")
    terminal.type("\x04")
    terminal.wait_for("left in peace")
    assert terminal.process.wait(10) == 0
    assert (tmp_path / "history").read_text().split("\n")[:2] == ["slow", "half a question"]
    assert (tmp_path / "history").stat().st_mode & 0o777 == 0o600
