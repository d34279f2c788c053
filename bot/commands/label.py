"""The command that makes a question set of a team's own talk: eval label."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.config import load_settings
from bot.evaluation.laboratory import bars
from bot.evaluation.own_set import check_folder, label_talk
from bot.questions import the_channel
from bot.terminal import note, out, print_json, run
from bot.wiring import open_archive
from knowledge.access import Access

KEEP_IT_SAFE = "{} holds text of messages, which `threadlore forget` does not reach: remove it when it is not needed."

group = typer.Typer()


@group.command()
def label(
    folder: Annotated[Path, typer.Option("--out", help="Folder to write the question set to; new or empty.")],
    since: Annotated[datetime | None, typer.Option(help="Only questions asked from this day on.")] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="This channel, a private one too, instead of all public ones; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many questions.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a question set of your own: from answers called helpful, and threads with an accepted reply."""

    async def work() -> None:
        check_folder(folder)
        day = since.replace(tzinfo=since.tzinfo or UTC) if since is not None else None
        async with open_archive(load_settings()) as database:
            named = [await the_channel(Access(database), name) for name in channel] if channel else None
            with bars("label") as show:
                made = await label_talk(database, folder, named=named, since=day, limit=limit, on_progress=show)
        if as_json:
            print_json(made)
        else:
            out.print(
                f"{made['questions']} questions, {made['from_feedback']} from feedback and {made['from_threads']} from "
                f"threads, of {made['found']} found; {made['messages']} messages of {made['channels']} channels. "
                f"{made['unhelpful']} questions whose answer did not help were left out.",
                markup=False,
                highlight=False,
            )
        note(KEEP_IT_SAFE.format(folder))

    run(work())
