"""Buttons, shortcuts and dialogs of Slack, read into small types. This file performs no I/O and never raises."""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters import fields
from adapters.slack.messages import ts_in

Body = Mapping[str, object]

_CHOSEN = (
    "value",
    "selected_user",
    "selected_channel",
    "selected_conversation",
    "selected_date",
    "selected_time",
    "selected_date_time",
)
_CHOSEN_MANY = ("selected_users", "selected_channels", "selected_conversations")


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody pressed a button, or chose something, in a message of ours.

    `value` is the button's own, or what was chosen. Ephemeral messages are known by `response_url` alone.
    """

    action_id: str
    value: str
    user_id: str
    channel_id: str
    message_ts: str
    thread_ts: str | None
    response_url: str
    trigger_id: str
    is_ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Somebody chose a shortcut of ours: of a message, `message` as Slack shows it, or of none (then it is empty)."""

    callback_id: str
    user_id: str
    channel_id: str
    message: Mapping[str, object]
    trigger_id: str
    response_url: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """Somebody sent a dialog. `values` maps each action_id to what was entered, several choices joined by commas."""

    callback_id: str
    private_metadata: str
    user_id: str
    values: Mapping[str, str]
    trigger_id: str = ""


def read(body: Body) -> Pressed | Shortcut | Submitted | None:
    """What somebody did. None for a payload that tells nothing we act on."""
    kind = fields.text(body, "type")
    user_id = fields.text(fields.record(body.get("user")), "id")
    if not user_id:
        return None
    if kind == "block_actions":
        return _pressed(body, user_id)
    if kind in {"message_action", "shortcut"}:
        return _shortcut(body, user_id)
    return _submitted(body, user_id) if kind == "view_submission" else None


def _pressed(body: Body, user_id: str) -> Pressed | None:
    """Slack sends one action at a time, in a list."""
    action = next(iter(fields.records(body.get("actions"))), {})
    action_id = fields.text(action, "action_id")
    if not action_id:
        return None
    container, message = fields.record(body.get("container")), fields.record(body.get("message"))
    return Pressed(
        action_id=action_id,
        value=_entered(action),
        user_id=user_id,
        channel_id=_channel_id(body) or fields.text(container, "channel_id"),
        message_ts=ts_in(container, "message_ts") or ts_in(message, "ts"),
        thread_ts=ts_in(container, "thread_ts") or ts_in(message, "thread_ts") or None,
        response_url=fields.text(body, "response_url"),
        trigger_id=fields.text(body, "trigger_id"),
        is_ephemeral=fields.flag(container, "is_ephemeral"),
    )


def _shortcut(body: Body, user_id: str) -> Shortcut | None:
    callback_id = fields.text(body, "callback_id")
    if not callback_id:
        return None
    return Shortcut(
        callback_id=callback_id,
        user_id=user_id,
        channel_id=_channel_id(body),
        message=fields.record(body.get("message")),
        trigger_id=fields.text(body, "trigger_id"),
        response_url=fields.text(body, "response_url"),
    )


def _submitted(body: Body, user_id: str) -> Submitted | None:
    view = fields.record(body.get("view"))
    callback_id = fields.text(view, "callback_id")
    if not callback_id:
        return None
    blocks = fields.record(fields.record(view.get("state")).get("values")).values()
    values = {
        fields.clean(action_id): _entered(fields.record(element))
        for block in blocks
        for action_id, element in fields.record(block).items()
    }
    return Submitted(
        callback_id, fields.text(view, "private_metadata"), user_id, values, fields.text(body, "trigger_id")
    )


def _entered(element: Mapping[str, object]) -> str:
    """What one element holds, whatever kind it is."""
    for key in _CHOSEN:
        if entered := fields.identifier(element, key):
            return entered
    if option := fields.text(fields.record(element.get("selected_option")), "value"):
        return option
    many = [fields.text(option, "value") for option in fields.records(element.get("selected_options"))]
    for key in _CHOSEN_MANY:
        chosen = element.get(key)
        many += [fields.clean(one) for one in chosen if isinstance(one, str)] if isinstance(chosen, list) else []
    return ",".join(one for one in many if one)


def _channel_id(body: Body) -> str:
    return fields.text(fields.record(body.get("channel")), "id")
