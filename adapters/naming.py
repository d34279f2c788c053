"""A text without the bot's own name, wherever it stands outside of code. This file performs no I/O and never raises."""

import re

_CLOSING = (",", ".", ";", ":", "!", "?")
_AFTER_A_NAME = ",;:–— \t\n"


def without_name(text: str, name: re.Pattern[str], code: re.Pattern[str]) -> str:
    """The text without a name, trimmed. `code` has one group, which is all of it: what is code stays as it is."""
    pieces = code.split(text)
    # Every second piece is code.
    pieces[::2] = [_without(name, piece) for piece in pieces[::2]]
    return "".join(pieces).strip().lstrip(_AFTER_A_NAME)


def _without(name: re.Pattern[str], text: str) -> str:
    """The text without the gaps that a name would leave. Split by hand: a pattern for blanks backtracks."""
    first, *rest = name.split(text)
    parts = [first]
    for part in rest:
        parts[-1] = parts[-1].rstrip(" \t")
        after = part.lstrip(" \t")
        is_closed = after[:1].isspace() or after.startswith(_CLOSING)
        parts.append(after if is_closed else f" {after}")
    return "".join(parts)
