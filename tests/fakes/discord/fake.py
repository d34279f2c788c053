"""The fake Discord as tests use it: the world, the API and the gateway behind one loopback port."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from tests.fakes.discord.faults import Faults
from tests.fakes.discord.gateway import GATEWAY_PATHS, Gateway
from tests.fakes.discord.intents import GUILD_MEMBERS
from tests.fakes.discord.interactions import Interactions
from tests.fakes.discord.openapi import Contract, available
from tests.fakes.discord.payloads import Json
from tests.fakes.discord.rate_limits import RateLimits
from tests.fakes.discord.rest import Call, Rest, Route
from tests.fakes.discord.routes import ROUTES
from tests.fakes.discord.webhooks import ROUTES as WEBHOOK_ROUTES
from tests.fakes.slack.clock import Clock

PATIENCE = 30.0
"""Seconds a test waits before it gives up: many, since a busy machine is slow and a passing test waits no longer."""
_MOST_BODY_BYTES = 25 * 2**20
_GLANCE_SECONDS = 0.05


class FakeDiscord(Interactions):
    """`async with FakeDiscord() as discord:` listens on 127.0.0.1.

    `rate_limits` switches Discord's limits on. `check_shapes` compares every call with Discord's own description,
    where that is at hand: what it finds stands in `violations`.
    """

    def __init__(self, *, clock: Clock | None = None, rate_limits: bool = False, check_shapes: bool = True) -> None:
        super().__init__(clock=clock)
        self._pulse = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._port = 0
        self.crashes: list[BaseException] = []
        """Mistakes in the fake itself; leaving `async with` raises the first."""
        self.faults = Faults()
        self.gateway = Gateway(self, self.clock, self.faults, pulse=self.pulse)
        self.rest = Rest(self, self.faults, pulse=self.pulse)
        self.rest.add(*ROUTES, *WEBHOOK_ROUTES, *self._gateway_routes())
        if check_shapes and available():
            self.rest.contract = Contract()
        if rate_limits:
            self.rest.rate_limits.switch_on()
        self.listen(lambda *_: self.pulse())

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MOST_BODY_BYTES, middlewares=[self._note_crash])
        app.router.add_route("*", "/api/{path:.*}", self.rest.handle)
        for path in GATEWAY_PATHS:
            app.router.add_get(path, self.gateway.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        self._port = listening.getsockname()[1]
        await web.SockSite(self._runner, listening, backlog=512).start()
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        self.faults.clear()
        self.clock.close()
        await self.gateway.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        crashes = [*self.crashes, *self.gateway.crashes]
        if kind is None and crashes:
            raise crashes[0]

    @property
    def api_url(self) -> str:
        """For `discord.http.Route.BASE`."""
        return f"http://127.0.0.1:{self._port}/api/v10"

    @property
    def gateway_url(self) -> str:
        """For `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY`."""
        return f"ws://127.0.0.1:{self._port}/"

    @property
    def calls(self) -> list[Call]:
        return self.rest.calls

    @property
    def rate_limits(self) -> RateLimits:
        return self.rest.rate_limits

    @property
    def violations(self) -> list[str]:
        """Where a call or an answer is not as Discord describes it."""
        return self.rest.violations

    @property
    def invalid_requests(self) -> int:
        """Answers of 401, 403 and 429 in the last ten minutes."""
        return self.rest.invalid_requests

    def enable_intents(self, privileged: int) -> None:
        """Sets which privileged intents are switched on in the portal, as bits; all of them are at first."""
        self.gateway.handshake.privileged = privileged
        self.lists_members = bool(privileged & GUILD_MEMBERS)

    def calls_of(self, route: str) -> list[Call]:
        """Like "POST /channels/{channel_id}/messages"."""
        return [call for call in self.calls if f"{call.method} {call.route}" == route]

    def pulse(self) -> None:
        """Something happened that a test may be waiting for."""
        self._pulse.set()

    async def connected(self, count: int = 1, *, timeout: float = PATIENCE) -> None:
        await self.gateway.connected(count, timeout=timeout)

    async def settled(self, *, timeout: float = PATIENCE) -> None:
        """Waits until every client has received all its events."""
        await self.gateway.settled(timeout=timeout)

    async def until(self, happened: Callable[[], Any], *, timeout: float = PATIENCE) -> Any:
        """Waits until `happened()` is true and returns what it said. Errors: TimeoutError."""
        async with asyncio.timeout(timeout):
            while not (value := happened()):
                self._pulse.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._pulse.wait(), _GLANCE_SECONDS)
            return value

    def _gateway_routes(self) -> tuple[Route, ...]:
        def link(_world: object, _call: Call) -> Json:
            return {"url": self.gateway_url}

        def link_of_bot(_world: object, _call: Call) -> Json:
            return link(_world, _call) | {"shards": 1, "session_start_limit": self.gateway.handshake.start_limit()}

        return Route("GET", "/gateway", link, needs_token=False), Route("GET", "/gateway/bot", link_of_bot)

    @web.middleware
    async def _note_crash(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as crash:
            self.crashes.append(crash)
            raise
