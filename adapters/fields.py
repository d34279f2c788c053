"""Reading values of any JSON: a wrong type counts as absent. This file performs no I/O and never raises."""

import re
from collections.abc import Mapping

NAME_LIMIT = 80
"""Characters of a person's, a channel's or a file's name; longer ones are cut."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_INTEGER_LIMIT = 2**63


def clean(text: str) -> str:
    """The text without NUL characters and lone surrogates: no database stores either."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("", text)
    return text


def one_line(text: str, limit: int = NAME_LIMIT) -> str:
    """A name fit for a label: one line, no runs of spaces, cut at `limit` characters."""
    return " ".join(clean(text).split())[:limit].rstrip()


def text(record: Mapping[str, object], key: str) -> str:
    """A cleaned string, or "" when there is none."""
    value = record.get(key)
    return clean(value) if isinstance(value, str) else ""


def name(record: Mapping[str, object], *keys: str) -> str:
    """The first of these fields that holds a name, in one line."""
    for key in keys:
        if found := one_line(text(record, key)):
            return found
    return ""


def identifier(record: Mapping[str, object], key: str) -> str:
    """An id: a cleaned string, or a whole number written out; "" when there is neither."""
    value = record.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(record, key)


def integer(record: Mapping[str, object], key: str) -> int | None:
    """A whole number of at most 64 bits."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -_INTEGER_LIMIT <= value < _INTEGER_LIMIT else None


def flag(record: Mapping[str, object], key: str) -> bool:
    """Whether the field is true, and not merely something."""
    return record.get(key) is True


def record(value: object) -> dict[str, object]:
    """The value when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: object) -> list[dict[str, object]]:
    """The objects of a JSON array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
