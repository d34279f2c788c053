"""Reactions and pins."""

from typing import TYPE_CHECKING

from tests.fakes.discord.errors import refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.permissions import ADD_REACTIONS, MANAGE_MESSAGES, PIN_MESSAGES, READ_MESSAGE_HISTORY
from tests.fakes.discord.rest import Call, Route
from tests.fakes.discord.routes.access import (
    channel_in,
    forbid_archived,
    message_in,
    number_in,
    require,
    snowflake_in,
)

if TYPE_CHECKING:
    from tests.fakes.discord.world import World


def add(world: "World", call: Call) -> None:
    """The first reaction with an emoji needs ADD_REACTIONS; to join in, reading is enough."""
    place, message = message_in(world, call)
    forbid_archived(place)
    if not world.reactors.get(message["id"], {}).get(_emoji(call)):
        require(world, place, ADD_REACTIONS)
    world.react(place["id"], message["id"], world.bot_user_id, _emoji(call))


def remove_own(world: "World", call: Call) -> None:
    _remove(world, call, world.bot_user_id)


def remove(world: "World", call: Call) -> None:
    _remove(world, call, call.params["user_id"])


def clear(world: "World", call: Call) -> None:
    place, message = message_in(world, call, MANAGE_MESSAGES)
    forbid_archived(place)
    world.clear_reactions(place["id"], message["id"])


def people(world: "World", call: Call) -> list[Json]:
    """Who reacted, by id."""
    _, message = message_in(world, call)
    limit, after = number_in(call, "limit", 25, 1, 100), snowflake_in(call, "after") or 0
    who = sorted(map(int, world.reactors.get(message["id"], {}).get(_emoji(call), ())))
    return [world.users[str(user)] for user in who if user > after][:limit]


def pins(world: "World", call: Call) -> Json:
    return {
        "items": [{"pinned_at": each["timestamp"], "message": each} for each in _pinned(world, call)],
        "has_more": False,
    }


def old_pins(world: "World", call: Call) -> list[Json]:
    return _pinned(world, call)


def pin(world: "World", call: Call) -> None:
    _pin(world, call, pinned=True)


def unpin(world: "World", call: Call) -> None:
    _pin(world, call, pinned=False)


def _remove(world: "World", call: Call, user: str) -> None:
    place, message = message_in(world, call)
    forbid_archived(place)
    if user != world.bot_user_id:
        require(world, place, MANAGE_MESSAGES)
    if not world.react(place["id"], message["id"], user, _emoji(call), removed=True) and user == world.bot_user_id:
        raise refused(10014)


def _emoji(call: Call) -> str:
    return call.params["emoji_name"]


def _pinned(world: "World", call: Call) -> list[Json]:
    place = channel_in(world, call, READ_MESSAGE_HISTORY)
    pinned = [world.shown(message) for message in world.logs[place["id"]] if message["pinned"]]
    return pinned[::-1][:50]


def _pin(world: "World", call: Call, *, pinned: bool) -> None:
    place, message = message_in(world, call)
    forbid_archived(place)
    require(world, place, PIN_MESSAGES)
    world.pin(place["id"], message["id"], pinned=pinned)


_REACTIONS = "/channels/{channel_id}/messages/{message_id}/reactions"
_PINS = ("/channels/{channel_id}/messages/pins", "/channels/{channel_id}/pins")
ROUTES = (
    Route("PUT", f"{_REACTIONS}/{{emoji_name}}/@me", add),
    Route("DELETE", f"{_REACTIONS}/{{emoji_name}}/@me", remove_own),
    Route("DELETE", f"{_REACTIONS}/{{emoji_name}}/{{user_id}}", remove),
    Route("GET", f"{_REACTIONS}/{{emoji_name}}", people),
    Route("DELETE", _REACTIONS, clear),
    Route("GET", _PINS[0], pins),
    Route("GET", _PINS[1], old_pins),
    *(Route("PUT", f"{path}/{{message_id}}", pin) for path in _PINS),
    *(Route("DELETE", f"{path}/{{message_id}}", unpin) for path in _PINS),
)
