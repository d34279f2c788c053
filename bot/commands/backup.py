"""Commands of backups: backup, restore."""

import time
from pathlib import Path
from typing import Annotated

import typer

from bot.config import load_settings
from bot.errors import UsageProblem
from bot.questions import the_channel
from bot.terminal import fail, out, print_json, progress, run
from bot.wiring import database_of, open_app, open_servers
from knowledge.backup import back_up, contents_of, others_connected, put_back
from knowledge.quarantine import Quarantine

group = typer.Typer()

CLOSED = (
    "Every channel is closed to answers until what was deleted since the backup is known: `threadlore run` compares "
    "those of connected platforms, `threadlore restore --release` opens the others."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@group.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write everything that is kept into one file. The bot may go on running."""

    async def work() -> None:
        began = time.monotonic()
        async with open_servers(load_settings()) as servers:
            with progress("bytes") as bar:
                task = bar.add_task("backing up", total=None)
                size = await back_up(
                    servers.database_url, file, force=force, on_progress=lambda done: bar.update(task, completed=done)
                )
        seconds = time.monotonic() - began
        if as_json:
            print_json({"file": str(file), "bytes": size, "seconds": round(seconds, 3)})
        else:
            out.print(f"{file}: {size:,} bytes in {seconds:.1f} s.", highlight=False, markup=False)

    run(work())


@group.command()
def restore(
    file: Annotated[Path | None, typer.Argument(help="A file that `threadlore backup` made.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    mark: Annotated[bool, typer.Option("--mark", help="The server's files were put back by other means.")] = False,
    release: Annotated[bool, typer.Option("--release", help="List closed channels, and open them.")] = False,
    channel: Annotated[str | None, typer.Option("--channel", help="With --release: this one alone.")] = None,
) -> None:
    """Put a backup in the place of what is kept. Its channels stay closed until they were checked."""
    if sum((file is not None, mark, release)) != 1:
        raise typer.BadParameter("give a file, or --mark, or --release")
    if file is not None:
        run(_restore(file, yes=yes))
    elif mark:
        run(_mark())
    else:
        run(_release(channel, yes=yes))


async def _restore(file: Path, *, yes: bool) -> None:
    async with open_servers(load_settings()) as servers:
        url = servers.database_url
        contents = await contents_of(url, file)
        if others := await others_connected(url):
            raise UsageProblem(
                f"{others} sessions are using the database: stop `threadlore run` and every other command first."
            )
        _confirm("Everything that is kept now gives way to the backup. Go on?", yes=yes)
        with progress("bytes") as bar:
            task = bar.add_task("restoring", total=None)
            applied = await put_back(url, file, contents, on_progress=lambda done: bar.update(task, completed=done))
        async with database_of(servers) as database:
            await Quarantine(database).mark()
    if applied:
        out.print(f"Applied {', '.join(applied)}.", highlight=False)
    out.print(f"Restored. {CLOSED}", highlight=False)


async def _mark() -> None:
    async with open_servers(load_settings()) as servers, database_of(servers) as database:
        await Quarantine(database).mark()
    out.print(CLOSED, highlight=False)


async def _release(channel: str | None, *, yes: bool) -> None:
    async with open_app(load_settings()) as app:
        closed = await app.restored.quarantine.closed()
        if channel is not None:
            wanted = await the_channel(app.access, channel)
            closed = [one for one in closed if one[0] == wanted]
        if not closed:
            out.print("No such channel is closed because of a restore.", highlight=False)
            return
        for ref, name, joined in closed:
            how = "is compared with its platform by itself" if joined else "nothing can tell what was deleted"
            out.print(f"#{name} ({ref.platform}, {ref.workspace}): {how}", highlight=False, markup=False)
        _confirm("Open them to answers as they are, deleted messages included?", yes=yes)
        opened = [await app.restored.quarantine.release(ref) for ref, _, _ in closed]
        out.print(f"{sum(opened)} channels are open.", highlight=False)


def _confirm(question: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(question, err=True):
        fail("Nothing was changed.", 1)
