"""Files: what `files.info` says of one, and the host that serves its bytes to whoever brings the right token."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from tests.fakes.slack.server import Server


@dataclass(slots=True, kw_only=False)
class File:
    """`access="check_file_info"` plays a file of another company: events and history only name it.

    `served` replaces what the host sends; `redirect` makes the host point elsewhere.
    """

    id: str
    team: str
    name: str
    content: bytes
    mimetype: str = "text/plain"
    user: str = ""
    title: str = ""
    mode: str = "hosted"
    access: str = "visible"
    served: bytes | None = None
    redirect: str = ""
    size: int | None = None
    created: int = 0
    deleted: bool = False
    channels: dict[str, None] = field(default_factory=dict)

    def payload(self, url: str, *, full: bool = False) -> dict[str, Any]:
        if self.deleted:
            return {"id": self.id, "mode": "tombstone"}
        if self.access != "visible" and not full:
            return {
                "id": self.id,
                "created": 0,
                "timestamp": 0,
                "user": "",
                "file_access": self.access,
                "mode": self.mode,
            }
        suffix = self.name.rpartition(".")[2] if "." in self.name else ""
        return {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": suffix,
            "pretty_type": suffix.upper(),
            "user": self.user,
            "user_team": self.team,
            "editable": False,
            "size": len(self.content) if self.size is None else self.size,
            "mode": self.mode,
            "is_external": self.mode == "external",
            "external_type": "",
            "is_public": False,
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": url,
            "url_private_download": url,
            "permalink": url,
            "has_rich_preview": False,
            "file_access": self.access if self.access == "visible" else "visible",
        }


@dataclass(frozen=True, slots=True)
class FileRequest:
    """One request to a file host. `host` tells ours from a foreign one that a redirect led to."""

    host: str
    path: str
    authorization: str


class FileHost:
    """Serves files as Slack does: without a good token one lands on a sign-in page, with status 200 and HTML."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self.requests: list[FileRequest] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/files-pri/{key}/{tail:.*}", self.download),
            web.get("/signin", self.signin),
            web.get("/elsewhere/{tail:.*}", self.elsewhere),
        ]

    async def download(self, request: web.Request) -> web.StreamResponse:
        self._record(request)
        fault = self._server.faults.for_call("files", {"path": request.path})
        if fault is not None:
            await fault.wait(self._server.clock.sleep)
            if fault.outcome is not None:
                return fault.response(request)
        team, _, file_id = request.match_info["key"].partition("-")
        file = self._server.find_file(team, file_id, request.headers.get("Authorization", "").removeprefix("Bearer "))
        if file is None:
            return web.Response(status=302, headers={"Location": "/signin"})
        if file.redirect:
            return web.Response(status=302, headers={"Location": file.redirect})
        body = file.content if file.served is None else file.served
        return web.Response(body=body, headers={"Content-Type": file.mimetype})

    async def signin(self, request: web.Request) -> web.Response:
        self._record(request)
        return web.Response(
            body=b"<!DOCTYPE html><html><title>Sign in | Slack</title></html>", content_type="text/html"
        )

    async def elsewhere(self, request: web.Request) -> web.Response:
        """Another company's host: what arrives here with a token was stolen."""
        self._record(request)
        return web.Response(body=b"not from Slack", content_type="text/plain")

    def _record(self, request: web.Request) -> None:
        self.requests.append(FileRequest(request.host, request.path, request.headers.get("Authorization", "")))
