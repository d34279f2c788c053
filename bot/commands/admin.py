"""Commands of an admin: import, reindex, status, cancel, forget."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bot.clerk import adapter_lines
from bot.config import load_settings
from bot.documents import status_document
from bot.errors import UsageProblem
from bot.questions import the_channel, the_person
from bot.terminal import err, fail, note, out, print_json, progress, run
from bot.wiring import App, open_app, open_export
from knowledge.errors import UnreadableSource
from knowledge.importer import ImportReport

group = typer.Typer()
SHOWN_PROBLEMS = 20

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@group.command(name="import")
def import_exports(
    paths: Annotated[list[Path], typer.Argument(help="Slack export zip, Discord export JSON, or JSONL.")],
    workspace: Annotated[str | None, typer.Option(help="Name of the workspace; without it, the file's name.")] = None,
    workspace_url: Annotated[
        str | None, typer.Option(help="Address of the Slack workspace, for permalinks: https://NAME.slack.com")
    ] = None,
    index: Annotated[bool, typer.Option(help="Embed what was imported now; else `threadlore run` does.")] = True,
    as_json: AsJson = False,
) -> None:
    """Read history from export files. Reading a file again changes nothing."""

    async def work() -> None:
        failed: list[str] = []
        async with open_app(load_settings()) as app:
            if not as_json:
                for line in app.notes:
                    note(line)
            reports: list[tuple[Path, ImportReport]] = []
            for path in paths:
                try:
                    reports.append((path, await _import(app, path, workspace, workspace_url)))
                except UnreadableSource as error:
                    failed.append(str(error))
            if index:
                await _index(app)
        _show(reports, as_json=as_json)
        if failed:
            fail(" ".join(failed), 1)

    run(work())


async def _import(app: App, path: Path, workspace: str | None, workspace_url: str | None) -> ImportReport:
    export = open_export(path, workspace=workspace, workspace_url=workspace_url)
    with progress("bytes") as bar:
        task = bar.add_task(f"reading {path.name}", total=export.bytes_total)
        report = await app.importer.run(export, lambda _: bar.update(task, completed=export.bytes_read))
    await app.admin.drop_remembered(report.gone)
    return report


async def _index(app: App) -> None:
    total = await app.indexer.waiting()
    if total == 0:
        return
    with progress("threads and days") as bar:
        task = bar.add_task("embedding", total=total)
        await app.indexer.drain(lambda left: bar.update(task, completed=max(0, total - left)))


def _show(reports: list[tuple[Path, ImportReport]], *, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "file": str(path),
                    "read": report.read,
                    "written": report.written,
                    "deleted": report.deleted,
                    "too_old": report.too_old,
                    "channels": report.channels,
                    "people": report.people,
                    "seconds": round(report.seconds, 3),
                    "problems": [str(problem) for problem in report.problems],
                }
                for path, report in reports
            ]
        )
        return
    for path, report in reports:
        for problem in report.problems[:SHOWN_PROBLEMS]:
            err.print(str(problem), markup=False, highlight=False)
        if len(report.problems) > SHOWN_PROBLEMS:
            note(f"… and {len(report.problems) - SHOWN_PROBLEMS} more problems; --json lists all of them.")
        rate = report.read / report.seconds if report.seconds else 0
        too_old = f", {report.too_old} too old to be kept" if report.too_old else ""
        out.print(
            f"{path.name}: {report.read} messages read, {report.written} new or newer, {report.deleted} deleted"
            f"{too_old} ({rate:,.0f} messages/s).",
            markup=False,
            highlight=False,
        )


@group.command()
def reindex(
    channel: Annotated[str, typer.Argument(help="Channel, by name or id.")],
    since: Annotated[datetime | None, typer.Option(help="Only what was said from this day on.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Embed again even what did not change.")] = False,
    wait: Annotated[bool, typer.Option(help="Do it now; else `threadlore run` does.")] = True,
) -> None:
    """Learn a channel again: from its platform where one is connected, else from what is stored."""

    async def work() -> None:
        async with open_app(load_settings()) as app:
            ref = await the_channel(app.access, channel)
            day = since.replace(tzinfo=since.tzinfo or UTC) if since is not None else None
            ordered = await app.admin.learn(ref, since=day, full=full)
            job = await app.admin.job(ordered) if ordered is not None else None
            if job is None:
                raise UsageProblem(f"There is no channel {channel}.")
            what = f"{job.total} threads and days of {channel}" if job.kind == "reindex" else f"reading {channel}"
            out.print(f"Job {job.job_pk}: {what}.", highlight=False, markup=False)
            if wait:
                for adapter in app.adapters if job.kind != "reindex" else ():
                    await adapter.open(app.desk)
                await app.backfill.drain()
                await _index(app)

    run(work())


@group.command()
def cancel(job: Annotated[int, typer.Argument(help="Number of the job; `threadlore status` lists them.")]) -> None:
    """Stop a job."""

    async def work() -> None:
        async with open_app(load_settings()) as app:
            if not await app.admin.cancel(job):
                fail(f"Job {job} is not running.", 1)
            out.print(f"Job {job} is cancelled.", highlight=False)

    run(work())


@group.command()
def status(as_json: AsJson = False) -> None:
    """Show what is known, and what still waits to be indexed."""

    async def work() -> None:
        async with open_app(load_settings()) as app:
            found = await app.admin.status()
        if as_json:
            print_json(status_document(found))
            return
        table = Table("channel", "workspace", "messages", "units", "waiting", "given up", "latest", title="Channels")
        for one in found.channels:
            latest = one.latest.strftime("%Y-%m-%d") if one.latest else ""
            name = f"#{one.name}" + (" (private)" if one.visibility == "private" else "")
            name += " (restored, not yet checked)" if one.quarantined else ""
            counts = (str(one.messages), str(one.units), str(one.waiting), str(one.parked))
            table.add_row(name, one.workspace, *counts, latest)
        out.print(table)
        for job in found.jobs:
            out.print(
                f"Job {job.job_pk}: {job.kind} #{job.channel}, {job.state}, {job.total - job.left} of {job.total}.",
                highlight=False,
                markup=False,
            )
        if found.quarantined:
            out.print(f"{found.quarantined} channels are closed to answers since a restore.", highlight=False)
        for line in adapter_lines(found):
            out.print(line, highlight=False, markup=False)
        model = found.model.name if found.model else "none yet"
        out.print(f"Embedding model: {model}. Waiting to be indexed: {found.waiting}.", highlight=False, markup=False)

    run(work())


@group.command()
def forget(
    channel: Annotated[str | None, typer.Option("--channel", help="Everything said in this channel.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Everything this person wrote.")] = None,
    message: Annotated[str | None, typer.Option("--message", help="One message, by its id.")] = None,
) -> None:
    """Remove messages from the archive, the index and the conversation memory."""
    if sum(value is not None for value in (channel, user, message)) != 1:
        raise typer.BadParameter("give exactly one of --channel, --user and --message")

    async def work() -> None:
        async with open_app(load_settings()) as app:
            gone = 0
            if channel is not None:
                gone = await app.admin.forget_channel(await the_channel(app.access, channel)) or 0
            elif user is not None:
                gone = await app.admin.forget_person(await the_person(app.access, user))
            elif message is not None:
                gone = await app.admin.forget_message(message)
                if gone == 0:
                    fail(f"There is no message {message}.", 1)
            out.print(f"{gone} messages forgotten.", highlight=False)

    run(work())
