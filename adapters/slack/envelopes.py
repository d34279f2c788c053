"""The outside of what Slack sends: what it is, for which workspace, under which id. No I/O, and it never raises."""

from collections.abc import Mapping
from hashlib import sha256

from adapters import fields
from adapters.slack.identity import Identity
from adapters.slack.messages import PLATFORM
from bot.conversation import Delivery

_INTERACTIONS = {
    "block_actions": "action",
    "message_action": "shortcut",
    "shortcut": "shortcut",
    "view_submission": "view",
}
_TYPED = ("team_id", "channel_id", "user_id", "command", "text", "response_url")


def delivery_from(body: Mapping[str, object]) -> Delivery | None:
    """The delivery a request's body is, whatever event it holds; None for what is answered at once and never kept.

    Shape: `kind` is "event", "command", "action", "shortcut" or "view". The id is the same when Slack sends it again.
    """
    kind, delivery_id = _identified(body)
    workspace = workspace_of(body)
    if not (kind and delivery_id and workspace):
        return None
    return Delivery(PLATFORM, workspace, delivery_id, kind, body)


def belongs(body: Mapping[str, object], identity: Identity) -> bool:
    """Whether it was sent to our app in our workspace. Whose company the people in it belong to is another matter."""
    app_id = fields.text(body, "api_app_id")
    if app_id and identity.app_id and app_id != identity.app_id:
        return False
    return bool(identity.team_id) and workspace_of(body) == identity.team_id


def workspace_of(body: Mapping[str, object]) -> str:
    """The workspace the app is installed in, or "".

    In a channel shared with another company `team_id`, `team` and the user may name theirs. So the first of these
    counts: the authorization, the view's installation, the context, and only then what else names a team.
    """
    authorizations = fields.records(body.get("authorizations"))
    view = fields.record(body.get("view"))
    told = (
        *(fields.text(authorization, "team_id") for authorization in authorizations[:1]),
        fields.text(view, "app_installed_team_id"),
        fields.text(body, "context_team_id"),
        fields.text(fields.record(body.get("team")), "id"),
        fields.text(body, "team_id"),
        fields.text(fields.record(body.get("user")), "team_id"),
    )
    return next((team_id for team_id in told if team_id), "")


def _identified(body: Mapping[str, object]) -> tuple[str, str]:
    """Kind and id; "" where there is none."""
    outer = fields.text(body, "type")
    if outer == "event_callback":
        return "event", fields.text(body, "event_id")
    if outer == "app_rate_limited":
        return "event", f"{outer}:{fields.identifier(body, 'minute_rate_limited')}"
    if outer in _INTERACTIONS:
        return _INTERACTIONS[outer], fields.text(body, "trigger_id") or _place_and_time(body)
    if fields.text(body, "command"):
        return "command", fields.text(body, "trigger_id") or _fingerprint(body)
    return "", ""


def _place_and_time(body: Mapping[str, object]) -> str:
    """An id for an interaction without a trigger: where it happened, and when."""
    container, view = fields.record(body.get("container")), fields.record(body.get("view"))
    place = fields.text(container, "message_ts") or fields.text(body, "message_ts") or fields.text(view, "id")
    actions = [fields.text(action, "action_ts") for action in fields.records(body.get("actions"))[:1]]
    time = next((ts for ts in (*actions, fields.text(body, "action_ts"), fields.text(view, "hash")) if ts), "")
    return f"{place}:{time}" if place and time else ""


def _fingerprint(body: Mapping[str, object]) -> str:
    """An id for a command without a trigger: the response address is another one each time."""
    typed = "\x00".join(fields.text(body, key) for key in _TYPED)
    return sha256(typed.encode()).hexdigest()
