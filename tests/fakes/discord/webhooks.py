"""The routes by which a bot answers interactions. The token in the path is all the right they ask for."""

from typing import TYPE_CHECKING, Any

from tests.fakes.discord.rest import Call, Route

if TYPE_CHECKING:
    from tests.fakes.discord.callbacks import Callbacks

_WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"
_MESSAGE = f"{_WEBHOOK}/messages/{{message_id}}"
_ORIGINAL = f"{_WEBHOOK}/messages/@original"


def _respond(world: "Callbacks", call: Call) -> Any:
    answer = world.respond(call.params["interaction_id"], call.params["interaction_token"], call.json or {})
    return answer if call.query.get("with_response") in {"1", "true"} else None


def _follow_up(world: "Callbacks", call: Call) -> Any:
    """Interaction webhooks answer with the message whether `wait` was asked for or not."""
    return world.follow_up(call.params["webhook_id"], call.params["webhook_token"], call.json or {})


def _get(world: "Callbacks", call: Call) -> Any:
    return world.answer_of(*_which(call))


def _edit(world: "Callbacks", call: Call) -> Any:
    return world.edit_answer(*_which(call), call.json or {})


def _delete(world: "Callbacks", call: Call) -> Any:
    return world.delete_answer(*_which(call))


def _which(call: Call) -> tuple[str, str, str]:
    return call.params["webhook_id"], call.params["webhook_token"], call.params.get("message_id", "@original")


ROUTES = (
    Route("POST", "/interactions/{interaction_id}/{interaction_token}/callback", _respond, needs_token=False),
    Route("POST", _WEBHOOK, _follow_up, needs_token=False),
    *(
        Route(method, template, work, needs_token=False)
        for template in (_ORIGINAL, _MESSAGE)
        for method, work in (("GET", _get), ("PATCH", _edit), ("DELETE", _delete))
    ),
)
