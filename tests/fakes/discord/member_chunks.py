"""REQUEST_GUILD_MEMBERS: which members are meant, and the events that bring them."""

from collections.abc import Mapping
from typing import Any

CHUNK_MEMBERS, MOST_FOUND = 1_000, 100


def chunks(request: Mapping[str, Any], members: Mapping[str, dict[str, Any]], *, all_allowed: bool) -> list[dict]:
    """The data of each GUILD_MEMBERS_CHUNK; none when the whole list is asked for without GUILD_MEMBERS."""
    wanted = request.get("user_ids")
    missing: list[str] = []
    if wanted is not None:
        ids = [str(user) for user in (wanted if isinstance(wanted, list) else [wanted])][:MOST_FOUND]
        found = [members[user] for user in ids if user in members]
        missing = [user for user in ids if user not in members]
    elif query := request.get("query", ""):
        limit = min(request.get("limit") or MOST_FOUND, MOST_FOUND)
        found = [member for member in members.values() if _is_called(member, query)][:limit]
    elif all_allowed:
        found = list(members.values())[: request.get("limit") or None]
    else:
        return []
    parts = [found[start : start + CHUNK_MEMBERS] for start in range(0, len(found), CHUNK_MEMBERS)] or [[]]
    more = {key: request[key] for key in ("nonce",) if key in request} | ({"not_found": missing} if missing else {})
    return [
        {"guild_id": str(request["guild_id"]), "members": part, "chunk_index": index, "chunk_count": len(parts)} | more
        for index, part in enumerate(parts)
    ]


def _is_called(member: dict[str, Any], start: str) -> bool:
    user = member["user"]
    names = (member.get("nick"), user.get("global_name"), user["username"])
    return any(name is not None and name.lower().startswith(start.lower()) for name in names)
