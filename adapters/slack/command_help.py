"""What `/lore help` says. This file performs no I/O."""

from typing import NamedTuple

COMMAND = "/lore"


class Entry(NamedTuple):
    """One subcommand: what to write, and what it does."""

    name: str
    usage: str
    does: str
    for_admins: bool = False


ENTRIES = (
    Entry("ask", "ask [public] QUESTION", "answers you alone, or everybody here; the word `ask` may be left out"),
    Entry(
        "summary",
        "summary [#channel or LINK] [since WHEN] [public]",
        "sums up this channel, another one, or the thread that a link leads to",
    ),
    Entry("reset", "reset", "forgets our conversation here"),
    Entry("forget-me", "forget-me", "erases what you wrote; from now on I keep nothing of yours"),
    Entry("remember-me", "remember-me", "lets me keep what you write again"),
    Entry("help", "help [WORD]", "shows this list, or the line of one word"),
    Entry("status", "status", "shows channels, jobs and how far I am behind", for_admins=True),
    Entry("reindex", "reindex #channel [since WHEN] [full]", "learns a channel again", for_admins=True),
    Entry("cancel", "cancel JOB", "stops a job", for_admins=True),
    Entry("config", "config [#channel] [KEY VALUE]", "shows a channel's settings, or sets one", for_admins=True),
    Entry("forget", "forget #channel, @person or LINK", "erases what I know of it", for_admins=True),
    Entry("gaps", "gaps", "lists the questions that I could not answer well", for_admins=True),
)


def help_lines(topic: str = "", *, is_admin: bool) -> list[str]:
    """A line for each subcommand this person may use, or for the one of that name, in Slack's mrkdwn."""
    mine = [entry for entry in ENTRIES if is_admin or not entry.for_admins]
    about = [entry for entry in mine if entry.name == topic]
    return [f"`{COMMAND} {entry.usage}`: {entry.does}" for entry in about or mine]
