"""The command `threadlore`: adds up the command groups."""

import typer

from bot.commands import admin, backup, bench_engine, measure, operate, serve
from bot.telemetry import setup_logging

app = typer.Typer(
    name="threadlore",
    help="Answers questions from what your team has already written, and cites it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for group in (serve.group, admin.group, operate.group, backup.group):
    app.registered_commands.extend(group.registered_commands)
app.add_typer(operate.models, name="models")
app.add_typer(measure.evaluate, name="eval")
bench = typer.Typer(help="Measure how fast the bot is.", no_args_is_help=True)
bench.callback()(lambda: None)
for group in (bench_engine.group,):
    bench.registered_commands.extend(group.registered_commands)
app.add_typer(bench, name="bench")


def main() -> None:
    """Entry point of the installed command. Standard output is for answers: the log goes elsewhere from the start."""
    setup_logging()
    app()


if __name__ == "__main__":
    main()
