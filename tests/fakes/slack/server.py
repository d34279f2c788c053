"""The server: one loopback port for the Web API, sockets, response URLs and files of all its workspaces."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from tests.fakes.slack.clock import Clock
from tests.fakes.slack.deliveries import Ack
from tests.fakes.slack.faults import Faults
from tests.fakes.slack.files import File, FileHost
from tests.fakes.slack.rate_limits import RateLimits
from tests.fakes.slack.response_urls import ResponseUrls
from tests.fakes.slack.shapes import Shapes
from tests.fakes.slack.socket_mode import SocketMode
from tests.fakes.slack.web_api import WebApi

if TYPE_CHECKING:
    from tests.fakes.slack.workspace import Workspace

RETRY_DELAYS = (0.0, 60.0, 300.0)
ACK_SECONDS = 3.0
_MOST_BODY_BYTES = 16 * 2**20
_GLANCE_SECONDS = 0.05


class Server:
    """What all workspaces share. `ack_seconds` and `retry_delays` are on the clock and may be changed by a test."""

    def __init__(self, *, clock: Clock | None = None, check_shapes: bool = False) -> None:
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pulse = asyncio.Event()
        self._shapes = Shapes() if check_shapes else None
        self.shape_problems: set[str] = set()
        self.crashes: list[BaseException] = []
        """Mistakes in the fake itself; leaving `async with` raises the first."""
        self.url = ""
        self.clock = clock or Clock()
        self.faults = Faults()
        self.rate_limits = RateLimits(self.clock)
        self.workspaces: list[Workspace] = []
        self.acks: list[Ack] = []
        self.ack_seconds = ACK_SECONDS
        self.retry_delays: tuple[float, ...] = RETRY_DELAYS
        self.web_api = WebApi(self)
        self.socket_mode = SocketMode(self)
        self.response_urls = ResponseUrls(self)
        self.file_host = FileHost(self)

    def number(self) -> int:
        return next(self._numbers)

    @staticmethod
    def monotonic() -> float:
        return asyncio.get_running_loop().time()

    async def open(self) -> None:
        app = web.Application(client_max_size=_MOST_BODY_BYTES, middlewares=[self._note_crash])
        app.router.add_route("*", "/api/{method}", self.web_api.handle)
        app.router.add_get("/link/", self.socket_mode.link)
        app.router.add_post("/response/{key}", self.response_urls.handle)
        app.add_routes(self.file_host.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        await web.SockSite(self._runner, listening, backlog=512).start()

    async def close(self) -> None:
        self.faults.clear()
        self.clock.close()
        await self.socket_mode.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return task

    def pulse(self) -> None:
        """Something happened that a test may be waiting for."""
        self._pulse.set()

    async def until(self, happened: Callable[[], Any], timeout: float) -> Any:
        """Waits until `happened()` is true, and returns what it said. Errors: TimeoutError."""
        async with asyncio.timeout(timeout):
            while not (value := happened()):
                self._pulse.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._pulse.wait(), _GLANCE_SECONDS)
            return value

    def workspace_of_token(self, token: str) -> "Workspace | None":
        for workspace in self.workspaces:
            if token and token in {workspace.bot_token, workspace.app_token}:
                return workspace
        return None

    def workspace_of_app(self, app_token: str) -> "Workspace":
        return next(workspace for workspace in self.workspaces if workspace.app_token == app_token)

    def check_response(self, method: str, answer: dict[str, Any]) -> None:
        if self._shapes is not None:
            self.shape_problems |= set(self._shapes.of_response(method, answer))

    def check_event(self, payload: dict[str, Any]) -> None:
        if self._shapes is not None:
            self.shape_problems |= set(self._shapes.of_event(payload))

    @web.middleware
    async def _note_crash(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as crash:
            self.crashes.append(crash)
            raise

    def _finish(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.crashes.append(error)

    def find_file(self, team: str, file_id: str, token: str) -> File | None:
        """The file, if the token belongs to a bot that may see it."""
        for workspace in self.workspaces:
            if workspace.team_id == team and token == workspace.bot_token and workspace.auth_error is None:
                file = workspace.files.get(file_id)
                allowed = "files:read" in workspace.scopes and file is not None and workspace.bot_sees_file(file)
                return file if allowed and not file.deleted else None
        return None
