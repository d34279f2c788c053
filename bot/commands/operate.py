"""Commands of the operator: doctor, migrate, models."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from bot.config import load_settings
from bot.doctor import examine
from bot.errors import EXIT_DEPENDENCY
from bot.model_catalogue import CHOICES, NOTE, choice_named, pull
from bot.terminal import note, out, print_json, progress, run
from bot.wiring import home_of, open_servers
from knowledge.migrate import migrate as apply_migrations

group = typer.Typer()
models = typer.Typer(help="Models to choose from.", no_args_is_help=True)

SETTINGS = {
    "chat": "THREADLORE_MODEL__PATH",
    "embedding": "THREADLORE_EMBEDDING__PATH",
    "reranker": "THREADLORE_RERANK__PATH",
}

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@group.command()
def doctor(
    as_json: AsJson = False,
    with_models: Annotated[bool, typer.Option("--models/--no-models", help="Load the models too.")] = True,
) -> None:
    """Check database, Redis, models, GPU offload and disk, and say how to mend each."""

    async def work() -> None:
        checks = await examine(load_settings(), models=with_models)
        if as_json:
            print_json([asdict(check) for check in checks])
        else:
            table = Table("", "check", "found", "to mend it", title="Doctor")
            for check in checks:
                table.add_row("ok" if check.ok else "NOT OK", check.name, check.found, check.mend)
            out.print(table)
        if not all(check.ok for check in checks):
            raise typer.Exit(EXIT_DEPENDENCY)

    run(work())


@group.command()
def migrate() -> None:
    """Bring the database schema up to date."""

    async def work() -> None:
        async with open_servers(load_settings()) as servers:
            applied = await apply_migrations(servers.database_url)
        out.print(f"Applied {', '.join(applied)}." if applied else "The schema is up to date.", highlight=False)

    run(work())


@models.command(name="list")
def list_models(as_json: AsJson = False) -> None:
    """Show models to choose from, with licence, size and memory."""
    if as_json:
        print_json([asdict(choice) for choice in CHOICES])
        return
    table = Table("name", "kind", "licence", "size", "memory", "GPU", "remark", title="Models")
    for choice in CHOICES:
        cards = ", ".join(f"{size} GB" for size in choice.gpu_gb)
        memory = f"{choice.memory_gb:.1f} GB"
        table.add_row(
            choice.name, choice.kind, choice.licence, f"{choice.size_bytes / 1e9:.1f} GB", memory, cards, choice.remark
        )
    out.print(table)
    note(NOTE)


@models.command(name="pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="A name from `threadlore models list`.")],
    endpoint: Annotated[str | None, typer.Option(help="Address of another hub that speaks the same protocol.")] = None,
) -> None:
    """Fetch a model file; an interrupted download goes on where it stopped."""

    async def work() -> None:
        choice = choice_named(name)
        with progress("bytes") as bar:
            task = bar.add_task(f"fetching {choice.file}", total=choice.size_bytes)
            path = pull(
                name,
                home_of(load_settings()),
                endpoint=endpoint,
                on_progress=lambda done, total: bar.update(task, completed=done, total=total or None),
            )
        out.print(str(path), highlight=False, markup=False)
        note(f"Use it with {SETTINGS[choice.kind]}={path}")

    run(work())
