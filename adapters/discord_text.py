"""Discord's markup as text a person can read, live or from an export. This file performs no I/O and never raises."""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta

from adapters import fields
from adapters.dates import EPOCH

_TOKEN = re.compile(
    r"<(?:@!?(?P<person>\d{1,20})|@&(?P<role>\d{1,20})|#(?P<channel>\d{1,20})"
    r"|a?:(?P<emoji>\w{1,64}):\d{1,20}|t:(?P<time>-?\d{1,12})(?::[a-zA-Z])?"
    r"|/(?P<command>[^<>:\n]{1,100}):\d{1,20})>",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Names:
    """What ids stand for: people, roles and channels, by id."""

    people: MutableMapping[str, str] = field(default_factory=dict)
    roles: MutableMapping[str, str] = field(default_factory=dict)
    channels: MutableMapping[str, str] = field(default_factory=dict)


def readable(text: str, names: Names) -> str:
    """Mentions as names, emoji as :name:, commands as /name, times as dates in UTC; all else unchanged."""
    return _TOKEN.sub(lambda match: _spelled(match, names), text) if "<" in text else text


def embeds_text(embeds: Iterable[Mapping[str, object]], names: Names) -> str:
    """Titles and descriptions of embeds, one line each."""
    said = (readable(fields.text(embed, key), names).strip() for embed in embeds for key in ("title", "description"))
    return "\n".join(part for part in said if part)


def named(kind: str, *names: str) -> str:
    """A line for what has no words but names, such as "[file: plan.pdf]"; "" without a name. A name is said once."""
    shown = ", ".join(dict.fromkeys(name for name in names if name))
    return f"[{kind}: {shown}]" if shown else ""


def _spelled(match: re.Match[str], names: Names) -> str:
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    match kind:
        case "person":
            return "@" + names.people.get(value, value)
        case "role":
            return "@" + names.roles.get(value, value)
        case "channel":
            return "#" + names.channels.get(value, value)
        case "emoji":
            return f":{value}:"
        case "time":
            return _date(int(value)) or match[0]
    return f"/{value}"


def _date(seconds: int) -> str:
    try:
        moment = EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return ""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
