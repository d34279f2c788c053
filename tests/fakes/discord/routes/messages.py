"""Messages: history, sending, editing, deleting."""

from typing import TYPE_CHECKING, Any

from tests.fakes.discord import payloads
from tests.fakes.discord.errors import DiscordError, bad_form, refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.permissions import (
    EMBED_LINKS,
    MANAGE_MESSAGES,
    MANAGE_THREADS,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
)
from tests.fakes.discord.rest import Call, Route
from tests.fakes.discord.routes.access import (
    channel_in,
    forbid_archived,
    may,
    message_in,
    number_in,
    require,
    snowflake_in,
)
from tests.fakes.discord.snowflakes import millis_of

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

_SILENT_KINDS = payloads.POSTS_ONLY | {payloads.CATEGORY}
_BOUNDS = ("before", "after", "around")
_OLD_SECONDS = 14 * 86_400


def history(world: "World", call: Call) -> list[Json]:
    """Newest first. Without READ_MESSAGE_HISTORY an empty list, not an error."""
    place = channel_in(world, call)
    if place["type"] in _SILENT_KINDS:
        raise refused(50024)
    bounds = {name: number for name in _BOUNDS if (number := snowflake_in(call, name)) is not None}
    if len(bounds) > 1:
        words = "Only one of before, after and around may be given"
        raise bad_form(dict.fromkeys(bounds, ("BASE_TYPE_MUTUALLY_EXCLUSIVE", words)))
    limit = number_in(call, "limit", 50, 1, 100)
    if not may(world, place, READ_MESSAGE_HISTORY):
        return []
    return [world.shown(message) for message in world.logs[place["id"]].page(limit, **bounds)]


def get(world: "World", call: Call) -> Json:
    return world.shown(message_in(world, call)[1])


def send(world: "World", call: Call) -> Json:
    place = channel_in(world, call)
    if place["type"] in _SILENT_KINDS:
        raise refused(50008)
    body = call.json if isinstance(call.json, dict) else {}
    _check_may_send(world, place, body)
    return world.create_message(place["id"], world.bot_user_id, body, method=call.name)


def edit(world: "World", call: Call) -> Json:
    """One's own; of others' messages embeds can be hidden by those who manage messages."""
    place, message = message_in(world, call)
    forbid_archived(place)
    body = call.json if isinstance(call.json, dict) else {}
    if message["author"]["id"] != world.bot_user_id:
        if set(body) != {"flags"}:
            raise refused(50005)
        require(world, place, MANAGE_MESSAGES)
    return world.edit_message(place["id"], message["id"], body, method=call.name)


def delete(world: "World", call: Call) -> None:
    place, message = message_in(world, call, 0)
    forbid_archived(place)
    if message["author"]["id"] != world.bot_user_id:
        require(world, place, MANAGE_MESSAGES)
    world.delete(place["id"], message["id"])


def bulk_delete(world: "World", call: Call) -> None:
    place = channel_in(world, call, MANAGE_MESSAGES)
    ids = [str(each) for each in (call.json or {}).get("messages", ())]
    if not 2 <= len(ids) <= 100:
        raise bad_form({"messages": ("BASE_TYPE_BAD_LENGTH", "Must be between 2 and 100 in length.")})
    oldest = (world.clock.now() - _OLD_SECONDS) * 1000
    if any(millis_of(each) < oldest for each in ids):
        raise refused(50034)
    world.bulk_delete(place["id"], ids)


def typing(world: "World", call: Call) -> None:
    place = channel_in(world, call)
    require(world, place, _right_to_send(place))


def _right_to_send(place: Json) -> int:
    return SEND_MESSAGES_IN_THREADS if place["type"] in payloads.THREADS else SEND_MESSAGES


def _check_may_send(world: "World", place: Json, body: dict[str, Any]) -> None:
    if place["type"] == payloads.DM:
        person = place["recipients"][0]["id"]
        shares_guild = any(person in members for members in world.members.values())
        if person in world.closed_to_bot or not shares_guild:
            raise refused(50007)
        return
    require(world, place, _right_to_send(place) | (EMBED_LINKS if body.get("embeds") else 0))
    if body.get("message_reference") and not may(world, place, READ_MESSAGE_HISTORY):
        raise DiscordError(403, 160002, "Cannot reply without permission to read message history")
    if (
        place["type"] in payloads.THREADS
        and place["thread_metadata"]["locked"]
        and not may(world, place, MANAGE_THREADS)
    ):
        raise refused(50083)


_ONE = "/channels/{channel_id}/messages/{message_id}"
ROUTES = (
    Route("GET", "/channels/{channel_id}/messages", history),
    Route("POST", "/channels/{channel_id}/messages", send),
    Route("POST", "/channels/{channel_id}/messages/bulk-delete", bulk_delete),
    Route("POST", "/channels/{channel_id}/typing", typing),
    Route("GET", _ONE, get),
    Route("PATCH", _ONE, edit),
    Route("DELETE", _ONE, delete),
)
