"""The words of a command that name a channel, a person or a message. This file performs no I/O."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from adapters.commands import Misread
from adapters.slack.messages import PLATFORM
from knowledge.messages import ChannelRef, PersonRef

_WORD = re.compile(r"<[^<>]*>|[^\s<]+|<")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|[^<>]*)?>|([CG](?=[A-Z]*\d)[A-Z0-9]{4,})", re.ASCII)
_PERSON = re.compile(r"<@([A-Z0-9]+)(?:\|[^<>]*)?>|([UW](?=[A-Z]*\d)[A-Z0-9]{4,})", re.ASCII)
_LINK = re.compile(
    r"<?https?://[^/\s<>|]+/archives/([A-Z0-9]+)/p(\d{7,12})(\d{6})"
    r"(?:\?(?:[^\s<>|]*&)?thread_ts=(\d{1,12}\.\d{6})[^\s<>|]*|\?[^\s<>|]*)?(?:\|[^<>]*)?>?",
    re.ASCII,
)
_ENTITY = "&amp;"
_SHOWN_CHARS = 40


@dataclass(frozen=True, slots=True)
class Here:
    """Where and when a command was typed. `now` is in the zone of who typed it.

    `channel_id` and `person_id` find the id that a name stands for; None when there is none, or several.
    """

    channel: ChannelRef
    now: datetime
    channel_id: Callable[[str], str | None]
    person_id: Callable[[str], str | None]


class Link(NamedTuple):
    """The message that an address leads to, and the thread it is in, if any."""

    channel_id: str
    ts: str
    thread_ts: str | None


def words(text: str) -> list[str]:
    """The words of a command; a mention or an address in angle brackets is one."""
    return [word for word in (found.rstrip(",;") for found in _WORD.findall(text)) if word]


def shown(word: str) -> str:
    """A word as it may be repeated in a sentence: without anything that Slack, or a reader, takes for a sign."""
    return re.sub(r"[^\w-]", "", word)[:_SHOWN_CHARS] or "that"


def link(word: str) -> Link | None:
    """The message a permalink leads to."""
    match = _LINK.fullmatch(word.replace(_ENTITY, "&"))
    return Link(match[1], f"{match[2]}.{match[3]}", match[4]) if match else None


def channel(word: str, here: Here, *, bare: bool = False) -> ChannelRef | None:
    """The channel a word stands for; None when it has not the form of one. `bare`: a name needs no "#".

    Errors: `Misread` for a name that no channel has.
    """
    if word.lower() == "here":
        return this_channel(here)
    if match := _CHANNEL.fullmatch(word):
        return ChannelRef(PLATFORM, here.channel.workspace, match[1] or match[2])
    if not (bare or word.startswith("#")):
        return None
    found = here.channel_id(word.removeprefix("#"))
    if found is None:
        raise Misread(f"I know no channel called {shown(word)}: write # and pick it from Slack's list.")
    return ChannelRef(PLATFORM, here.channel.workspace, found)


def this_channel(here: Here) -> ChannelRef:
    """The channel the command was typed in. Errors: `Misread` in a direct conversation: nothing of those is kept."""
    if here.channel.channel_id.startswith("D"):
        raise Misread("This is a direct conversation, so please say which channel you mean, as in #channel.")
    return here.channel


def person(word: str, here: Here, *, bare: bool = False) -> PersonRef | None:
    """The person a word stands for; None when it has not the form of one. `bare`: a name needs no "@".

    Errors: `Misread` for a name that nobody has, or several.
    """
    if match := _PERSON.fullmatch(word):
        return PersonRef(PLATFORM, here.channel.workspace, match[1] or match[2])
    if not (bare or word.startswith("@")):
        return None
    found = here.person_id(word.removeprefix("@"))
    if found is None:
        raise Misread(f"I know no one person called {shown(word)}: write @ and pick the person from Slack's list.")
    return PersonRef(PLATFORM, here.channel.workspace, found)
