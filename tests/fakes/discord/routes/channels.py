"""Channels, and the thread that is changed like one."""

from typing import TYPE_CHECKING

from tests.fakes.discord import payloads
from tests.fakes.discord.errors import refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.permissions import (
    MANAGE_CHANNELS,
    MANAGE_THREADS,
    SEND_MESSAGES_IN_THREADS,
)
from tests.fakes.discord.rest import Call, Route
from tests.fakes.discord.routes.access import channel_in, may, require

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

_THREAD_SETTINGS = frozenset({"archived", "locked", "auto_archive_duration", "invitable"})


def get(world: "World", call: Call) -> Json:
    place = channel_in(world, call)
    return world.thread_payload(place["id"]) if place["type"] in payloads.THREADS else place


def change(world: "World", call: Call) -> Json:
    """Whoever may write in a thread may open it again, unless it is locked; the rest needs a right of its own."""
    place = channel_in(world, call)
    changes = dict(call.json or {})
    if place["type"] not in payloads.THREADS:
        require(world, place, MANAGE_CHANNELS)
        world.change_channel(place["id"], **changes)
        return place
    metadata = place["thread_metadata"]
    reopens = changes == {"archived": False} and not metadata["locked"] and may(world, place, SEND_MESSAGES_IN_THREADS)
    if not reopens and place["owner_id"] != world.bot_user_id:
        require(world, place, MANAGE_THREADS)
    if metadata["archived"] and changes.get("archived", True):
        raise refused(50083)
    settings = {key: changes.pop(key) for key in _THREAD_SETTINGS & set(changes)}
    world.change_channel(place["id"], thread_metadata=metadata | settings, **changes)
    return world.thread_payload(place["id"])


def delete(world: "World", call: Call) -> Json:
    place = channel_in(world, call)
    if place["type"] in payloads.THREADS:
        require(world, place, MANAGE_THREADS)
        world.delete_thread(place["id"])
    else:
        require(world, place, MANAGE_CHANNELS)
        world.delete_channel(place["id"])
    return place


ROUTES = (
    Route("GET", "/channels/{channel_id}", get),
    Route("PATCH", "/channels/{channel_id}", change),
    Route("DELETE", "/channels/{channel_id}", delete),
)
