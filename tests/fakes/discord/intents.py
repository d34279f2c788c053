"""Gateway intents: which bits exist, which events need which, and what a message is without its content."""

from typing import Any

GUILDS, GUILD_MEMBERS, GUILD_PRESENCES = 1 << 0, 1 << 1, 1 << 8
GUILD_MESSAGES, GUILD_MESSAGE_REACTIONS, GUILD_MESSAGE_TYPING = 1 << 9, 1 << 10, 1 << 11
DIRECT_MESSAGES, DIRECT_MESSAGE_REACTIONS, DIRECT_MESSAGE_TYPING = 1 << 12, 1 << 13, 1 << 14
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT
KNOWN = sum(1 << bit for bit in (*range(17), 20, 21, 24, 25))

_NEEDS = {
    "GUILD": (GUILDS, 0),
    "CHANNEL": (GUILDS, GUILDS),
    "CHANNEL_PINS": (GUILDS, DIRECT_MESSAGES),
    "THREAD": (GUILDS, 0),
    "GUILD_MEMBER": (GUILD_MEMBERS, 0),
    "MESSAGE": (GUILD_MESSAGES, DIRECT_MESSAGES),
    "MESSAGE_REACTION": (GUILD_MESSAGE_REACTIONS, DIRECT_MESSAGE_REACTIONS),
    "TYPING": (GUILD_MESSAGE_TYPING, DIRECT_MESSAGE_TYPING),
    "PRESENCE": (GUILD_PRESENCES, 0),
}
_UNCONDITIONAL = frozenset({"READY", "RESUMED", "INTERACTION_CREATE", "USER_UPDATE", "GUILD_MEMBERS_CHUNK"})
_CONTENT: dict[str, Any] = {"content": "", "embeds": [], "attachments": [], "components": []}


def needed(event: str, *, in_guild: bool) -> int:
    """The intent without which an event is not sent; 0 when every session gets it. The longest prefix counts."""
    if event in _UNCONDITIONAL:
        return 0
    prefix = max((name for name in _NEEDS if event.startswith(f"{name}_")), key=len)
    return _NEEDS[prefix][0 if in_guild else 1]


def without_content(message: dict[str, Any], bot_id: str) -> dict[str, Any]:
    """A guild's message as a session without MESSAGE_CONTENT gets it: the bot's own and those that mention it stay."""
    kept = dict(message)
    if kept.get("referenced_message"):
        kept["referenced_message"] = without_content(kept["referenced_message"], bot_id)
    is_ours = kept.get("author", {}).get("id") == bot_id
    if is_ours or any(user["id"] == bot_id for user in kept.get("mentions", ())):
        return kept
    kept.pop("poll", None)
    if "message_snapshots" in kept:
        kept["message_snapshots"] = [
            {**snapshot, "message": snapshot["message"] | _CONTENT} for snapshot in kept["message_snapshots"]
        ]
    return kept | {key: empty for key, empty in _CONTENT.items() if key in kept}
