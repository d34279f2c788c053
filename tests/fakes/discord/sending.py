"""What a bot sends, edits and deletes: with limits, nonces and allowed mentions, and a record of who could see it."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.discord import limits, payloads
from tests.fakes.discord.errors import bad_form, refused
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.snowflakes import iso, iso_of
from tests.fakes.discord.threads import Threads

SUPPRESS_EMBEDS, EPHEMERAL, LOADING, SUPPRESS_NOTIFICATIONS = 1 << 2, 1 << 6, 1 << 7, 1 << 12
_SETTABLE = SUPPRESS_EMBEDS | EPHEMERAL | SUPPRESS_NOTIFICATIONS | limits.IS_COMPONENTS_V2
_NONCE_SECONDS = 300.0
_REPLY = 19


@dataclass(frozen=True, slots=True)
class Sent:
    """One payload of the bot that somebody could see. `audience` holds ids of users, other bots' too, not our own."""

    at: float
    method: str
    channel: str
    payload: Mapping[str, Any]
    audience: frozenset[str]


class Sending(Threads):
    """`body` is always what the API takes for a message. Rights are checked at the door of the API, not here."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._sent: list[Sent] = []
        self._nonces: dict[tuple[str, str, str], tuple[float, str]] = {}

    def create_message(
        self,
        channel: str,
        author_id: str,
        body: Json,
        *,
        method: str = "create",
        ephemeral_for: str | None = None,
        loading: bool = False,
        **more: Any,
    ) -> Json:
        """The new message. Errors: DiscordError beyond a limit; KeyError where there is no such channel.

        `ephemeral_for` names its single reader: it then stands in `ephemerals`, and no event tells of it. `loading` is
        the "thinking ..." of a deferred answer, which has no content yet. `more` is in Discord's own words.
        """
        if not loading:
            limits.check(body)
        earlier = self._same_nonce(channel, author_id, body)
        if earlier is not None:
            return self.shown(earlier)
        message_id = self.snowflakes.new()
        author = self.users[author_id]
        message = payloads.message(message_id, channel, author, body.get("content") or "", iso_of(message_id))
        self._refer(message, body.get("message_reference"))
        self._fill(message, body)
        flags = (body.get("flags") or 0) & _SETTABLE & ~EPHEMERAL
        message["flags"] = flags | (EPHEMERAL if ephemeral_for else 0) | (LOADING if loading else 0)
        if body.get("nonce") is not None:
            message["nonce"] = body["nonce"]
            self._nonces[channel, author_id, str(body["nonce"])] = (self.clock.now(), message_id)
        message |= more
        self._suppress(message)
        if author_id == self.bot_user_id:
            self.show(body, method, channel, only=ephemeral_for)
        if ephemeral_for:
            self.ephemerals[message_id] = (ephemeral_for, message)
        else:
            self.add_message(message)
        return self.shown(message)

    def edit_message(self, channel: str, message_id: str, body: Json, *, method: str = "edit") -> Json:
        """The message as it is now; keys that the body lacks stay. Errors: as above, and 10008."""
        message = self.find_message(channel, message_id)
        merged = {key: message.get(key) for key in ("content", "embeds", "components", "attachments", "sticker_items")}
        merged |= {"poll": message.get("poll"), "flags": message["flags"]} | body
        limits.check(merged)
        was_loading = message["flags"] & LOADING
        if "content" in body:
            message["content"] = body["content"] or ""
        self._fill(message, body)
        if body.get("flags") is not None:
            kept = message["flags"] & ~(SUPPRESS_EMBEDS | limits.IS_COMPONENTS_V2)
            message["flags"] = kept | body["flags"] & (SUPPRESS_EMBEDS | limits.IS_COMPONENTS_V2)
        message["flags"] &= ~LOADING
        if not was_loading:
            message["edited_timestamp"] = iso(self.clock.now())
        self._suppress(message)
        only = self.ephemerals[message_id][0] if message_id in self.ephemerals else None
        if message["author"]["id"] == self.bot_user_id:
            self.show(body, method, channel, only=only)
        if only is None:
            self.tell_change(message)
        return self.shown(message)

    def delete_message(self, channel: str, message_id: str) -> None:
        """Errors: 10008."""
        self.find_message(channel, message_id)
        if self.ephemerals.pop(message_id, None) is None:
            self.delete(channel, message_id)

    def find_message(self, channel: str, message_id: str) -> Json:
        """Also one that a single person sees. Errors: 10008."""
        if message_id in self.ephemerals and self.ephemerals[message_id][1]["channel_id"] == channel:
            return self.ephemerals[message_id][1]
        message = self.logs[channel].messages.get(message_id)
        if message is None:
            raise refused(10008)
        return message

    def show(self, payload: Mapping[str, Any], method: str, channel: str, *, only: str | None = None) -> None:
        """Records what the bot showed; `only` names its single reader."""
        audience = frozenset({only}) if only else frozenset(self.readers(channel) - {self.bot_user_id})
        self._sent.append(Sent(self.clock.now(), method, channel, dict(payload), audience))

    def visible_payloads(self) -> list[Sent]:
        return self._sent

    def _same_nonce(self, channel: str, author_id: str, body: Json) -> Json | None:
        """With `enforce_nonce`, what was sent with the same nonce in the last minutes."""
        if not body.get("enforce_nonce"):
            return None
        at, message_id = self._nonces.get((channel, author_id, str(body.get("nonce"))), (0.0, ""))
        return self.logs[channel].messages.get(message_id) if self.clock.now() - at < _NONCE_SECONDS else None

    def _refer(self, message: Json, reference: Json | None) -> None:
        """Makes it a reply. Errors: 50035 when the message is gone, unless the body says that this does not matter."""
        if not reference or reference.get("message_id") is None:
            return
        channel, answered = message["channel_id"], str(reference["message_id"])
        if answered in self.logs[channel].messages:
            message["type"] = _REPLY
            message["message_reference"] = self.reference(channel, answered)
        elif reference.get("fail_if_not_exists", True):
            raise bad_form({"message_reference": ("REPLIES_UNKNOWN_MESSAGE", "Unknown message")})

    def _fill(self, message: Json, body: Json) -> None:
        if "embeds" in body:
            message["embeds"] = [_embedded(embed) for embed in body["embeds"] or ()]
        if "components" in body:
            message["components"] = _numbered(body["components"] or [])
        if "attachments" in body:
            kept = {each["id"]: each for each in message["attachments"]}
            message["attachments"] = [
                kept.get(str(each.get("id"))) or self.attachment(message["channel_id"], {"filename": "file"} | each)
                for each in body["attachments"] or ()
            ]
        allowed = body.get("allowed_mentions")
        self.mention(message, reply_pings=allowed is None or bool(allowed.get("replied_user")), allowed=allowed)

    @staticmethod
    def _suppress(message: Json) -> None:
        """The flag hides every embed of a message, its own ones too."""
        if message["flags"] & SUPPRESS_EMBEDS:
            message["embeds"] = []


def _embedded(embed: Json) -> Json:
    fields = [{"inline": False} | field for field in embed.get("fields") or ()]
    return {"type": "rich"} | embed | ({"fields": fields} if fields else {})


def _numbered(components: list[Json]) -> list[Json]:
    """Discord numbers the components that came without an id, in order, from 1."""
    numbers = itertools.count(1)

    def number(part: Json) -> Json:
        numbered = {"id": next(numbers)} | part
        if "components" in part:
            numbered["components"] = [number(inner) for inner in part["components"]]
        return numbered

    return [number(part) for part in components]
