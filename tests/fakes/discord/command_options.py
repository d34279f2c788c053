"""A command as a person types it: its options checked as Discord's client does, and what they refer to resolved."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.payloads import Json

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER = range(1, 11)
_TYPES = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float)}
_PARTIAL_CHANNEL = (
    "id", "name", "type", "parent_id", "thread_metadata", "last_message_id", "topic", "nsfw", "position", "flags",
    "rate_limit_per_user", "guild_id",
    # Of threads; Discord's pages do not list them, and discord.py reads them all.
    "owner_id", "member_count", "message_count", "total_message_sent",
)  # fmt: skip


def options_of(command: Json, subcommand: str, given: Mapping[str, Any]) -> list[Json]:
    """The `options` of the interaction's data. `subcommand` is like "status", or "group status".

    Errors: LookupError for a subcommand that was not registered, ValueError for options nobody could send.
    """
    path = subcommand.split()
    place = command
    steps = []
    for name in path:
        place = next((each for each in place.get("options", ()) if each["name"] == name), {})
        if place.get("type") not in {SUBCOMMAND, GROUP}:
            raise LookupError(f"/{command['name']} has no {subcommand}")
        steps.append(place)
    declared = {each["name"]: each for each in place.get("options", ())}
    if any(each["type"] in {SUBCOMMAND, GROUP} for each in declared.values()):
        raise LookupError(f"/{command['name']} {subcommand} wants a subcommand")
    if unknown := given.keys() - declared.keys():
        raise ValueError(f"/{command['name']} {subcommand} has no option {sorted(unknown)}")
    if missing := {name for name, each in declared.items() if each.get("required")} - given.keys():
        raise ValueError(f"/{command['name']} {subcommand} needs {sorted(missing)}")
    for name, value in given.items():
        if problem := _problem(declared[name], value):
            raise ValueError(f"{name}: {problem}")
    options = [{"name": name, "type": declared[name]["type"], "value": value} for name, value in given.items()]
    for step in reversed(steps):
        options = [{"name": step["name"], "type": step["type"], "options": options}]
    return options


def resolved(world: "World", guild: str | None, user: str, options: list[Json]) -> Json:
    """The people, channels and roles that options name, by id, as they stand in `resolved` for that user."""
    found: Json = {}
    for option in _leaves(options):
        value = option["value"]
        if option["type"] in {USER, MENTIONABLE} and value in world.users:
            found |= people(world, guild, [value], found)
        elif option["type"] == CHANNEL:
            place = world.channels[value]
            partial = {key: place[key] for key in _PARTIAL_CHANNEL if key in place}
            partial["permissions"] = str(world.permissions(guild, user, value))
            found.setdefault("channels", {})[value] = partial
        elif option["type"] in {ROLE, MENTIONABLE}:
            role = next(each for each in world.guilds[guild or ""]["roles"] if each["id"] == value)
            found.setdefault("roles", {})[value] = role
    return found


def people(world: "World", guild: str | None, users: list[str], found: Json | None = None) -> Json:
    """`users` and, in a guild, `members` of what is resolved; added to what was `found` before."""
    known: Json = {"users": {}, "members": {}} | (found or {})
    for user in users:
        known["users"] = known["users"] | {user: world.users[user]}
        member = world.members.get(guild or "", {}).get(user)
        if member is not None:
            partial = {key: value for key, value in member.items() if key not in {"user", "deaf", "mute"}}
            partial["permissions"] = str(world.permissions(guild, user))
            known["members"] = known["members"] | {user: partial}
    return {key: value for key, value in known.items() if value}


def _leaves(options: list[Json]) -> Iterator[Json]:
    for option in options:
        if "options" in option:
            yield from _leaves(option["options"])
        else:
            yield option


def _problem(declared: Json, value: Any) -> str:
    kind = declared["type"]
    expected = _TYPES.get(kind, str)
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != BOOLEAN):
        return f"{value!r} is not of type {kind}"
    if declared.get("choices") and value not in [choice["value"] for choice in declared["choices"]]:
        return f"{value!r} is no choice"
    size = len(value) if kind == STRING else value
    low, high = ("min_length", "max_length") if kind == STRING else ("min_value", "max_value")
    if kind in {STRING, INTEGER, NUMBER} and not (
        declared.get(low, size) <= size <= declared.get(high, max(size, 6_000) if kind == STRING else size)
    ):
        return f"{value!r} is beyond {low} or {high}"
    return ""
