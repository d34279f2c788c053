"""Events of Slack as what they tell us. This file performs no I/O and never raises."""

from collections.abc import Callable, Mapping
from functools import partial

from adapters import fields
from adapters.slack.identity import Identity
from adapters.slack.message_events import app_mention, message
from adapters.slack.messages import ts_in
from adapters.slack.seen import (
    AppUninstalled,
    ChannelDeleted,
    ChannelHidden,
    ChannelSeen,
    ContextChanged,
    HomeOpened,
    Ignored,
    MadePrivate,
    MadePublic,
    MemberIn,
    MemberOut,
    RateLimited,
    Reaction,
    Renumbered,
    Seen,
    TokensRevoked,
    UserChanged,
)

Event = Mapping[str, object]

_OF_CHANNELS: Mapping[str, Callable[[str], Seen]] = {
    "channel_created": ChannelSeen,
    "channel_joined": ChannelSeen,
    "channel_rename": ChannelSeen,
    "channel_unarchive": ChannelSeen,
    "channel_shared": ChannelSeen,
    "channel_unshared": ChannelSeen,
    "channel_left": partial(ChannelHidden, is_us=True),
    "channel_archive": ChannelHidden,
    "channel_deleted": ChannelDeleted,
    "channel_convert_to_private": MadePrivate,
    "channel_convert_to_public": MadePublic,
}
"""Those of private channels have the same names with "group" for "channel"."""


def read(body: Event, identity: Identity) -> list[Seen]:
    """What an Events API body tells, at least one thing. Whether it is for us at all: `envelopes.belongs`."""
    if fields.text(body, "type") == "app_rate_limited":
        return [RateLimited(fields.integer(body, "minute_rate_limited"))]
    event = fields.record(body.get("event"))
    kind = fields.text(event, "type")
    if kind == "message":
        return message(event, identity)
    of_channel = _OF_CHANNELS.get(f"channel_{kind.removeprefix('group_')}" if kind.startswith("group_") else kind)
    if of_channel is not None:
        channel_id = _channel_id(event)
        return [of_channel(channel_id) if channel_id else Ignored("malformed")]
    reader = _READERS.get(kind)
    return [reader(event, identity) if reader is not None else Ignored("unknown_type")]


def _member(event: Event, identity: Identity) -> Seen:
    channel_id, user_id = _channel_id(event), fields.text(event, "user")
    if not (channel_id and user_id):
        return Ignored("malformed")
    change = MemberIn if fields.text(event, "type") == "member_joined_channel" else MemberOut
    return change(channel_id, user_id, identity.is_us(user_id))


def _reaction(event: Event, identity: Identity) -> Seen:
    item, user_id = fields.record(event.get("item")), fields.text(event, "user")
    channel_id, ts = fields.text(item, "channel"), ts_in(item, "ts")
    emoji = fields.name(event, "reaction").partition("::")[0]
    if not (channel_id and ts and emoji and user_id):
        return Ignored("malformed")
    if identity.is_us(user_id):
        return Ignored("own_reaction")
    return Reaction(channel_id, ts, emoji, user_id, 1 if fields.text(event, "type") == "reaction_added" else -1)


def _renumbered(event: Event, _: Identity) -> Seen:
    old_id, new_id = fields.text(event, "old_channel_id"), fields.text(event, "new_channel_id")
    return Renumbered(old_id, new_id) if old_id and new_id else Ignored("malformed")


def _user(event: Event, _: Identity) -> Seen:
    raw = fields.record(event.get("user"))
    return UserChanged(raw) if fields.text(raw, "id") else Ignored("malformed")


def _home(event: Event, _: Identity) -> Seen:
    user_id = fields.text(event, "user")
    if not user_id:
        return Ignored("malformed")
    return HomeOpened(user_id, _channel_id(event), fields.text(event, "tab"), _viewed(event))


def _context(event: Event, _: Identity) -> Seen:
    return ContextChanged(fields.text(event, "user"), _channel_id(event), _viewed(event))


def _uninstalled(_event: Event, _: Identity) -> Seen:
    return AppUninstalled()


def _tokens(event: Event, _: Identity) -> Seen:
    return TokensRevoked() if fields.record(event.get("tokens")).get("bot") else Ignored("tokens_of_people")


_READERS: Mapping[str, Callable[[Event, Identity], Seen]] = {
    "app_mention": app_mention,
    "member_joined_channel": _member,
    "member_left_channel": _member,
    "reaction_added": _reaction,
    "reaction_removed": _reaction,
    "channel_id_changed": _renumbered,
    "user_change": _user,
    "user_profile_changed": _user,
    "team_join": _user,
    "app_home_opened": _home,
    "app_context_changed": _context,
    "app_uninstalled": _uninstalled,
    "tokens_revoked": _tokens,
}


def _channel_id(event: Event) -> str:
    """Some events give a channel's id, some the channel."""
    return fields.text(event, "channel") or fields.text(fields.record(event.get("channel")), "id")


def _viewed(event: Event) -> str:
    """The first channel of what somebody is looking at, or ""."""
    for entity in fields.records(fields.record(event.get("context")).get("entities")):
        if fields.text(entity, "type").endswith("/channel_id"):
            return fields.text(entity, "value")
        if of_message := fields.text(fields.record(entity.get("value")), "channel_id"):
            return of_message
    return ""
