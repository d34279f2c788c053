"""Our own words around answers: the notice on joining, the help, the question that a public answer repeats. No I/O."""

from collections.abc import Sequence
from dataclasses import replace

from adapters.replies import split
from adapters.slack.blocks import SECTION_CHARS, TEXT_CHARS, context, section
from adapters.slack.command_help import COMMAND
from adapters.slack.escaping import unlinked
from adapters.slack.render import Rendered

QUESTION_CHARS = 300
JOINED = f"""Hello, I am a bot that answers questions from what is written here.
• *What I read:* the messages of this channel, from its beginning; I keep up with edits and deletions. \
Everything stays on your own machines.
• *Who sees it:* what is written here is quoted only to people who may read this channel; what is written in a \
public channel, to everybody who may read public channels.
• *How to opt out:* `{COMMAND} forget-me` erases what you wrote and keeps me from learning more of yours. \
An admin can switch me off here with `{COMMAND} config bot off`; removing me closes the channel at once.
Mention me with a question to try."""


def joined_notice() -> Rendered:
    """What everybody in a channel is told when the bot comes in."""
    return Rendered(JOINED.replace("*", ""), [section(JOINED)])


def help_message(lines: Sequence[str]) -> Rendered:
    """The list of commands, whose lines are our own mrkdwn."""
    texts = split("\n".join(lines), SECTION_CHARS)
    return Rendered(texts[0], [section(text) for text in texts])


def with_question(part: Rendered, asked_by: str, question: str) -> Rendered:
    """An answer with the question above it: the command that asked it was shown to its sender only."""
    asked = " ".join(question.split())
    shown = asked if len(asked) <= QUESTION_CHARS else f"{asked[:QUESTION_CHARS].rstrip()}…"
    what = f"asked: {unlinked(shown)}" if shown else "asked for a summary"
    head = f"{unlinked(asked_by)} {what}"
    return replace(part, text=split(f"{head}\n{part.text}", TEXT_CHARS)[0], blocks=[context(head), *part.blocks])
