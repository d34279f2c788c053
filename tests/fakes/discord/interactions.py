"""What people do with the bot itself: commands, context menus, buttons, modals. Each returns the interaction."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.fakes.discord import permissions
from tests.fakes.discord.callbacks import Callbacks
from tests.fakes.discord.command_options import options_of, people, resolved
from tests.fakes.discord.interaction import COMMAND, COMPONENT, MODAL_SUBMIT, Interaction
from tests.fakes.discord.payloads import Json

CHAT_INPUT, MESSAGE_COMMAND = 1, 3
GUILD_CONTEXT, DIRECT_CONTEXT = 0, 1
_ACTION_ROW, _BUTTON, _TEXT_INPUT, _LABEL = 1, 2, 4, 18
_LINK_STYLE, _PREMIUM_STYLE = 5, 6
_ATTACHMENT_BYTES = 10 * 2**20


class Interactions(Callbacks):
    """People can only do what Discord's client would let them: LookupError where it shows them nothing to press."""

    def slash_command(
        self,
        user: str,
        channel: str,
        name: str,
        options: Mapping[str, Any] | None = None,
        *,
        subcommand: str = "",
        locale: str = "en-US",
    ) -> Interaction:
        """`options`: values by name; people, channels and roles by id. `subcommand`: "status", or "group status".

        Errors: LookupError when the person has no such command there; ValueError for options nobody could send.
        """
        command = self._command(user, channel, name, CHAT_INPUT)
        chosen = options_of(command, subcommand, options or {})
        guild = self.guild_of(channel)
        data = self._command_data(command) | ({"options": chosen} if chosen else {})
        if found := resolved(self, guild, user, chosen):
            data["resolved"] = found
        return self._interact(COMMAND, data, user, channel, locale)

    def context_menu(self, user: str, channel: str, message: str, name: str, *, locale: str = "en-US") -> Interaction:
        """A command in the menu of a message, which the bot is shown whatever its intents. Errors: LookupError."""
        command = self._command(user, channel, name, MESSAGE_COMMAND)
        if not self.may_read(user, channel):
            raise LookupError(f"{user} cannot read {channel}")
        target = self.shown(self.logs[channel].messages[message])
        found = {"messages": {message: target}}
        data = self._command_data(command) | {"target_id": message, "resolved": found}
        return self._interact(COMMAND, data, user, channel, locale)

    def click(
        self,
        user: str,
        message_id: str,
        custom_id: str,
        *,
        values: list[str] | None = None,
        forged: bool = False,
        locale: str = "en-US",
    ) -> Interaction:
        """Presses a button of our bot, or chooses `values` of a menu; of an ephemeral message too.

        A forged click needs no such button, and no right to see it. Errors: LookupError when there is none to press.
        """
        message, reader = self._on_screen(message_id)
        channel = message["channel_id"]
        part = next((each for each in _interactive(message["components"]) if each["custom_id"] == custom_id), None)
        visible = reader == user if reader is not None else self.may_read(user, channel)
        is_ours = message.get("application_id", message["author"]["id"]) in {self.application_id, self.bot_user_id}
        if not forged and (part is None or part.get("disabled") or not visible or not is_ours):
            raise LookupError(f"{user} sees no {custom_id} in {message_id}")
        data: Json = {"custom_id": custom_id, "component_type": part["type"] if part else _BUTTON}
        data["id"] = part.get("id", 1) if part else 1
        if data["component_type"] != _BUTTON:
            data["values"] = values or []
            data["resolved"] = people(
                self, self.guild_of(channel), [each for each in values or () if each in self.users]
            )
        return self._interact(COMPONENT, data, user, channel, locale, origin=self.shown(message))

    def submit_modal(
        self, user: str, interaction: Interaction, values: Mapping[str, str | list[str]] | None = None
    ) -> Interaction:
        """Sends off the modal that an interaction opened, once. `values` by custom_id.

        Errors: LookupError when that person has no such modal open; ValueError for a field that cannot be sent so.
        """
        modal = interaction.modal
        if modal is None or user != interaction.user:
            raise LookupError(f"{user} has no modal open")
        given = dict(values or {})
        parts = [_filled(part, given) for part in modal["components"]]
        if given:
            raise ValueError(f"the modal has no {sorted(given)}")
        interaction.modal = None
        data = {"custom_id": modal["custom_id"], "components": parts}
        origin = interaction.payload.get("message")
        locale = interaction.payload["locale"]
        submitted = self._interact(MODAL_SUBMIT, data, user, interaction.channel, locale, origin=origin)
        submitted.opener = interaction
        return submitted

    def _command(self, user: str, channel: str, name: str, kind: int) -> Json:
        """The registered command, if that person is offered it there."""
        guild = self.guild_of(channel)
        offered = [
            command
            for command in self.commands_in(guild)
            if (command["name"], command.get("type", CHAT_INPUT)) == (name, kind)
        ]
        granted = self.permissions(guild, user, channel)
        if not offered or not granted & permissions.USE_APPLICATION_COMMANDS or not granted & permissions.VIEW_CHANNEL:
            raise LookupError(f"{user} is offered no {name} in {channel}")
        command = offered[0]
        contexts = command.get("contexts")
        context = DIRECT_CONTEXT if guild is None else GUILD_CONTEXT
        needed = command.get("default_member_permissions")
        if contexts is not None and context not in contexts:
            raise LookupError(f"{name} is not offered in {channel}")
        is_opened = (guild, name) in self.opened_commands
        if guild is not None and needed is not None and not is_opened and not _holds(granted, int(needed)):
            raise LookupError(f"{user} may not use {name}")
        return command

    @staticmethod
    def _command_data(command: Json) -> Json:
        about = {"id": command["id"], "name": command["name"], "type": command.get("type", CHAT_INPUT)}
        return about | ({"guild_id": command["guild_id"]} if command.get("guild_id") else {})

    def _interact(
        self, kind: int, data: Json, user: str, channel: str, locale: str, *, origin: Json | None = None
    ) -> Interaction:
        guild = self.guild_of(channel)
        number = self.snowflakes.new()
        place = self.channels[channel]
        shown = self.thread_payload(channel) if self.is_thread(channel) else place
        payload: Json = {
            "id": number,
            "application_id": self.application_id,
            "type": kind,
            "data": data,
            "channel": shown | {"permissions": str(self.permissions(guild, user, channel))},
            "channel_id": channel,
            "token": f"interaction-{number}",
            "version": 1,
            "app_permissions": str(self.permissions(guild, self.bot_user_id, channel)),
            "locale": locale,
            "entitlements": [],
            "authorizing_integration_owners": {"0": guild or "0"},
            "context": DIRECT_CONTEXT if guild is None else GUILD_CONTEXT,
            "attachment_size_limit": _ATTACHMENT_BYTES,
        }
        payload |= {"message": origin} if origin else {}
        payload |= {"user": self.users[user]} if guild is None else self._guild_part(guild, user, channel)
        interaction = Interaction(self, payload, user, channel, self.clock.now(), origin["id"] if origin else "")
        self.interactions.append(interaction)
        self.tell("INTERACTION_CREATE", payload, guild, channel)
        return interaction

    def _guild_part(self, guild: str, user: str, channel: str) -> Json:
        about = self.guilds[guild]
        locale = about["preferred_locale"]
        permitted = str(self.permissions(guild, user, channel))
        return {
            "guild_id": guild,
            "guild": {"id": guild, "locale": locale, "features": about["features"]},
            "guild_locale": locale,
            "member": self.members[guild][user] | {"permissions": permitted},
        }

    def _on_screen(self, message_id: str) -> tuple[Json, str | None]:
        if message_id in self.ephemerals:
            reader, message = self.ephemerals[message_id]
            return message, reader
        for log in self.logs.values():
            if message_id in log.messages:
                return log.messages[message_id], None
        raise LookupError(message_id)


