"""The Web API's door: reads arguments as Slack does, checks the token, applies faults and limits, records all."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.slack.answers import answer, too_many
from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.methods import METHODS

if TYPE_CHECKING:
    from tests.fakes.slack.server import Server
    from tests.fakes.slack.workspace import Workspace

_STRUCTURED = ("blocks", "attachments", "metadata", "view", "chunks", "loading_messages", "prompts", "files")
Answer = Callable[[], dict[str, Any]]


@dataclass(slots=True)
class Call:
    """One request to the Web API or a response_url. `outcome`: "ok", Slack's error code, or what a fault did.

    `at` and `ended` are seconds of the loop's clock. `worked` says whether it changed anything, answer or not.
    """

    method: str
    args: dict[str, Any]
    token: str
    at: float
    team: str = ""
    verb: str = "POST"
    outcome: str = ""
    worked: bool = False
    ended: float = 0.0
    answer: dict[str, Any] = field(default_factory=dict)


class WebApi:
    """Every request to `/api/{method}`, in the order of arrival."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self.calls: list[Call] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        args, token = await _arguments(request)
        workspace = self._server.workspace_of_token(token)
        call = Call(
            method, args, token, self._server.monotonic(), workspace.team_id if workspace else "", request.method
        )
        return await self.answer(request, call, lambda: self._perform(call, workspace), workspace)

    async def answer(
        self, request: web.Request, call: Call, work: Answer, workspace: "Workspace | None" = None
    ) -> web.StreamResponse:
        """Does the work of a call, unless a fault forbids, and answers, unless a fault takes the answer."""
        self.calls.append(call)
        fault = self._server.faults.for_call(call.method, call.args)
        try:
            if fault is None:
                return self._work(call, work, workspace)
            response = self._work(call, work, workspace) if fault.done else None
            await fault.wait(self._server.clock.sleep)
            if fault.outcome is not None:
                call.outcome = fault.outcome
                return fault.response(request)
            return response or self._work(call, work, workspace)
        finally:
            call.ended = self._server.monotonic()
            self._server.pulse()

    def _work(self, call: Call, work: Answer, workspace: "Workspace | None") -> web.Response:
        wait = self._server.rate_limits.retry_after(call.team, call.method, str(call.args.get("channel", "")))
        if wait is not None:
            call.outcome = "ratelimited"
            return too_many(wait)
        try:
            call.answer = {"ok": True, **work()}
            call.outcome = "ok"
            call.worked = True
        except SlackError as error:
            call.answer = {"ok": False, "error": error.code, **error.extra}
            call.outcome = error.code
        self._server.check_response(call.method, call.answer)
        return answer(call.answer, scopes=",".join(sorted(workspace.scopes)) if workspace else "")

    @staticmethod
    def _perform(call: Call, workspace: "Workspace | None") -> dict[str, Any]:
        method = METHODS.get(call.method)
        if method is None:
            raise SlackError("unknown_method", req_method=call.method)
        if not call.token:
            raise SlackError("not_authed")
        if workspace is None:
            raise SlackError("invalid_auth")
        if workspace.auth_error is not None:
            raise SlackError(workspace.auth_error)
        if (call.token == workspace.app_token) != method.app_level:
            raise SlackError("not_allowed_token_type")
        return method.run(workspace, call.args)


async def _arguments(request: web.Request) -> tuple[dict[str, Any], str]:
    """Arguments of a query, a form or a JSON body, with the JSON inside forms read; and the token."""
    args: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        sent = _read(await request.text())
        args |= sent if isinstance(sent, dict) else {}
    elif request.method == "POST":
        args |= dict(await request.post())
    for key in _STRUCTURED:
        if isinstance(args.get(key), str):
            args[key] = _read(args[key])
    token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    return args, token or str(args.pop("token", ""))


def _read(text: str) -> Any:
    """JSON where it is some, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
