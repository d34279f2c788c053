"""What of a change a session gets to know: by its shard, its intents, and what the bot may see."""

from typing import TYPE_CHECKING, Any

from tests.fakes.discord.intents import GUILD_MEMBERS, GUILD_PRESENCES, MESSAGE_CONTENT, needed, without_content
from tests.fakes.discord.permissions import VIEW_CHANNEL
from tests.fakes.discord.sessions import Session

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

_IN_SIGHT = ("MESSAGE_", "THREAD_", "TYPING_", "CHANNEL_PINS_")
"""Events of a channel that only those who may view it are told. Of channels themselves a bot hears always."""
_WITH_CONTENT = frozenset({"MESSAGE_CREATE", "MESSAGE_UPDATE"})


class Audience:
    """Asked at the moment of the change, as rights may be others a moment later."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def sees(self, session: Session, event: str, data: dict[str, Any], guild: str | None, channel: str | None) -> bool:
        """Whether the session is told at all."""
        wanted = self._needed(event, data, guild)
        if not session.has(guild) or session.intents & wanted != wanted:
            return False
        if guild is None or channel is None or not event.startswith(_IN_SIGHT):
            return True
        if event == "THREAD_MEMBERS_UPDATE":
            return self._is_told_of_members(session, data, channel)
        return self._is_in_sight(channel)

    def shown(self, session: Session, event: str, data: dict[str, Any], guild: str | None) -> dict[str, Any]:
        """The data as the session gets it: no content without the intent, a new guild without most of its members."""
        if event in _WITH_CONTENT and guild is not None and not session.intents & MESSAGE_CONTENT:
            return without_content(data, self._bot_id)
        if event == "GUILD_CREATE":
            return self._guild(session, data)
        return data

    @property
    def _bot_id(self) -> str:
        return self._world.bot_user["id"]

    def _needed(self, event: str, data: dict[str, Any], guild: str | None) -> int:
        """Changes of its own membership reach a bot without GUILD_MEMBERS."""
        if event == "GUILD_MEMBER_UPDATE" and data["user"]["id"] == self._bot_id:
            return 0
        return needed(event, in_guild=guild is not None)

    def _is_in_sight(self, channel: str) -> bool:
        return channel in self._world.channels and self._world.may(self._world.bot_user["id"], channel, VIEW_CHANNEL)

    def _is_told_of_members(self, session: Session, data: dict[str, Any], thread: str) -> bool:
        """Without GUILD_MEMBERS a bot hears of its own coming and going only; of its going also when blind by then."""
        added = [member["user_id"] for member in data.get("added_members", ())]
        ours = self._bot_id in {*added, *data.get("removed_member_ids", ())}
        return ours or bool(session.intents & GUILD_MEMBERS and self._is_in_sight(thread))

    def _guild(self, session: Session, data: dict[str, Any]) -> dict[str, Any]:
        shown = data | {"large": data["member_count"] > session.large_threshold}
        if not session.intents & GUILD_PRESENCES:
            shown["members"] = [member for member in data["members"] if member["user"]["id"] == self._bot_id]
        if data["id"] not in session.guilds:
            # A guild that READY did not announce has just been joined; discord.py tells the two apart by this key.
            session.guilds.add(data["id"])
            shown.pop("unavailable", None)
        return shown
