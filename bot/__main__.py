"""The command `threadlore`: adds up the command groups."""

import typer

from bot.commands import admin, backup, bench, bench_engine, label, measure, measure_answers, operate, serve, tune
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
operate.models.registered_commands.extend(tune.group.registered_commands)
app.add_typer(operate.models, name="models")
for group in (measure_answers.group, label.group):
    measure.evaluate.registered_commands.extend(group.registered_commands)
app.add_typer(measure.evaluate, name="eval")
bench.bench.registered_commands.extend(bench_engine.group.registered_commands)
app.add_typer(bench.bench, name="bench")


def main() -> None:
    """Entry point of the installed command. Standard output is for answers: the log goes elsewhere from the start."""
    setup_logging()
    app()


if __name__ == "__main__":
    main()
