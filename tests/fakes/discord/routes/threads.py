"""Threads: starting, listing active and archived ones, members."""

from datetime import datetime
from typing import TYPE_CHECKING

from tests.fakes.discord import payloads
from tests.fakes.discord.errors import bad_form, refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.permissions import (
    CREATE_PRIVATE_THREADS,
    CREATE_PUBLIC_THREADS,
    MANAGE_THREADS,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
)
from tests.fakes.discord.rest import Call, Route
from tests.fakes.discord.routes.access import (
    channel_in,
    forbid_archived,
    guild_in,
    message_in,
    number_in,
    require,
    snowflake_in,
)

if TYPE_CHECKING:
    from tests.fakes.discord.world import World


def active(world: "World", call: Call) -> Json:
    """All active threads of the guild that the bot may see."""
    threads = world.active_threads(guild_in(world, call), world.bot_user_id)
    return _page(world, sorted(threads, key=lambda thread: int(thread["id"]), reverse=True))


def archived_public(world: "World", call: Call) -> Json:
    """Latest archived first; `before` is a time."""
    return _archived(world, call, channel_in(world, call, READ_MESSAGE_HISTORY), private=False)


def archived_private(world: "World", call: Call) -> Json:
    """All private ones, for those who manage threads."""
    place = channel_in(world, call, READ_MESSAGE_HISTORY | MANAGE_THREADS)
    return _archived(world, call, place, private=True)


def archived_joined(world: "World", call: Call) -> Json:
    """The private ones that the bot has joined, by id downwards; `before` is an id."""
    place = channel_in(world, call, READ_MESSAGE_HISTORY)
    before, limit = snowflake_in(call, "before"), number_in(call, "limit", 50, 2, 100)
    found = [
        thread
        for thread in _archived_in(world, place, private=True)
        if world.bot_user_id in world.thread_members[thread["id"]] and (not before or int(thread["id"]) < before)
    ]
    found.sort(key=lambda thread: int(thread["id"]), reverse=True)
    return _page(world, found[:limit]) | {"has_more": len(found) > limit}


def start_at_message(world: "World", call: Call) -> Json:
    place, message = message_in(world, call)
    require(world, place, CREATE_PUBLIC_THREADS)
    if message["flags"] & payloads.HAS_THREAD:
        raise bad_form({"message_id": ("MESSAGE_HAS_THREAD", "A thread has already been created for this message")})
    thread = world.start_thread(place["id"], world.bot_user_id, call.json["name"], message=message["id"])
    return world.thread_payload(thread)


def start(world: "World", call: Call) -> Json:
    """In a forum or media channel a post, with its first message."""
    place = channel_in(world, call)
    if place["type"] in payloads.POSTS_ONLY:
        require(world, place, SEND_MESSAGES)
        text = call.json["message"].get("content", "")
        thread = world.start_thread(place["id"], world.bot_user_id, call.json["name"], text=text)
        return world.thread_payload(thread) | {"message": world.shown(world.logs[thread].messages[thread])}
    private = call.json.get("type", payloads.PRIVATE_THREAD) == payloads.PRIVATE_THREAD
    require(world, place, CREATE_PRIVATE_THREADS if private else CREATE_PUBLIC_THREADS)
    return world.thread_payload(world.start_thread(place["id"], world.bot_user_id, call.json["name"], private=private))


def members(world: "World", call: Call) -> list[Json]:
    thread = _thread_in(world, call)
    with_member = call.query.get("with_member", "").lower() in {"1", "true"}
    return [_member(world, thread, each, full=with_member) for each in world.thread_members[thread["id"]].values()]


def member(world: "World", call: Call) -> Json:
    thread = _thread_in(world, call)
    found = world.thread_members[thread["id"]].get(call.params["user_id"])
    if found is None:
        raise refused(10007)
    return _member(world, thread, found, full=False)


def join(world: "World", call: Call) -> None:
    thread = _thread_in(world, call)
    forbid_archived(thread)
    world.add_thread_member(thread["id"], call.params.get("user_id", world.bot_user_id))


def leave(world: "World", call: Call) -> None:
    thread = _thread_in(world, call)
    forbid_archived(thread)
    user = call.params.get("user_id", world.bot_user_id)
    if user != world.bot_user_id and thread["owner_id"] != world.bot_user_id:
        require(world, thread, MANAGE_THREADS)
    world.remove_thread_member(thread["id"], user)


def _thread_in(world: "World", call: Call) -> Json:
    place = channel_in(world, call)
    if place["type"] not in payloads.THREADS:
        raise refused(50024)
    return place


def _archived(world: "World", call: Call, place: Json, *, private: bool) -> Json:
    limit = number_in(call, "limit", 50, 2, 100)
    found = _archived_in(world, place, private=private)
    if "before" in call.query:
        before = _time_in(call, "before")
        found = [thread for thread in found if _archived_at(thread) < before]
    found.sort(key=_archived_at, reverse=True)
    return _page(world, found[:limit]) | {"has_more": len(found) > limit}


def _archived_in(world: "World", place: Json, *, private: bool) -> list[Json]:
    return [
        thread
        for thread in world.channels_of(place["guild_id"], threads=True)
        if thread["parent_id"] == place["id"]
        and thread["thread_metadata"]["archived"]
        and (thread["type"] == payloads.PRIVATE_THREAD) == private
    ]


def _page(world: "World", threads: list[Json]) -> Json:
    """Threads, and the memberships of the bot in them."""
    shown = [world.thread_payload(thread["id"]) for thread in threads]
    return {
        "threads": shown,
        "members": [thread["member"] for thread in shown if "member" in thread],
        "has_more": False,
    }


def _member(world: "World", thread: Json, joined: Json, *, full: bool) -> Json:
    guild_member = world.members[thread["guild_id"]][joined["user_id"]]
    return joined | ({"member": guild_member} if full else {})


def _archived_at(thread: Json) -> datetime:
    return datetime.fromisoformat(thread["thread_metadata"]["archive_timestamp"])


def _time_in(call: Call, name: str) -> datetime:
    try:
        return datetime.fromisoformat(call.query[name])
    except ValueError:
        words = f"Could not parse {call.query[name]}. Should be ISO8601."
        raise bad_form({name: ("DATETIME_TYPE_PARSE", words)}) from None


_IN_CHANNEL = "/channels/{channel_id}"
ROUTES = (
    Route("GET", "/guilds/{guild_id}/threads/active", active),
    Route("GET", f"{_IN_CHANNEL}/threads/archived/public", archived_public),
    Route("GET", f"{_IN_CHANNEL}/threads/archived/private", archived_private),
    Route("GET", f"{_IN_CHANNEL}/users/@me/threads/archived/private", archived_joined),
    Route("POST", f"{_IN_CHANNEL}/messages/{{message_id}}/threads", start_at_message, 201),
    Route("POST", f"{_IN_CHANNEL}/threads", start, 201),
    Route("GET", f"{_IN_CHANNEL}/thread-members", members),
    Route("PUT", f"{_IN_CHANNEL}/thread-members/@me", join),
    Route("DELETE", f"{_IN_CHANNEL}/thread-members/@me", leave),
    Route("GET", f"{_IN_CHANNEL}/thread-members/{{user_id}}", member),
    Route("PUT", f"{_IN_CHANNEL}/thread-members/{{user_id}}", join),
    Route("DELETE", f"{_IN_CHANNEL}/thread-members/{{user_id}}", leave),
)
