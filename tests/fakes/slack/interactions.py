"""What people do with the app itself: commands, buttons, shortcuts, modals. Each returns the interaction to await."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.fakes.slack.deliveries import Delivery
from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.log import Message
from tests.fakes.slack.screen import Screen

TRIGGER_SECONDS = 3.0
_USED = -1.0


@dataclass(frozen=True, slots=True)
class Interaction:
    """One command, click or submission on its way to the app."""

    delivery: Delivery
    screen: Screen
    response_url: str = ""
    trigger_id: str = ""

    @property
    def payload(self) -> dict[str, Any]:
        return self.delivery.payload

    @property
    def posts(self) -> list[dict[str, Any]]:
        """What the app sent to the response_url so far."""
        return self.screen.server.response_urls.posts_to(self.response_url)

    async def answer(self, seconds: float = 30.0) -> Any:
        """What came with the ack; None for an empty one. Errors: TimeoutError, also when the app acked too late."""
        await self.screen.server.until(self.delivery.done.is_set, seconds)
        if self.delivery.state != "acked":
            raise TimeoutError(self.delivery.state)
        return self.delivery.response


class Interactions(Screen):
    """Everything that arrives as `slash_commands` or `interactive`."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._triggers: dict[str, tuple[float, str]] = {}

    def slash_command(self, user: str, channel: str, command: str, text: str = "") -> Interaction:
        payload = {
            "token": self.verification_token,
            "team_id": self.team_id,
            "team_domain": self.name,
            "channel_id": channel,
            "channel_name": self._channel_name(channel),
            "user_id": user,
            "user_name": self.users[user].name,
            "command": command,
            "text": text,
            "api_app_id": self.app_id,
            "is_enterprise_install": "false",
        }
        return self._send("slash_commands", payload, user, channel)

    def click(
        self, user: str, ts: str, action_id: str, *, value: str | None = None, forged: bool = False
    ) -> Interaction:
        """Presses a button the user can see. A forged click needs no such button, and no right to see it.

        Errors: LookupError when there is nothing to press.
        """
        channel, message, reader = self._on_screen(ts)
        action = next((found for found in _actions(message) if found["action_id"] == action_id), None)
        visible = self.may_read(user, self.channels[channel]) and reader in {None, user}
        if not forged and (action is None or not visible):
            raise LookupError(f"{user} sees no {action_id} in {ts}")
        pressed = action or {"action_id": action_id, "block_id": "forged", "type": "button"}
        pressed = {**pressed, "action_ts": self.clock.ts()} | ({} if value is None else {"value": value})
        container = {
            "type": "message",
            "message_ts": ts,
            "channel_id": channel,
            "is_ephemeral": reader is not None,
        }
        if "thread_ts" in message:
            container["thread_ts"] = message["thread_ts"]
        payload = {"type": "block_actions", "container": container, "actions": [pressed], "state": {"values": {}}}
        if reader is None:
            payload["message"] = message
        return self._interact(payload, user, channel, ts)

    def message_shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> Interaction:
        message = self.channels[channel].log.messages[ts]
        payload = {"type": "message_action", "callback_id": callback_id, "message_ts": ts, "message": message}
        return self._interact(payload | {"action_ts": self.clock.ts()}, user, channel, ts)

    def submit(self, user: str, view_id: str, values: dict[str, Any] | None = None) -> Interaction:
        """Presses the submit button of an open modal. `values`: state by block_id, then action_id."""
        view = {**self.views[view_id]["view"], "state": {"values": values or {}}}
        return self._interact({"type": "view_submission", "view": view, "response_urls": []}, user, "", "")

    def use_trigger(self, trigger_id: str) -> str:
        """The user behind a trigger, which opens one view within three seconds."""
        expires, user = self._triggers.get(trigger_id, (0.0, ""))
        if not user:
            raise SlackError("invalid_trigger_id")
        if expires == _USED:
            raise SlackError("exchanged_trigger_id")
        if expires <= self.clock.now():
            raise SlackError("expired_trigger_id")
        self._triggers[trigger_id] = (_USED, user)
        return user

    def replace_origin(self, ts: str, said: dict[str, Any]) -> None:
        """The message that was clicked, changed through its response_url."""
        channel, message, reader = self._on_screen(ts)
        if reader is None:
            self.change(self.channels[channel], ts, {"blocks": None, **said})
        else:
            self.ephemerals[ts] = (channel, reader, {**_without_blocks(message), **said})

    def remove_origin(self, ts: str) -> None:
        channel, _, reader = self._on_screen(ts)
        if reader is None:
            self.delete(channel, ts)
        else:
            del self.ephemerals[ts]

    def _on_screen(self, ts: str) -> tuple[str, Message, str | None]:
        if ts in self.ephemerals:
            channel, reader, message = self.ephemerals[ts]
            return channel, message, reader
        for channel in self.channels.values():
            if ts in channel.log.messages:
                return channel.id, channel.log.messages[ts], None
        raise LookupError(ts)

    def _interact(self, payload: dict[str, Any], user: str, channel: str, ts: str) -> Interaction:
        person = self.users[user]
        payload |= {
            "team": {"id": self.team_id, "domain": self.name},
            "user": {"id": user, "username": person.name, "name": person.name, "team_id": person.team},
            "api_app_id": self.app_id,
            "token": self.verification_token,
            "enterprise": None,
            "is_enterprise_install": False,
        }
        if channel:
            payload["channel"] = {"id": channel, "name": self._channel_name(channel)}
        return self._send("interactive", payload, user, channel, ts)

    def _send(self, kind: str, payload: dict[str, Any], user: str, channel: str, ts: str = "") -> Interaction:
        trigger_id = f"{self.server.number()}.trigger"
        self._triggers[trigger_id] = (self.clock.now() + TRIGGER_SECONDS, user)
        payload["trigger_id"] = trigger_id
        response_url = ""
        if channel:
            response_url = payload["response_url"] = self.server.response_urls.make(self, channel, user, ts)
        delivery = Delivery(kind, payload, self.team_id)
        if kind == "slash_commands":
            delivery.on_answer = lambda said: self._say_answer(said, user, channel)
        else:
            delivery.on_answer = lambda said: self.show({"answer": said}, "ack", None, "", only=user)
        return Interaction(self.outbox.push(delivery), self, response_url, trigger_id)

    def _say_answer(self, said: Any, user: str, channel: str) -> None:
        """What comes with the ack of a command is shown, to the asker alone unless it says otherwise."""
        said = {"text": said} if isinstance(said, str) else said
        if not isinstance(said, dict) or not (said.get("text") or said.get("blocks")):
            return
        place = self.channels[channel]
        content = {key: said[key] for key in ("text", "blocks") if key in said}
        if said.get("response_type") == "in_channel":
            self.show(said, "ack", place, self.say_as_bot(place, content)["ts"])
        else:
            self.show(said, "ack", place, self.whisper(place, user, content)["ts"], only=user)

    def _channel_name(self, channel: str) -> str:
        place = self.channels[channel]
        return "directmessage" if place.kind == "im" else place.name if place.kind == "channel" else "privategroup"


def _actions(message: Message) -> Iterator[dict[str, Any]]:
    """Everything in a message that can be pressed, as it stands in `actions` of a payload."""
    for block in message.get("blocks", ()):
        elements = [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]
        for element in elements:
            if "action_id" in element:
                kept = {key: element[key] for key in ("action_id", "type", "value", "text") if key in element}
                yield kept | {"block_id": block.get("block_id", "")}


def _without_blocks(message: Message) -> Message:
    return {key: value for key, value in message.items() if key != "blocks"}
