"""What people see: messages in order, for one viewer or for all, and every payload the bot sent with its audience."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.slack.channel import Channel
from tests.fakes.slack.log import Message
from tests.fakes.slack.residence import Residence


@dataclass(frozen=True, slots=True)
class Seen:
    """One visible message. `author` is a user's id, or a bot's where there is no user."""

    ts: str
    author: str
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str | None
    subtype: str
    ephemeral_for: str | None
    is_edited: bool
    is_streaming: bool
    message: Message


@dataclass(frozen=True, slots=True)
class Sent:
    """One payload of the bot that somebody could see. `audience` holds ids of users; `ts` is a view's id for views."""

    at: float
    method: str
    channel: str
    ts: str
    payload: Mapping[str, Any]
    audience: frozenset[str]


class Screen(Residence):
    """The workspace through the eyes of its people."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._sent: list[Sent] = []

    def show(
        self, payload: Mapping[str, Any], method: str, channel: Channel | None, ts: str, *, only: str = ""
    ) -> None:
        """Records what the bot showed; `only` names its single reader."""
        audience = frozenset({only}) if only or channel is None else self.audience_of(channel)
        at = self.server.monotonic()
        self._sent.append(Sent(at, method, channel.id if channel else "", ts, dict(payload), audience))

    def visible_payloads(self) -> list[Sent]:
        return self._sent

    def transcript(self, channel: str, viewer: str | None = None, *, author: str | None = None) -> list[Seen]:
        """What stands in a conversation, replies included, by time. Without a viewer: everything anybody sees."""
        place = self.channels[channel]
        if viewer is not None and not self.may_read(viewer, place):
            return []
        messages = place.log.messages.values()
        seen = [self._seen(message, None) for message in messages if author in {None, message.get("user")}]
        for where, user, message in self.ephemerals.values():
            if where == channel and viewer in {None, user} and author in {None, message["user"]}:
                seen.append(self._seen(message, user))
        return sorted(seen, key=lambda message: message.ts)

    def bot_messages(self, channel: str, viewer: str | None = None) -> list[Seen]:
        """What our bot says in a conversation."""
        return self.transcript(channel, viewer, author=self.bot_user_id)

    def _seen(self, message: Message, ephemeral_for: str | None) -> Seen:
        return Seen(
            ts=message["ts"],
            author=message.get("user") or message.get("bot_id", ""),
            text=message.get("text", ""),
            blocks=message.get("blocks", []),
            thread_ts=message.get("thread_ts"),
            subtype=message.get("subtype", ""),
            ephemeral_for=ephemeral_for,
            is_edited="edited" in message,
            is_streaming=self.is_streaming(message["ts"]),
            message=message,
        )
