"""Slack's mrkdwn, blocks and attachments as text a person can read. This file performs no I/O and never raises."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapters import fields

# One pass, so that "&amp;lt;" becomes "&lt;" and a name that holds "&amp;" stays as it is.
_TOKEN = re.compile(r"<([^<>]*)>|&(amp|lt|gt);")
_ENTITY = re.compile(r"&(amp|lt|gt);")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">"}
_ON_THEIR_OWN_LINES = {"rich_text_section", "rich_text_preformatted", "rich_text_quote", "mrkdwn"}
_CONTAINERS = ("title", "text", "fields", "elements")
_BROADCASTS = ("here", "channel", "everyone")
_PIECES = 10_000


@dataclass(frozen=True, slots=True)
class Names:
    """What ids stand for: people, channels and user groups, by id."""

    people: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)


def readable(text: str, names: Names) -> str:
    """Mentions as names, links as "label (address)", entities as characters; all else unchanged."""
    if "<" not in text and "&" not in text:
        return text
    return _TOKEN.sub(lambda match: _CHARACTERS[match[2]] if match[2] else _spelled(match[1], names), text)


def message_text(raw: Mapping[str, object], names: Names) -> str:
    """Everything a message says: its text, else its blocks, else its attachments; then the names of its files."""
    text = readable(fields.text(raw, "text"), names).strip()
    if not text:
        text = blocks_text(raw.get("blocks"), names)
    if not text:
        parts = (attachment_text(attachment, names) for attachment in fields.records(raw.get("attachments")))
        text = "\n".join(part for part in parts if part)
    files = [f"[file: {name}]" for file in fields.records(raw.get("files")) if (name := _file_name(file))]
    return "\n".join([text, *files] if text else files)


def attachment_text(attachment: Mapping[str, object], names: Names) -> str:
    """An attachment's fallback, else its own words, else its blocks."""
    if fallback := readable(fields.text(attachment, "fallback"), names).strip():
        return fallback
    said = (readable(fields.text(attachment, key), names).strip() for key in ("pretext", "title", "text"))
    return "\n".join(part for part in said if part) or blocks_text(attachment.get("blocks"), names)


def blocks_text(blocks: object, names: Names) -> str:
    """The text of Slack blocks of any kind, one line per block."""
    lines = ("".join(_pieces(block, names)).strip() for block in fields.records(blocks))
    return "\n".join(line for line in lines if line)


def _pieces(block: Mapping[str, object], names: Names) -> Iterator[str]:
    """Text of everything in a block, in order. A stack instead of recursion: blocks may nest as deep as JSON does."""
    stack: list[object] = [block]
    for _ in range(_PIECES):
        if not stack:
            return
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, str):
            yield readable(fields.clean(node), names)
        elif isinstance(node, dict):
            if leaf := _leaf(node, names):
                yield leaf
                continue
            if fields.text(node, "type") in _ON_THEIR_OWN_LINES:
                stack.append("\n")
            stack.extend(node[key] for key in reversed(_CONTAINERS) if key in node)


def _leaf(node: Mapping[str, object], names: Names) -> str:  # noqa: PLR0911 - one return per kind of element
    """Text of one element of rich text, or "" when it only holds others."""
    match fields.text(node, "type"):
        case "user":
            return _mention(fields.text(node, "user_id"), "", names.people, "@")
        case "channel":
            return _mention(fields.text(node, "channel_id"), "", names.channels, "#")
        case "usergroup":
            return _mention(fields.text(node, "usergroup_id"), "", names.groups, "@")
        case "broadcast":
            return "@" + fields.text(node, "range")
        case "emoji":
            return f":{fields.text(node, 'name')}:"
        case "link":
            return _link(fields.text(node, "url"), fields.text(node, "text"))
        case "text" | "plain_text":
            return fields.text(node, "text")
    return ""


def _spelled(token: str, names: Names) -> str:
    """The inside of one pair of angle brackets."""
    target, _, label = token.partition("|")
    label = _unescaped(label).strip()
    kind, rest = target[:1], target[1:]
    if kind == "@":
        return _mention(rest, label, names.people, "@")
    if kind == "#":
        return _mention(rest, label, names.channels, "#")
    if kind != "!":
        return _link(_unescaped(target), label)
    command, _, argument = rest.partition("^")
    if command == "subteam":
        return _mention(argument, label, names.groups, "@")
    if command in _BROADCASTS:
        return "@" + command
    return label or command


def _mention(target: str, label: str, known: Mapping[str, str], sign: str) -> str:
    return sign + (label.removeprefix(sign) or known.get(target) or target)


def _link(address: str, label: str) -> str:
    """An address once, even where Slack repeats it as its own label."""
    shown = address.removeprefix("mailto:").removeprefix("tel:")
    bare = shown.removeprefix("https://").removeprefix("http://").rstrip("/")
    if not label or label.removeprefix("https://").removeprefix("http://").rstrip("/") == bare:
        return shown
    return f"{label} ({shown})"


def _unescaped(text: str) -> str:
    return _ENTITY.sub(lambda match: _CHARACTERS[match[1]], text) if "&" in text else text


def _file_name(file: Mapping[str, object]) -> str:
    """A file's name, and the title it was given besides; "" for one deleted or beyond the plan's limit."""
    if fields.text(file, "mode") in {"tombstone", "hidden_by_limit"}:
        return ""
    name, title = fields.name(file, "name"), fields.name(file, "title")
    return f"{name}, {title}" if name and title and name != title else name or title
