"""The application itself and its commands."""

from typing import TYPE_CHECKING

from tests.fakes.discord.errors import refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.rest import Call, Route

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

MEMBERS_INTENT, CONTENT_INTENT = 1 << 15, 1 << 19
"""Flags of an application with fewer than a hundred guilds whose privileged intents are switched on in the portal."""


def application(world: "World", call: Call) -> Json:
    flags = (MEMBERS_INTENT if world.lists_members else 0) | CONTENT_INTENT
    return {
        "id": world.application_id,
        "name": world.bot_user["username"],
        "icon": None,
        "description": "",
        "type": None,
        "bot": world.bot_user,
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": flags,
        "flags_new": str(flags),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": world.operator,
        "approximate_guild_count": len(world.guilds),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
        "rpc_origins": [],
        "hook": True,
        "summary": "",
    }


def commands(world: "World", call: Call) -> list[Json]:
    """With `with_localizations` the translations too, else null in their place."""
    listed = list(world.commands.get(_guild_in(world, call), {}).values())
    if call.query.get("with_localizations", "").lower() in {"1", "true"}:
        return listed
    hidden = {"name_localizations": None, "description_localizations": None}
    return [command | hidden for command in listed]


def command(world: "World", call: Call) -> Json:
    found = world.commands.get(_guild_in(world, call), {}).get(call.params["command_id"])
    if found is None:
        raise refused(10063)
    return found


def replace(world: "World", call: Call) -> list[Json]:
    return world.replace_commands(_guild_in(world, call), call.json or [])


def create(world: "World", call: Call) -> Json:
    return world.upsert_command(_guild_in(world, call), call.json)


def change(world: "World", call: Call) -> Json:
    return world.upsert_command(_guild_in(world, call), command(world, call) | call.json)


def delete(world: "World", call: Call) -> None:
    world.delete_command(_guild_in(world, call), call.params["command_id"])


def _guild_in(world: "World", call: Call) -> str | None:
    """The guild of a command's route, None for global ones. Errors: 50001 for another application or no such guild."""
    guild = call.params.get("guild_id")
    if call.params["application_id"] != world.application_id or (guild is not None and guild not in world.guilds):
        raise refused(50001)
    return guild


_PLACES = ("/applications/{application_id}/commands", "/applications/{application_id}/guilds/{guild_id}/commands")
ROUTES = (
    Route("GET", "/applications/@me", application),
    Route("GET", "/oauth2/applications/@me", application),
    *(Route("GET", place, commands) for place in _PLACES),
    *(Route("PUT", place, replace) for place in _PLACES),
    *(Route("POST", place, create, 201) for place in _PLACES),
    *(Route("GET", f"{place}/{{command_id}}", command) for place in _PLACES),
    *(Route("PATCH", f"{place}/{{command_id}}", change) for place in _PLACES),
    *(Route("DELETE", f"{place}/{{command_id}}", delete) for place in _PLACES),
)
