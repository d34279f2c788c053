"""Reactions: who reacted to which message with what."""

from typing import Any

from tests.fakes.discord.channels import Channels
from tests.fakes.discord.payloads import Json


class Reactions(Channels):
    """An emoji is its character, or "name:id" for a custom one."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.reactors: dict[str, dict[str, list[str]]] = {}
        """Who reacted, by message and then by emoji, in order."""

    def react(self, channel: str, message: str, user: str, emoji: str, *, removed: bool = False) -> bool:
        """One reaction, or its removal; whether anything changed. A custom emoji is "name:id"."""
        who = self.reactors.setdefault(message, {}).setdefault(emoji, [])
        if (user in who) != removed:
            return False
        (who.remove if removed else who.append)(user)
        said = self.logs[channel].messages[message]
        data: Json = {"user_id": user, "message_id": message, "emoji": _emoji(emoji), "burst": False, "type": 0}
        member = self.members.get(self.guild_of(channel) or "", {}).get(user)
        if not removed:
            data |= {"message_author_id": said["author"]["id"]} | ({"member": member} if member else {})
        self.tell_in("MESSAGE_REACTION_REMOVE" if removed else "MESSAGE_REACTION_ADD", channel, data)
        return True

    def clear_reactions(self, channel: str, message: str) -> None:
        self.reactors.pop(message, None)
        self.tell_in("MESSAGE_REACTION_REMOVE_ALL", channel, {"message_id": message})

    def reactions_of(self, message: str) -> list[Json]:
        """As they stand in the message; `me` is our bot."""
        reactors = self.reactors.get(message, {})
        return [self._reaction(emoji, who) for emoji, who in reactors.items() if who]

    def _reaction(self, emoji: str, who: list[str]) -> Json:
        return {
            "emoji": _emoji(emoji),
            "count": len(who),
            "count_details": {"burst": 0, "normal": len(who)},
            "burst_colors": [],
            "me": self.bot_user_id in who,
            "me_burst": False,
        }


def _emoji(emoji: str) -> Json:
    name, _, emoji_id = emoji.partition(":")
    return {"id": emoji_id or None, "name": name}
