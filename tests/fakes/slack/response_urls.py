"""response_url: what an app may say in answer to a command or a click, five times within thirty minutes."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.slack.errors import SlackError
from tests.fakes.slack.methods import drafts
from tests.fakes.slack.methods.registry import Args

if TYPE_CHECKING:
    from tests.fakes.slack.server import Server
    from tests.fakes.slack.workspace import Workspace

USES = 5
LIFETIME_SECONDS = 30 * 60.0


@dataclass(slots=True)
class ResponseUrl:
    """One address. `origin` is the ts of the message that was clicked, "" for a command."""

    workspace: "Workspace"
    channel: str
    user: str
    origin: str
    expires: float
    posts: list[dict[str, Any]] = field(default_factory=list)


class ResponseUrls:
    """All addresses handed out."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._urls: dict[str, ResponseUrl] = {}

    def make(self, workspace: "Workspace", channel: str, user: str, origin: str = "") -> str:
        key = f"{workspace.team_id}-{self._server.number()}"
        expires = workspace.clock.now() + LIFETIME_SECONDS
        self._urls[key] = ResponseUrl(workspace, channel, user, origin, expires)
        return f"{self._server.url}/response/{key}"

    def posts_to(self, url: str) -> list[dict[str, Any]]:
        return self._urls[url.rpartition("/")[2]].posts

    async def handle(self, request: web.Request) -> web.StreamResponse:
        from tests.fakes.slack.web_api import Call  # the two modules need each other

        found = self._urls.get(request.match_info["key"])
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, body=b"invalid_payload")
        args = body if isinstance(body, dict) else {}
        call = Call("response_url", args, "", self._server.monotonic(), found.workspace.team_id if found else "")
        response = await self._server.web_api.answer(request, call, lambda: _respond(found, Args(args)))
        if call.outcome == "ok":
            return web.Response(body=b"ok", content_type="text/plain")
        if response.status == web.HTTPOk.status_code and isinstance(response, web.Response) and call.answer:
            response.set_status(404)
        return response


def _respond(url: ResponseUrl | None, args: Args) -> dict[str, Any]:
    if url is None or url.expires <= url.workspace.clock.now():
        raise SlackError("expired_url")
    if len(url.posts) >= USES:
        raise SlackError("used_url")
    url.posts.append(dict(args))
    workspace = url.workspace
    if args.flag("delete_original"):
        workspace.remove_origin(url.origin)
        return {}
    said = drafts.content(args)
    if args.flag("replace_original") and url.origin:
        workspace.replace_origin(url.origin, said)
        return _shown(url, args, url.origin)
    channel = workspace.channels[url.channel]
    said |= drafts.thread_keys(workspace, channel, args)
    if args.text("response_type") == "in_channel":
        message = workspace.say_as_bot(channel, said)
    else:
        message = workspace.whisper(channel, url.user, said)
    return _shown(url, args, message["ts"])


def _shown(url: ResponseUrl, args: Args, ts: str) -> dict[str, Any]:
    workspace = url.workspace
    whispered = workspace.ephemerals.get(ts)
    only = whispered[1] if whispered else ""
    workspace.show(args, "response_url", workspace.channels[url.channel], ts, only=only)
    return {}
