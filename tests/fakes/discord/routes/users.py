"""People, and direct messages to them."""

from typing import TYPE_CHECKING

from tests.fakes.discord.errors import refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.rest import Call, Route

if TYPE_CHECKING:
    from tests.fakes.discord.world import World


def me(world: "World", call: Call) -> Json:
    return world.bot_user | {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}


def get(world: "World", call: Call) -> Json:
    user = world.users.get(call.params["user_id"])
    if user is None:
        raise refused(10013)
    return user


def open_dm(world: "World", call: Call) -> Json:
    """Works for anybody but bots; whether a message gets through is another matter."""
    user = world.users.get(str((call.json or {}).get("recipient_id")))
    if user is None:
        raise refused(10013)
    if user["bot"]:
        raise refused(50007)
    return world.channels[world.open_dm(user["id"])]


ROUTES = (
    Route("GET", "/users/@me", me),
    Route("GET", "/users/{user_id}", get),
    Route("POST", "/users/@me/channels", open_dm),
)
