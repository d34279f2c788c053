"""Guilds, their channels, roles and members."""

from typing import TYPE_CHECKING

from tests.fakes.discord.errors import refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.rest import Call, Route
from tests.fakes.discord.routes.access import guild_in, number_in, snowflake_in

if TYPE_CHECKING:
    from tests.fakes.discord.world import World


def get(world: "World", call: Call) -> Json:
    guild = guild_in(world, call)
    if call.query.get("with_counts", "").lower() not in {"1", "true"}:
        return world.guilds[guild]
    count = len(world.members[guild])
    return world.guilds[guild] | {"approximate_member_count": count, "approximate_presence_count": count}


def channels(world: "World", call: Call) -> list[Json]:
    """All channels, also those that the bot may not see; no threads."""
    return world.channels_of(guild_in(world, call))


def roles(world: "World", call: Call) -> list[Json]:
    return world.guilds[guild_in(world, call)]["roles"]


def members(world: "World", call: Call) -> list[Json]:
    """By id, from `after`. Errors: 50001 without the privileged intent for members."""
    guild = guild_in(world, call)
    if not world.lists_members:
        raise refused(50001)
    limit, after = number_in(call, "limit", 1, 1, 1000), snowflake_in(call, "after") or 0
    ids = sorted(int(user) for user in world.members[guild] if int(user) > after)[:limit]
    return [world.members[guild][str(user)] for user in ids]


def member(world: "World", call: Call) -> Json:
    found = world.members[guild_in(world, call)].get(call.params["user_id"])
    if found is None:
        raise refused(10007 if call.params["user_id"] in world.users else 10013)
    return found


def leave(world: "World", call: Call) -> None:
    world.remove_guild(guild_in(world, call))


def own(world: "World", call: Call) -> list[Json]:
    """The guilds that the bot is in, by id."""
    limit, after = number_in(call, "limit", 200, 1, 200), snowflake_in(call, "after") or 0
    ids = sorted(int(guild) for guild in world.guilds if int(guild) > after)[:limit]
    keys = ("id", "name", "icon", "banner", "features")
    return [
        {key: world.guilds[str(guild)][key] for key in keys}
        | {"owner": False, "permissions": str(world.permissions(str(guild), world.bot_user_id))}
        for guild in ids
    ]


ROUTES = (
    Route("GET", "/guilds/{guild_id}", get),
    Route("GET", "/guilds/{guild_id}/channels", channels),
    Route("GET", "/guilds/{guild_id}/roles", roles),
    Route("GET", "/guilds/{guild_id}/members", members),
    Route("GET", "/guilds/{guild_id}/members/{user_id}", member),
    Route("GET", "/users/@me/guilds", own),
    Route("DELETE", "/users/@me/guilds/{guild_id}", leave),
)
