"""What the bot may reach: places and messages by the ids in a call, or the error that Discord gives instead."""

from typing import TYPE_CHECKING

from tests.fakes.discord import payloads, permissions
from tests.fakes.discord.errors import bad_form, refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.rest import Call

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

MISSING_ACCESS, MISSING_PERMISSIONS, ARCHIVED = 50001, 50013, 50083


def channel_in(world: "World", call: Call, needed: int = 0) -> Json:
    """The channel or thread of a call. Errors: 10003; 50001 where the bot does not see it; 50013 without `needed`."""
    place = world.channels.get(call.params["channel_id"])
    if place is None:
        raise refused(10003)
    if not world.may(world.bot_user_id, place["id"], permissions.VIEW_CHANNEL | entry(world, place)):
        raise refused(MISSING_ACCESS)
    require(world, place, needed)
    return place


def entry(world: "World", place: Json) -> int:
    """The right to enter, which text where people speak needs too."""
    home = world.channels[place["parent_id"]] if place["type"] in payloads.THREADS else place
    return permissions.CONNECT if home["type"] in payloads.VOCAL else 0


def require(world: "World", place: Json, needed: int) -> None:
    """Errors: 50013."""
    if not world.may(world.bot_user_id, place["id"], needed):
        raise refused(MISSING_PERMISSIONS)


def may(world: "World", place: Json, needed: int) -> bool:
    return world.may(world.bot_user_id, place["id"], needed)


def message_in(world: "World", call: Call, needed: int = permissions.READ_MESSAGE_HISTORY) -> tuple[Json, Json]:
    """The channel and the message of a call; what one person alone sees is not found here. Errors: 10008 besides."""
    place = channel_in(world, call, needed)
    message = world.logs[place["id"]].messages.get(call.params["message_id"])
    if message is None:
        raise refused(10008)
    return place, message


def forbid_archived(place: Json) -> None:
    """Errors: 50083 in an archived thread, where nothing can be changed."""
    if place["type"] in payloads.THREADS and place["thread_metadata"]["archived"]:
        raise refused(ARCHIVED)


def guild_in(world: "World", call: Call, needed: int = 0) -> str:
    """The id of the guild of a call. Errors: 10004, 50013."""
    guild = call.params["guild_id"]
    if guild not in world.guilds:
        raise refused(10004)
    if world.permissions(guild, world.bot_user_id) & needed != needed:
        raise refused(MISSING_PERMISSIONS)
    return guild


def number_in(call: Call, name: str, default: int, lowest: int, highest: int) -> int:
    """A whole number out of the query. Errors: 50035 where it is none, or out of bounds."""
    text = call.query.get(name, str(default))
    if not text.isdecimal():
        raise bad_form({name: ("NUMBER_TYPE_COERCE", f'Value "{text}" is not int.')})
    if not lowest <= int(text) <= highest:
        words = f"int value should be between {lowest} and {highest}."
        raise bad_form({name: ("NUMBER_TYPE_MAX" if int(text) > highest else "NUMBER_TYPE_MIN", words)})
    return int(text)


def snowflake_in(call: Call, name: str) -> int | None:
    """An id out of the query. Errors: 50035."""
    text = call.query.get(name)
    if text is not None and not text.isdecimal():
        raise bad_form({name: ("NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.')})
    return None if text is None else int(text)
