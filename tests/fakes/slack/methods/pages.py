"""Pages by cursor. A cursor names the place where the next page begins, so that changes between pages skip nothing."""

import base64
import binascii
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.methods.registry import Args

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace

_MARK = "next:"


def cursor_for(place: str) -> str:
    return base64.b64encode((_MARK + place).encode()).decode()


def place_of(args: Args) -> str:
    """The place a cursor names; "" without one."""
    if not (cursor := args.text("cursor")):
        return ""
    try:
        place = base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise SlackError("invalid_cursor") from None
    if not place.startswith(_MARK):
        raise SlackError("invalid_cursor")
    return place.removeprefix(_MARK)


def page_of(workspace: "Workspace", args: Args, items: list[Any], *, most: int, default: int) -> tuple[list[Any], str]:
    """One page of things in a fixed order, and the cursor of the next, or ""."""
    size = workspace.page_size(args.limit(default, most))
    place = place_of(args)
    if place and not place.isdigit():
        raise SlackError("invalid_cursor")
    start = int(place or 0)
    end = start + size
    return items[start:end], cursor_for(str(end)) if end < len(items) else ""
