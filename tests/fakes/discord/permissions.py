"""Permission bits, and how a member's permissions in a channel follow from roles and overwrites: pure arithmetic."""

from collections.abc import Collection
from typing import Any

MANAGE_CHANNELS = 1 << 4
ADMINISTRATOR = 1 << 3
MANAGE_GUILD = 1 << 5
ADD_REACTIONS = 1 << 6
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
SEND_TTS = 1 << 12
MANAGE_MESSAGES = 1 << 13
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
MENTION_EVERYONE = 1 << 17
CONNECT = 1 << 20
SPEAK = 1 << 21
CHANGE_NICKNAME = 1 << 26
MANAGE_ROLES = 1 << 28
USE_APPLICATION_COMMANDS = 1 << 31
MANAGE_THREADS = 1 << 34
CREATE_PUBLIC_THREADS = 1 << 35
CREATE_PRIVATE_THREADS = 1 << 36
SEND_MESSAGES_IN_THREADS = 1 << 38
PIN_MESSAGES = 1 << 51

ALL = (1 << 53) - 1
READ = VIEW_CHANNEL | READ_MESSAGE_HISTORY
EVERYONE = (
    READ
    | SEND_MESSAGES
    | ADD_REACTIONS
    | EMBED_LINKS
    | ATTACH_FILES
    | CONNECT
    | SPEAK
    | CHANGE_NICKNAME
    | USE_APPLICATION_COMMANDS
    | CREATE_PUBLIC_THREADS
    | CREATE_PRIVATE_THREADS
    | SEND_MESSAGES_IN_THREADS
)
"""What the role @everyone may do in a new guild."""
DIRECT = READ | SEND_MESSAGES | ADD_REACTIONS | EMBED_LINKS | ATTACH_FILES | USE_APPLICATION_COMMANDS | PIN_MESSAGES
"""What both sides may do in a direct message."""
_VOCAL = frozenset({2, 13})
_WITH_CONNECTING = SPEAK | MANAGE_CHANNELS | MANAGE_ROLES
_WITH_SENDING = SEND_TTS | MENTION_EVERYONE | EMBED_LINKS | ATTACH_FILES


def base(guild: dict[str, Any], member: dict[str, Any]) -> int:
    """In the guild at large: @everyone and the member's roles together; everything for owner and administrators."""
    if member["user"]["id"] == guild["owner_id"]:
        return ALL
    mine = {guild["id"], *member["roles"]}
    granted = 0
    for role in guild["roles"]:
        if role["id"] in mine:
            granted |= int(role["permissions"])
    return ALL if granted & ADMINISTRATOR else granted


def in_channel(guild: dict[str, Any], member: dict[str, Any], channel: dict[str, Any], *, thread: bool = False) -> int:
    """In a channel, or with `thread` in the threads of it: overwrites of @everyone, then of roles, then of the member.

    Who cannot view a channel may do nothing there; who cannot send cannot attach, embed or mention everyone either;
    who cannot enter a place where people speak cannot manage it.
    """
    granted = base(guild, member)
    if granted == ALL:
        return ALL
    overwrites = channel["permission_overwrites"]
    for ids in ([guild["id"]], set(member["roles"]) - {guild["id"]}, [member["user"]["id"]]):
        granted = _overwritten(granted, overwrites, ids)
    if not granted & VIEW_CHANNEL:
        return 0
    if not granted & (SEND_MESSAGES_IN_THREADS if thread else SEND_MESSAGES):
        granted &= ~_WITH_SENDING
    if channel["type"] in _VOCAL and not granted & CONNECT:
        granted &= ~_WITH_CONNECTING
    return granted


def _overwritten(granted: int, overwrites: list[dict[str, Any]], ids: Collection[str]) -> int:
    """Denials of one level first, then its grants: of several roles, one grant outweighs all denials."""
    level = [overwrite for overwrite in overwrites if overwrite["id"] in ids]
    for overwrite in level:
        granted &= ~int(overwrite["deny"])
    for overwrite in level:
        granted |= int(overwrite["allow"])
    return granted
