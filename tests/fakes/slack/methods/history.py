"""conversations.history, newest first and without replies; conversations.replies, oldest first, parent leading."""

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.channel import Channel
from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.log import TS, Message, window
from tests.fakes.slack.methods.pages import cursor_for, place_of
from tests.fakes.slack.methods.registry import Args, find_channel, method

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace

DEFAULT, MOST = 100, 999
NON_MARKETPLACE_MOST = 15
_TIME = re.compile(r"(\d{1,10})(?:\.(\d{1,6}))?\d*", re.ASCII)


@method("conversations.history")
def history(workspace: "Workspace", args: Args) -> dict[str, Any]:
    channel, size = _readable(workspace, args)
    order = channel.log.order
    low, high = _bounds(args, order)
    if place := _place(args):
        high = min(high, bisect_right(order, place))
    start = max(low, high - size)
    answer: dict[str, Any] = {
        "messages": [_shown(channel, ts, args) for ts in reversed(order[start:high])],
        "has_more": start > low,
        "pin_count": 0,
    }
    if start > low:
        answer["response_metadata"] = {"next_cursor": cursor_for(order[start - 1])}
    return answer


@method("conversations.replies")
def replies(workspace: "Workspace", args: Args) -> dict[str, Any]:
    """Every page leads with the parent, however far the cursor or `oldest` has moved on."""
    channel, size = _readable(workspace, args)
    parent = channel.log.parent_of(args.needed("ts", "thread_not_found"))
    if parent is None:
        raise SlackError("thread_not_found")
    order = channel.log.replies_of(parent)
    low, high = _bounds(args, order)
    if place := _place(args):
        low = max(low, bisect_left(order, place))
    end = min(high, low + max(1, size - 1))
    answer: dict[str, Any] = {
        "messages": [_shown(channel, ts, args) for ts in (parent, *order[low:end])],
        "has_more": end < high,
    }
    if end < high:
        answer["response_metadata"] = {"next_cursor": cursor_for(order[end])}
    return answer


def _readable(workspace: "Workspace", args: Args) -> tuple[Channel, int]:
    channel = find_channel(workspace, args, "history")
    if not workspace.is_bot_in(channel):
        raise SlackError("not_in_channel")
    limit = args.limit(DEFAULT, MOST)
    return channel, workspace.page_size(min(limit, NON_MARKETPLACE_MOST) if workspace.non_marketplace else limit)


def _bounds(args: Args, order: list[str]) -> tuple[int, int]:
    return window(order, _time(args, "oldest"), _time(args, "latest"), inclusive=args.flag("inclusive"))


def _place(args: Args) -> str:
    place = place_of(args)
    if place and not TS.fullmatch(place):
        raise SlackError("invalid_cursor")
    return place


def _time(args: Args, name: str) -> str:
    """A bound as a message time; "" where there is none."""
    if not (value := args.text(name)):
        return ""
    match = _TIME.fullmatch(value)
    if match is None:
        raise SlackError(f"invalid_ts_{name}")
    return f"{match[1]:0>10}.{match[2] or '':0<6}"


def _shown(channel: Channel, ts: str, args: Args) -> Message:
    return channel.log.shown(channel.log.messages[ts], metadata=args.flag("include_all_metadata"))
