"""Message events of Slack: what was said, asked, edited and removed. This file performs no I/O and never raises."""

from collections.abc import Mapping

from adapters import fields
from adapters.slack.identity import Identity
from adapters.slack.mentions import mentioned, spoken_text
from adapters.slack.messages import SAID, ts_in
from adapters.slack.seen import (
    DirectMessage,
    Edited,
    Ignored,
    MadePrivate,
    MadePublic,
    Mentioned,
    OwnRemoved,
    Removed,
    Said,
    Seen,
)

Event = Mapping[str, object]

_DIRECT = frozenset({"im", "app_home"})
_GROUP_DIRECT = "mpim"
_SHOWN = ("text", "blocks", "files")


def message(event: Event, identity: Identity) -> list[Seen]:
    """What a "message" event of any subtype tells, at least one thing."""
    channel_id = fields.text(event, "channel")
    if not channel_id:
        return [Ignored("malformed")]
    match fields.text(event, "subtype"):
        case "message_changed":
            return [_changed(event, identity)]
        case "message_deleted":
            old = fields.record(event.get("previous_message"))
            return [_removed(event, ts_in(event, "deleted_ts") or ts_in(old, "ts"), old, identity)]
        case "channel_convert_to_private":
            return [MadePrivate(channel_id)]
        case "channel_convert_to_public":
            return [MadePublic(channel_id)]
    return _said(event, identity)


def app_mention(event: Event, identity: Identity) -> Seen:
    """Slack counts a mention in code too. One that we cannot find at all is believed."""
    us, text = identity.bot_user_id, fields.text(event, "text")
    is_code = bool(us) and us not in mentioned(event) and f"<@{us}" in text
    checks = (
        (not (fields.text(event, "channel") and ts_in(event, "ts")), "malformed"),
        (identity.wrote(event), "own_message"),
        (_channel_type(event) in _DIRECT, "direct_mention"),
        (is_code, "mention_in_code"),
    )
    return _ignored(checks) or _asked(event)


def _said(event: Event, identity: Identity) -> list[Seen]:
    subtype, ts, channel_type = fields.text(event, "subtype"), ts_in(event, "ts"), _channel_type(event)
    by_bot, is_direct = _is_by_bot(event), channel_type in _DIRECT
    checks = (
        (not ts, "malformed"),
        (identity.wrote(event), "own_message"),
        (subtype not in SAID and not by_bot, "housekeeping"),
        (is_direct and (by_bot or subtype not in {"", "file_share"}), "not_a_person"),
    )
    if ignored := _ignored(checks):
        return [ignored]
    if is_direct:
        return [_direct(event)]
    seen: list[Seen] = []
    if channel_type != _GROUP_DIRECT:
        seen.append(Said(fields.text(event, "channel"), ts, event, ts_in(event, "event_ts"), channel_type, by_bot))
    if identity.bot_user_id in mentioned(event):
        seen.append(_asked(event))
    return seen or [Ignored("group_direct")]


def _direct(event: Event) -> DirectMessage:
    return DirectMessage(
        channel_id=fields.text(event, "channel"),
        ts=ts_in(event, "ts"),
        thread_ts=ts_in(event, "thread_ts") or None,
        user_id=fields.text(event, "user"),
        text=spoken_text(event),
        raw=event,
    )


def _asked(event: Event) -> Mentioned:
    return Mentioned(
        channel_id=fields.text(event, "channel"),
        ts=ts_in(event, "ts"),
        thread_ts=ts_in(event, "thread_ts") or None,
        user_id=fields.text(event, "user"),
        text=spoken_text(event),
        raw=event,
        bot_id=fields.text(event, "bot_id"),
        edited=bool(fields.record(event.get("edited"))),
    )


def _changed(event: Event, identity: Identity) -> Seen:
    new, old = fields.record(event.get("message")), fields.record(event.get("previous_message"))
    ts, subtype, channel_type = ts_in(new, "ts"), fields.text(new, "subtype"), _channel_type(event)
    by_bot = _is_by_bot(new)
    if subtype == "tombstone":
        return _removed(event, ts, old, identity)
    checks = (
        (not ts, "malformed"),
        (identity.wrote(new), "own_message"),
        (channel_type in _DIRECT or channel_type == _GROUP_DIRECT, "direct_edit"),
        (subtype not in SAID and not by_bot, "housekeeping"),
        (not _says_something_else(new, old), "unchanged"),
    )
    edited = Edited(fields.text(event, "channel"), ts, new, ts_in(event, "event_ts"), channel_type, by_bot)
    return _ignored(checks) or edited


def _says_something_else(new: Event, old: Event) -> bool:
    """Slack also reports counts of replies, and link previews: attachments that come without an edit."""
    if any(_differ(new.get(key), old.get(key)) for key in _SHOWN):
        return True
    edited, before = fields.record(new.get("edited")), fields.record(old.get("edited"))
    return ts_in(edited, "ts") != ts_in(before, "ts") and _differ(new.get("attachments"), old.get("attachments"))


def _differ(new: object, old: object) -> bool:
    """Whether two JSON values differ, nothing and an empty one being the same."""
    try:
        return (new or None) != (old or None)
    except RecursionError:
        return True


def _removed(event: Event, ts: str, old: Event, identity: Identity) -> Seen:
    channel_id = fields.text(event, "channel")
    if not ts:
        return Ignored("malformed")
    return OwnRemoved(channel_id, ts) if identity.wrote(old) else Removed(channel_id, ts, _channel_type(event))


def _ignored(checks: tuple[tuple[bool, str], ...]) -> Ignored | None:
    """The first reason that holds, if any."""
    return next((Ignored(reason) for holds, reason in checks if holds), None)


def _is_by_bot(message: Event) -> bool:
    """As far as the message itself shows: a modern bot's looks like a person's sent through an app."""
    return fields.text(message, "subtype") == "bot_message" or not fields.text(message, "user")


def _channel_type(event: Event) -> str:
    """Not every event says it; a direct conversation shows in its id."""
    return "im" if fields.text(event, "channel").startswith("D") else fields.text(event, "channel_type")
