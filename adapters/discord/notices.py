"""Our own words around answers: the notice on joining, the help, the question that a public answer repeats. No I/O."""

from collections.abc import Sequence
from dataclasses import replace

from adapters.discord.command_texts import ASK_ABOUT, DESCRIPTIONS, translated
from adapters.discord.escaping import unlinked
from adapters.discord.render import CONTENT_CHARS, Rendered
from adapters.replies import shortened

QUESTION_CHARS = 300
NAME_CHARS = 60
MOST_NAMES = 15
NEEDED = "Read Message History (in a voice channel also Connect)"
JOINED = """Hello, I am a bot that answers questions from what is written here.
- **What I read:** the messages of the channels, threads and forum posts that I can see, from their beginning; I keep \
up with edits and deletions. I keep nothing of direct messages. Everything stays on your own machines.
- **Who sees it:** what is written in a channel is quoted only to people who may read that channel.
- **How to opt out:** `/forget-me` erases what you wrote and keeps me from learning more of yours. \
An admin can switch me off in a channel with `/lore config`; a channel that I may not see is closed to me at once.
Mention me with a question to try, or write `/lore-help`."""
WHO_SEES = """Mention me, or answer a message of mine, and everybody here sees the answer; it holds only what \
everybody here may read. “Show me privately” answers again, for you alone, from everything that you may read."""

FOR_EVERYBODY = ("ask", "summary", "forget-me", "remember-me", "lore-reset", "lore-help")
FOR_ADMINS = ("lore reindex", "lore status", "lore cancel", "lore forget", "lore config", "lore gaps")


def joined_notice(closed: int = 0) -> Rendered:
    """What everybody in a guild is told when the bot comes in.

    `closed`: how many channels it sees and may not read. Which, is told to admins alone: not everybody sees each.
    """
    more = (
        f"\n-# I may not read the past of {_channels(closed)} that I see: `/lore status` says which." if closed else ""
    )
    return Rendered(JOINED + more)


def closed_line(names: Sequence[str]) -> str:
    """One sentence for an admin on the channels that the bot sees and may not read."""
    shown = ", ".join(f"#{name}" for name in names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"Not learnt, because I see them but may not read their past: {shown}{more}. Give me {NEEDED} there."


def help_lines(locale: str = "", *, is_admin: bool) -> list[str]:
    """Who sees what, and a line for each command that this person may use, in Discord's Markdown.

    The commands are named in the language of a client such as "zh-CN".
    """
    names = FOR_EVERYBODY + (FOR_ADMINS if is_admin else ())
    lines = [f"- `/{' '.join(_in(word, locale) for word in name.split())}`: {_does(name, locale)}" for name in names]
    return [WHO_SEES, *lines, f"- *{_in(ASK_ABOUT, locale)}*: {_does(ASK_ABOUT, locale)}"]


def help_message(locale: str = "", *, is_admin: bool) -> Rendered:
    """What the bot can do for this person."""
    return Rendered("\n".join(help_lines(locale, is_admin=is_admin)))


def with_question(parts: Sequence[Rendered], asked_by: str, question: str) -> list[Rendered]:
    """An answer with the question above it: a command is shown without its options.

    Shape: where the first message has no room left, the question is a message of its own.
    """
    asker, asked = unlinked(shortened(asked_by, NAME_CHARS)), unlinked(shortened(question, QUESTION_CHARS))
    head = f"-# {asker} asked: {asked}" if asked else f"-# {asker} asked for a summary"
    first, *rest = parts
    if len(head) + 1 + len(first.content) > CONTENT_CHARS:
        return [Rendered(head), *parts]
    return [replace(first, content=f"{head}\n{first.content}"), *rest]


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _does(name: str, locale: str) -> str:
    return _in(DESCRIPTIONS[name].english, locale)


def _in(english: str, locale: str) -> str:
    return translated(english, locale) or english
