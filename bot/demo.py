"""`threadlore demo`: the real stack on a fictional company's chat, from nothing to cited answers."""

import time
from datetime import UTC, datetime
from importlib.resources import as_file, files
from uuid import uuid4

from rich.console import Console as Terminal

from bot.config import KnowledgeSettings, Settings
from bot.conversation import Answer, Outcome
from bot.errors import BotError
from bot.questions import question
from bot.wiring import App, open_app, open_export, render_answer
from knowledge.scope import Audience

DATABASE = "threadlore_demo"
WORKSPACE = "tidepool"

# A plain question, one that only makes sense after it, and one that the sample does not answer.
QUESTIONS = (
    "Why did we drop Kafka?",
    "When were its brokers switched off for good?",
    "What is our parental leave policy?",
)


class DemoFailed(BotError):
    """The demo ran, but not as it should: no answer came with a citation, or the last question was not declined."""


async def run(settings: Settings, out: Terminal, err: Terminal) -> None:
    """Imports the sample once, then asks. Errors: `DemoFailed` when answers are not what the demo promises."""
    started = time.perf_counter()
    # The sample is from the past.
    settings = settings.model_copy(update={"knowledge": KnowledgeSettings()})
    async with open_app(settings, database=DATABASE) as app:
        for line in app.notes:
            err.print(line, style="dim", markup=False, highlight=False)
        await _learn(app, err)
        err.print(f"Ready after {time.perf_counter() - started:.1f} s.", style="dim", highlight=False)
        answers = [await _ask(app, text, out) for text in QUESTIONS[:2]]
        conversation_of_its_own = uuid4().hex
        answers.append(await _ask(app, QUESTIONS[2], out, conversation_of_its_own))
    out.print(
        "Now your own: `threadlore import EXPORT` reads a Slack or Discord export, `threadlore chat` asks it.",
        markup=False,
        highlight=False,
    )
    answered = all(answer.citations for answer in answers[:2])
    if not answered or answers[2].outcome is not Outcome.DECLINED:
        raise DemoFailed


async def _learn(app: App, err: Terminal) -> None:
    with as_file(files("bot") / "sample" / "sample-workspace.zip") as path:
        export = open_export(path, workspace=WORKSPACE, workspace_url="https://tidepool.example")
        report = await app.importer.run(export)
    waiting = await app.indexer.waiting()
    if waiting:
        with err.status(f"Read {report.written} messages of a fictional company; embedding {waiting} threads and days"):
            await app.indexer.drain()


async def _ask(app: App, text: str, out: Terminal, conversation: str = "demo") -> Answer:
    out.print(f"\n[bold]> {text}[/bold]", highlight=False)
    asked = question(text, None, Audience(), f"{conversation}:{_SESSION}")
    answer: Answer | None = None
    async for event in app.assistant.answer(asked):
        if isinstance(event, Answer):
            answer = event
    if answer is None:
        raise DemoFailed
    render_answer(answer, out, datetime.now(UTC))
    return answer


_SESSION = uuid4().hex
