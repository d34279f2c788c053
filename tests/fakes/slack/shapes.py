"""Checks what the fake sends against samples of Slack's own answers and events: same keys, same JSON types.

The samples lie outside the repository, in a folder `shared` beside it; without them there is nothing to check.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "platforms" / "slack"

_SAME_SHAPE = {"users.conversations": "conversations.list"}
_EVENT_SAMPLES = {
    "app_mention": "AppMentionPayload",
    "member_joined_channel": "MemberJoinedChannelPayload",
    "member_left_channel": "MemberLeftChannelPayload",
    "message": "MessagePayload",
    "message/message_changed": "MessageChangedPayload",
    "message/message_deleted": "MessageDeletedPayload",
    "reaction_added": "ReactionAddedPayload",
    "reaction_removed": "ReactionAddedPayload",
}
_SIDES = ("message", "previous_message")
_OUTER_SAMPLE = "ReactionAddedPayload"

_OUTER = frozenset({"context_team_id", "context_enterprise_id"})
"""Younger than the samples of message events; the sample of reaction_added has them."""
_SAID = ("app_id", "files", "reactions", "reply_users")
"""Keys of a message that the sample of history has and those of events lack."""
# What Slack sends though the sample lacks it. Samples of messages have no subtype, so nothing that comes with one.
_ALLOWED = {
    "app_mention": _OUTER | {"event.files"},
    "message": _OUTER | {f"event.{key}" for key in (*_SAID, "subtype", "upload", "username")},
    "message/message_changed": _OUTER | {f"event.{side}.{key}" for side in _SIDES for key in _SAID},
    "message/message_deleted": _OUTER | {f"event.{side}.{key}" for side in _SIDES for key in _SAID},
    # Which blocks were refused, as chat.postMessage tells it.
    "chat.postEphemeral": {"errors", "response_metadata"},
    "chat.update": {"errors"},
    # The documentation shows the finished message.
    "chat.stopStream": {"channel", "ts", "message"},
    # What is left of a deleted parent, seen in the wild.
    "conversations.history": {"messages.hidden"},
    # The sample's replies are all plain ones of a bot.
    "conversations.replies": {f"messages.{key}" for key in ("hidden", "client_msg_id", "subtype", "username")},
    # The sample is a channel; that of conversations.list has the keys of a direct message.
    "conversations.info": {"channel.user", "channel.priority", "channel.is_user_deleted"},
}
# Whoever posts decides what is in these; where they are nested, the samples are emptied.
_OPAQUE = frozenset({"blocks", "metadata", "view"})


def available() -> bool:
    return SAMPLES.is_dir()


class Shapes:
    """Compares with the samples. Each problem is one sentence naming the sample and the key."""

    @staticmethod
    def of_response(method: str, answer: dict[str, Any]) -> Iterator[str]:
        name = _SAME_SHAPE.get(method, method)
        if (sample := _sample(f"api/{name}.json")) is not None:
            yield from _named(method, _compare(answer, sample), name)

    @staticmethod
    def of_event(payload: dict[str, Any]) -> Iterator[str]:
        """Of an event without a sample of its own the envelope is compared alone."""
        event = payload["event"]
        exact = f"{event['type']}/{event.get('subtype', '')}"
        name = exact if exact in _EVENT_SAMPLES else event["type"]
        if name not in _EVENT_SAMPLES:
            payload = {key: value for key, value in payload.items() if key != "event"}
        sample = _sample(f"events/{_EVENT_SAMPLES.get(name, _OUTER_SAMPLE)}.json")
        if sample is not None:
            yield from _named(exact.rstrip("/"), _compare(payload, sample), name)


def _named(what: str, problems: Iterator[tuple[str, str]], sample: str) -> Iterator[str]:
    allowed = _ALLOWED.get(sample, frozenset())
    return (f"{what}: {key} {problem}" for key, problem in problems if key not in allowed)


@cache
def _sample(path: str) -> Any:
    file = SAMPLES / path
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def _compare(value: Any, sample: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Keys with what is wrong about them. An empty list or object in a sample says nothing of what may be in it."""
    if value is None:
        return
    if _kind(value) != _kind(sample):
        yield key, f"is {_kind(value)}, the sample has {_kind(sample)}"
    elif isinstance(value, dict) and sample:
        for name, inner in value.items():
            path = f"{key}.{name}" if key else name
            if name not in sample:
                yield path, "is not in the sample"
            elif name not in _OPAQUE:
                yield from _compare(inner, sample[name], path)
    elif isinstance(value, list) and sample:
        for inner in value:
            yield from _compare(inner, _merged(sample), key)


def _merged(items: list[Any]) -> Any:
    """One sample of an element, with the keys of all."""
    if all(isinstance(item, dict) for item in items):
        return {key: value for item in items for key, value in item.items()}
    return items[0]


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
    return "an object"
