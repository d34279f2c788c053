"""Commands that answer: ask, chat, demo, run."""

from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bot import demo as demonstration
from bot.config import load_settings
from bot.conversation import Answer
from bot.documents import answer_document
from bot.lifecycle import no_core_dumps, run_until_stopped
from bot.questions import asker_and_audience, question
from bot.terminal import err, note, out, print_json, run
from bot.web import web_server
from bot.wiring import App, Console, home_of, open_app, render_answer
from knowledge.scope import Audience

group = typer.Typer()

User = Annotated[str | None, typer.Option("--user", help="Ask as this person (id or name).")]
Channel = Annotated[str | None, typer.Option("--channel", help="Ask in this channel: its readers see the answer.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@group.command()
def ask(
    text: Annotated[str, typer.Argument(help="The question.")],
    user: User = None,
    channel: Channel = None,
    as_json: AsJson = False,
) -> None:
    """Answer one question."""

    async def work() -> None:
        async with open_app(load_settings()) as app:
            if not as_json:
                for line in app.notes:
                    note(line)
            asker, audience = await asker_and_audience(app.access, user, channel)
            if asker is not None or channel is not None:
                await _reach_platforms(app)
            adapter = await _adapter(app, audience)
            async for event in app.assistant.answer(question(text, asker, audience, adapter=adapter)):
                if not isinstance(event, Answer):
                    continue
                if as_json:
                    print_json(answer_document(event))
                else:
                    if asker is None and channel is None:
                        note("Asked as the operator, who sees every channel; --user and --channel ask as somebody.")
                    render_answer(event, out, datetime.now(UTC))

    run(work())


@group.command()
def chat(user: User = None, channel: Channel = None) -> None:
    """Talk with the bot in the terminal."""

    async def work() -> None:
        settings = load_settings()
        async with open_app(settings) as app:
            for line in app.notes:
                note(line)
            asker, audience = await asker_and_audience(app.access, user, channel)
            if asker is not None or channel is not None:
                await _reach_platforms(app)
            history = home_of(settings) / "chat-history"
            console = Console(
                app.assistant,
                audience=audience,
                asker=asker,
                adapter=await _adapter(app, audience),
                history_path=history,
                console=out,
            )
            await console.run()

    run(work())


@group.command()
def demo() -> None:
    """Set everything up by itself, read a sample workspace, and answer questions about it."""
    run(demonstration.run(load_settings(), out, err))


@group.command(name="run")
def serve() -> None:
    """Connect the configured platforms, answer, and keep the index in step, until stopped."""
    no_core_dumps()

    async def work() -> None:
        settings = load_settings()
        async with open_app(settings) as app:
            for line in app.notes:
                note(line)
            await _reach_platforms(app)
            routes = [route for adapter in app.adapters for route in adapter.routes]
            async with web_server(settings.http.host, settings.http.port, routes, app.admin, app.health) as port:
                for line in _running(app, settings.http.host, port):
                    note(line)
                await run_until_stopped(*services(app))

    run(work())


async def _adapter(app: App, audience: Audience) -> str:
    """The LoRA adapter of the channel whose readers see the answer."""
    return "" if audience.channel is None else (await app.desk.upkeep.config(audience.channel)).adapter


async def _reach_platforms(app: App) -> None:
    """Opens what the settings connect: who may read what is asked there, and counts only while it is fresh."""
    for adapter in app.adapters:
        await adapter.open(app.desk)


def services(app: App) -> list[Coroutine[Any, Any, None]]:
    """What runs side by side. Several processes may run all of it on one database."""
    handlers = {adapter.name: adapter.handle for adapter in app.adapters}
    return [
        app.indexer.run(),
        app.inbox.run(handlers),
        app.answering.run(),
        app.backfill.run(),
        app.learning.run(),
        app.restored.run(list(handlers)),
        *(adapter.run() for adapter in app.adapters),
    ]


def _running(app: App, host: str, port: int | None) -> Iterator[str]:
    if app.adapters:
        yield f"Connected: {', '.join(adapter.name for adapter in app.adapters)}. Stop it with Ctrl-C."
    else:
        yield "No platform is connected: this process keeps the index up to date. Stop it with Ctrl-C."
    if port is not None:
        yield f"Health and metrics: http://{host}:{port}/healthz, /readyz, /metrics"
