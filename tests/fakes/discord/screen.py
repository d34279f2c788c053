"""What people see: the messages of a channel, for one viewer or for all."""

from dataclasses import dataclass
from typing import Any

from tests.fakes.discord.payloads import Json
from tests.fakes.discord.sending import LOADING, Sending


@dataclass(frozen=True, slots=True)
class Seen:
    """One visible message. `reference` is the id of the message it answers; `message` is Discord's own object."""

    id: str
    author: str
    content: str
    embeds: list[Json]
    components: list[Json]
    reference: str | None
    ephemeral_for: str | None
    is_edited: bool
    is_loading: bool
    message: Json

    @property
    def custom_ids(self) -> list[str]:
        """Of all its buttons and menus, in order."""
        return list(_custom_ids(self.components))


class Screen(Sending):
    """Channels through the eyes of people."""

    def transcript(self, channel: str, viewer: str | None = None, *, author: str | None = None) -> list[Seen]:
        """What stands in a channel or thread, oldest first. Without a viewer: everything anybody sees there."""
        may_read = viewer is None or self.may_read(viewer, channel)
        seen = [self._seen(message, None) for message in self.logs[channel] if may_read]
        for user, message in self.ephemerals.values():
            if message["channel_id"] == channel and viewer in {None, user}:
                seen.append(self._seen(message, user))
        return sorted((each for each in seen if author in {None, each.author}), key=lambda each: int(each.id))

    def bot_messages(self, channel: str, viewer: str | None = None) -> list[Seen]:
        """What our bot says in a channel or thread."""
        return self.transcript(channel, viewer, author=self.bot_user_id)

    def _seen(self, message: Json, ephemeral_for: str | None) -> Seen:
        return Seen(
            id=message["id"],
            author=message["author"]["id"],
            content=message["content"],
            embeds=message["embeds"],
            components=message["components"],
            reference=message.get("message_reference", {}).get("message_id"),
            ephemeral_for=ephemeral_for,
            is_edited=message["edited_timestamp"] is not None,
            is_loading=bool(message["flags"] & LOADING),
            message=self.shown(message),
        )


def _custom_ids(components: list[dict[str, Any]]) -> Any:
    for part in components:
        if part.get("custom_id"):
            yield part["custom_id"]
        yield from _custom_ids(part.get("components", []))
