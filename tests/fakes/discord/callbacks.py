"""What the bot says to an interaction: a first response within three seconds, then its webhook for 15 minutes."""

from typing import Any

from tests.fakes.discord.errors import bad_form, refused
from tests.fakes.discord.interaction import COMMAND, COMPONENT, MODAL_SUBMIT, Interaction
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.sending import EPHEMERAL, LOADING
from tests.fakes.discord.world import World

MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL = 4, 5, 6, 7, 9
_TAKEN = {
    COMMAND: {MESSAGE, DEFERRED, MODAL},
    COMPONENT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL},
    MODAL_SUBMIT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
}
_MESSAGE_TYPE = {1: 20, 2: 23, 3: 23}
_REPLY = 19
ORIGINAL = "@original"


class Callbacks(World):
    """Every method raises DiscordError where Discord refuses. Rights to write are not asked for, as in life."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.interactions: list[Interaction] = []
        """All of them, in order."""

    def respond(self, interaction_id: str, token: str, body: Json) -> Json:
        """POST /interactions/{id}/{token}/callback: what it answers when asked `with_response`."""
        interaction = next((each for each in self.interactions if each.id == interaction_id), None)
        if interaction is None or interaction.token != token:
            raise refused(10062)
        if interaction.callback is not None:
            raise refused(40060)
        if interaction.has_failed or interaction.channel not in self.channels:
            raise refused(10062)
        kind = body.get("type")
        if kind not in _TAKEN[interaction.kind] or (kind in {DEFERRED_UPDATE, UPDATE} and not interaction.origin):
            raise bad_form({"type": ("INTERACTION_APPLICATION_COMMAND_CALLBACK_TYPE_INVALID", "Not for this one.")})
        message = self._first_response(interaction, kind, body.get("data") or {})
        interaction.callback = kind
        interaction.acknowledged_after = self.clock.now() - interaction.at
        interaction.changed.set()
        return self._response(interaction, message)

    def follow_up(self, application: str, token: str, body: Json) -> Json:
        """POST /webhooks/{application}/{token}: a new message, or the content of one that was only promised."""
        interaction = self._webhook(application, token)
        first = self._find(interaction, interaction.original) if interaction.callback == DEFERRED else None
        if first is not None and first["flags"] & LOADING:
            return self._edit(interaction, interaction.original, body, "follow_up")
        message = self._create(interaction, body, "follow_up", ephemeral=_is_ephemeral(body))
        interaction.follow_ups.append(message["id"])
        return message

    def answer_of(self, application: str, token: str, message: str) -> Json:
        """GET /webhooks/{application}/{token}/messages/{message or @original}."""
        interaction = self._webhook(application, token)
        return self.shown(self._owned(interaction, message))

    def edit_answer(self, application: str, token: str, message: str, body: Json) -> Json:
        """PATCH of the same; whether it is ephemeral was settled when it began."""
        interaction = self._webhook(application, token)
        return self._edit(interaction, self._owned(interaction, message)["id"], body, "edit")

    def delete_answer(self, application: str, token: str, message: str) -> None:
        """DELETE of the same."""
        interaction = self._webhook(application, token)
        self.delete_message(interaction.channel, self._owned(interaction, message)["id"])
        interaction.changed.set()

    def _webhook(self, application: str, token: str) -> Interaction:
        """The interaction behind a token, which works from the first response on."""
        interaction = next((each for each in self.interactions if each.token == token), None)
        if interaction is None or application != self.application_id:
            raise refused(10015)
        if interaction.has_expired:
            raise refused(50027)
        if interaction.callback is None or interaction.channel not in self.channels:
            raise refused(10015)
        return interaction

    def _first_response(self, interaction: Interaction, kind: int, data: Json) -> Json | None:
        if kind == MODAL:
            interaction.modal = _checked_modal(data)
            return None
        if kind in {DEFERRED_UPDATE, UPDATE}:
            interaction.original = interaction.origin
            if kind == UPDATE:
                return self._edit(interaction, interaction.origin, data, "callback")
            return None
        ephemeral, loading = _is_ephemeral(data), kind == DEFERRED
        message = self._create(interaction, data, "callback", ephemeral=ephemeral, loading=loading)
        interaction.original = message["id"]
        return message

    def _create(
        self, interaction: Interaction, body: Json, method: str, *, ephemeral: bool, loading: bool = False
    ) -> Json:
        is_first = interaction.callback is None
        more: Json = {
            "application_id": self.application_id,
            "webhook_id": self.application_id,
            "interaction_metadata": self._metadata(interaction),
        }
        if is_first and interaction.kind == COMMAND:
            more["type"] = _MESSAGE_TYPE[interaction.payload["data"]["type"]]
        elif before := interaction.original or interaction.origin:
            # A later message answers the first response; the first one to a button answers the message it is on.
            more |= {"type": _REPLY, "message_reference": self.reference(interaction.channel, before)}
        message = self.create_message(
            interaction.channel,
            self.bot_user_id,
            {key: value for key, value in body.items() if key != "message_reference"},
            method=method,
            ephemeral_for=interaction.user if ephemeral else None,
            loading=loading,
            **more,
        )
        if not loading:
            interaction.note(message["id"])
        interaction.changed.set()
        return message

    def _edit(self, interaction: Interaction, message: str, body: Json, method: str) -> Json:
        changed = self.edit_message(interaction.channel, message, body, method=method)
        interaction.note(message)
        interaction.changed.set()
        return changed

    def _owned(self, interaction: Interaction, message: str) -> Json:
        """A message that came of this interaction. Errors: 10008."""
        wanted = interaction.original if message == ORIGINAL else message
        if not wanted or wanted not in {interaction.original, *interaction.follow_ups}:
            raise refused(10008)
        return self.find_message(interaction.channel, wanted)

    def _find(self, interaction: Interaction, message: str) -> Json | None:
        return next((each for each in interaction.messages if each["id"] == message), None)

    def _metadata(self, interaction: Interaction) -> Json:
        metadata = {
            "id": interaction.id,
            "type": interaction.kind,
            "user": self.users[interaction.user],
            "authorizing_integration_owners": interaction.payload["authorizing_integration_owners"],
        }
        if interaction.kind == COMPONENT:
            metadata["interacted_message_id"] = interaction.origin
        if interaction.original:
            metadata["original_response_message_id"] = interaction.original
        if interaction.opener is not None:
            metadata["triggering_interaction_metadata"] = self._metadata(interaction.opener)
        if "target_id" in interaction.payload["data"]:
            metadata["target_message_id"] = interaction.payload["data"]["target_id"]
        return metadata

    def _response(self, interaction: Interaction, message: Json | None) -> Json:
        about: Json = {"id": interaction.id, "type": interaction.kind, "channel_id": interaction.channel}
        if "guild_id" in interaction.payload:
            about["guild_id"] = interaction.payload["guild_id"]
        if message is None:
            return {"interaction": about}
        about |= {
            "response_message_id": message["id"],
            "response_message_loading": bool(message["flags"] & LOADING),
            "response_message_ephemeral": bool(message["flags"] & EPHEMERAL),
        }
        kind = UPDATE if interaction.callback == UPDATE else MESSAGE
        return {"interaction": about, "resource": {"type": kind, "message": message}}


def _is_ephemeral(body: Json) -> bool:
    return bool((body.get("flags") or 0) & EPHEMERAL)


def _checked_modal(data: Json) -> Json:
    """Errors: 50035."""
    problems = {}
    for key, most in (("custom_id", 100), ("title", 45)):
        if not 1 <= len(data.get(key) or "") <= most:
            problems[key] = ("BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {most} in length.")
    if not 1 <= len(data.get("components") or []) <= 5:
        problems["components"] = ("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    if problems:
        raise bad_form(problems)
    return data
