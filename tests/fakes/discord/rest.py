"""The API's door: finds the route, checks the token, applies faults and limits, checks shapes, records every call."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.discord.answers import answer, too_many, too_many_body
from tests.fakes.discord.errors import DiscordError
from tests.fakes.discord.faults import Faults
from tests.fakes.discord.openapi import Contract
from tests.fakes.discord.rate_limits import RateLimits

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

PREFIX = re.compile(r"/api(/v10)?(?=/)")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BAN_SECONDS = 600.0
_INVALID = frozenset({401, 403, 429})


@dataclass(slots=True)
class Call:
    """One request. `route` is the documented template, "" for an unknown one; `params` its ids; `json` the body.

    `status` is what the client got, 0 for a dropped connection. `at` and `ended` are seconds of the loop's clock.
    `worked` says whether the call did its work, answer or not; `answer` is the true answer's body.
    """

    method: str
    path: str
    at: float
    route: str = ""
    params: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    json: Any = None
    token: str = ""
    status: int = 0
    outcome: str = ""
    worked: bool = False
    ended: float = 0.0
    answer: Any = None

    @property
    def name(self) -> str:
        """What patterns of faults match."""
        return f"{self.method} {self.path}"


Work = Callable[["World", Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One documented route. `status` is that of success; without a body it is 204, whatever was said."""

    method: str
    template: str
    work: Work
    status: int = 200
    needs_token: bool = True
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        named = _PLACEHOLDER.sub(r"(?P<\1>[^/]+)", re.sub(r"([.+])", r"\\\1", self.template))
        object.__setattr__(self, "pattern", re.compile(named))


class Rest:
    """Routes are tried in order, so that "/users/@me" stands before "/users/{user_id}"."""

    def __init__(self, world: "World", faults: Faults, *, pulse: Callable[[], None] = lambda: None) -> None:
        self._world = world
        self._faults = faults
        self._pulse = pulse
        self._routes: list[Route] = []
        self._invalid: list[float] = []
        self.rate_limits = RateLimits(world.clock)
        self.contract: Contract | None = None
        self.violations: list[str] = []
        self.calls: list[Call] = []

    def add(self, *routes: Route) -> None:
        """Those with fewer placeholders are tried first."""
        self._routes = sorted([*self._routes, *routes], key=lambda route: route.template.count("{"))

    @property
    def invalid_requests(self) -> int:
        """Answers of 401, 403 and 429 (not of scope "shared") in the last ten minutes; at 10,000 Discord bans."""
        since = self._world.clock.now() - _BAN_SECONDS
        return sum(at > since for at in self._invalid)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = PREFIX.sub("", request.path)
        token = request.headers.get("Authorization", "")
        call = Call(request.method, path, _now(), query=dict(request.query), token=token)
        route = self._find(call)
        call.json = await _body(request)
        self.calls.append(call)
        fault = self._faults.for_call(call.name, call.json if isinstance(call.json, dict) else call.query)
        try:
            response = await self._answer(request, call, route, fault)
            call.status = 0 if call.outcome == "dropped" else response.status
            self._count(response)
            return response
        finally:
            call.ended = _now()
            self._pulse()

    async def _answer(self, request: web.Request, call: Call, route: Route | None, fault: Any) -> web.Response:
        if fault is None:
            return self._work(call, route)
        response = self._work(call, route) if fault.done else None
        await fault.wait(self._world.clock.sleep)
        if fault.outcome is not None:
            call.outcome = fault.outcome
            return fault.response(request)
        return response or self._work(call, route)

    def _work(self, call: Call, route: Route | None) -> web.Response:
        """Does what the call asks. Errors: none; every DiscordError becomes an answer."""
        bucket = self.rate_limits.pass_through(call.method, call.route, call.params)
        headers = bucket.headers if bucket else {}
        if bucket is not None and bucket.retry_after is not None:
            call.outcome = "ratelimited"
            retry_after = round(bucket.retry_after, 3)
            call.answer = too_many_body(retry_after, bucket.scope)
            self._check(call, 429)
            return too_many(retry_after, bucket.scope, **headers)
        try:
            call.answer = self._admitted(call, route).work(self._world, call)
            call.outcome, call.worked = "ok", True
            status = route.status if route is not None and call.answer is not None else 204
        except DiscordError as error:
            call.answer, call.outcome, status = error.body, str(error.code), error.status
        self._check(call, status)
        return answer(status, call.answer, **headers)

    def _admitted(self, call: Call, route: Route | None) -> Route:
        """Errors: 404 where there is no such route, 401 without the right token."""
        if route is None:
            raise DiscordError(404, 0, "404: Not Found")
        if route.needs_token and call.token != f"Bot {self._world.token}":
            raise DiscordError(401, 0, "401: Unauthorized")
        return route

    def _find(self, call: Call) -> Route | None:
        for route in self._routes:
            if route.method == call.method and (found := route.pattern.fullmatch(call.path)):
                call.route, call.params = route.template, found.groupdict()
                return route
        return None

    def _check(self, call: Call, status: int) -> None:
        """An unknown route is a violation too: our bot has no business there."""
        if self.contract is None:
            return
        where = f"{call.method} {call.route or call.path}"
        if not call.route:
            self.violations.append(f"{where}: this route is not known here")
            return
        problems = [*self.contract.of_request(call.method, call.route, call.query, call.json)] if call.worked else []
        problems += self.contract.of_response(call.method, call.route, status, call.answer)
        self.violations += [f"{where}: {problem}" for problem in problems]

    def _count(self, response: web.Response) -> None:
        if response.status in _INVALID and response.headers.get("X-RateLimit-Scope") != "shared":
            self._invalid.append(self._world.clock.now())


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _body(request: web.Request) -> Any:
    """JSON, also where it comes along with files; None where there is none, or nothing that can be read."""
    try:
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            return json.loads(str(form.get("payload_json", "null")))
        text = await request.text()
        return json.loads(text) if text else None
    except ValueError:
        return None
