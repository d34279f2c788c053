"""Messages as Slack builds them: a person's, a bot's, a deleted parent's; and the rich text its editor makes."""

import copy
import itertools
import re
from typing import Any

from tests.fakes.slack.log import Message
from tests.fakes.slack.people import User

_TOKEN = re.compile(r"<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>")
_MARKUP = {"@": ("user", "user_id"), "#": ("channel", "channel_id"), "!": ("broadcast", "range")}
_numbers = itertools.count(1)


def spoken(user: User, text: str, ts: str, *, rich: bool = False) -> Message:
    """What a person, or a bot that is no stranger to `users.info`, says."""
    message: Message = {"type": "message", "user": user.id, "text": text, "ts": ts, "team": user.team}
    if user.bot_id:
        message |= {"bot_id": user.bot_id, "app_id": user.app_id, "bot_profile": user.bot_profile()}
    else:
        message["client_msg_id"] = f"00000000-0000-4000-8000-{next(_numbers):012d}"
        if rich and text:
            message["blocks"] = rich_text(text)
    return message


def tombstone(message: Message) -> Message:
    """What stays of a deleted message whose replies are still there."""
    return {
        "type": "message",
        "subtype": "tombstone",
        "text": "This message was deleted.",
        "user": "USLACKBOT",
        "hidden": True,
        "ts": message["ts"],
        "thread_ts": message["ts"],
    }


def rich_text(text: str) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = []
    place = 0
    for match in _TOKEN.finditer(text):
        if match.start() > place:
            elements.append({"type": "text", "text": text[place : match.start()]})
        sign, target, label = match.groups()
        if sign:
            kind, key = _MARKUP[sign]
            elements.append({"type": kind, key: target})
        else:
            elements.append({"type": "link", "url": target} | ({"text": label} if label else {}))
        place = match.end()
    if place < len(text):
        elements.append({"type": "text", "text": text[place:]})
    return with_ids([{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}])


def with_ids(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A copy in which every block has an id; a markdown block loses the caller's."""
    kept = copy.deepcopy(blocks)
    for block in kept:
        if block.get("type") == "markdown" or not block.get("block_id"):
            block["block_id"] = f"b{next(_numbers)}"
    return kept