def _holds(granted: int, needed: int) -> bool:
    """ "0" is for administrators alone."""
    return granted == permissions.ALL or (needed != 0 and granted & needed == needed)


def _interactive(components: list[Json]) -> Iterator[Json]:
    """Every part of a message that a person can press, as deep as it may stand."""
    for part in components:
        if "custom_id" in part and part.get("style") not in {_LINK_STYLE, _PREMIUM_STYLE}:
            yield part
        yield from _interactive(part.get("components", []))
        yield from _interactive([part["accessory"]] if "accessory" in part else [])


def _filled(part: Json, values: dict[str, Any]) -> Json:
    """A component of a modal with what was entered; each value is taken out of `values`. Errors: ValueError."""
    shell = {key: part[key] for key in ("type", "id") if key in part}
    if part["type"] == _ACTION_ROW:
        return shell | {"components": [_filled(inner, values) for inner in part["components"]]}
    if part["type"] == _LABEL:
        return shell | {"component": _filled(part["component"], values)}
    if "custom_id" not in part:
        return shell
    shell["custom_id"] = part["custom_id"]
    if part["type"] != _TEXT_INPUT:
        return shell | {"values": values.pop(part["custom_id"], [])}
    text = values.pop(part["custom_id"], part.get("value", ""))
    least = part.get("min_length", 1 if part.get("required", True) else 0)
    if not least <= len(text) <= part.get("max_length", 4_000):
        raise ValueError(f"{part['custom_id']} takes {least} to {part.get('max_length', 4_000)} characters")
    return shell | {"value": text}
