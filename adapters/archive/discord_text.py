"""Discord's markup, embeds and attachments as text a person can read. This file performs no I/O and never raises."""

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta

from adapters import fields
from adapters.dates import EPOCH

_TOKEN = re.compile(
    r"<(?:@!?(?P<person>\d{1,20})|@&(?P<role>\d{1,20})|#(?P<channel>\d{1,20})"
    r"|a?:(?P<emoji>\w{1,64}):\d{1,20}|t:(?P<time>-?\d{1,12})(?::[tTdDfFR])?)>",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Names:
    """What ids stand for; people and roles are learnt while reading."""

    people: MutableMapping[str, str] = field(default_factory=dict)
    roles: MutableMapping[str, str] = field(default_factory=dict)
    channels: MutableMapping[str, str] = field(default_factory=dict)


def readable(text: str, names: Names) -> str:
    """Mentions as names, custom emoji as :name:, timestamps as dates in UTC; all else unchanged."""
    return _TOKEN.sub(lambda match: _spelled(match, names), text) if "<" in text else text


def message_text(raw: Mapping[str, object], names: Names) -> str:
    """Everything a message says: its content, else what it forwards, else its embeds; then stickers and files."""
    text = readable(fields.text(raw, "content"), names).strip()
    if not text:
        text = readable(fields.text(fields.record(raw.get("forwardedMessage")), "content"), names).strip()
    if not text:
        embeds = (embed_text(embed, names) for embed in fields.records(raw.get("embeds")))
        text = "\n".join(part for part in embeds if part)
    parts = [text] if text else []
    parts += [
        f"[sticker: {name}]" for item in fields.records(raw.get("stickers")) if (name := fields.name(item, "name"))
    ]
    files = fields.records(raw.get("attachments"))
    parts += [f"[file: {name}]" for item in files if (name := fields.name(item, "fileName", "filename", "name"))]
    return "\n".join(parts)


def embed_text(embed: Mapping[str, object], names: Names) -> str:
    """An embed's title and description."""
    parts = (readable(fields.text(embed, key), names).strip() for key in ("title", "description"))
    return "\n".join(part for part in parts if part)


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
    try:
        moment = EPOCH + timedelta(seconds=int(value))
    except OverflowError:
        return match[0]
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
