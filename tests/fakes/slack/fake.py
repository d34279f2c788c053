"""The fake Slack as tests use it: the server and its first workspace in one."""

from collections.abc import Callable
from typing import Any, Self

from tests.fakes.slack.clock import Clock
from tests.fakes.slack.deliveries import Ack, Delivery
from tests.fakes.slack.faults import Faults
from tests.fakes.slack.files import FileRequest
from tests.fakes.slack.rate_limits import NON_MARKETPLACE, RateLimits
from tests.fakes.slack.server import Server
from tests.fakes.slack.socket_mode import Socket
from tests.fakes.slack.web_api import Call
from tests.fakes.slack.workspace import Workspace

PATIENCE = 30.0
"""Seconds a test waits before it gives up: many, since a busy machine is slow and a passing test waits no longer."""


class FakeSlack(Workspace):
    """`async with FakeSlack() as slack:` listens on 127.0.0.1. What it says of the default workspace it is itself.

    `rate_limits` switches Slack's limits on; `non_marketplace` gives the poor ones of an app distributed by itself.
    """

    def __init__(
        self,
        name: str = "tidepool",
        *,
        clock: Clock | None = None,
        rate_limits: bool = False,
        non_marketplace: bool = False,
        check_shapes: bool = False,
        events_url: str | None = None,
    ) -> None:
        super().__init__(Server(clock=clock, check_shapes=check_shapes), name)
        if rate_limits:
            self.server.rate_limits.switch_on()
        if non_marketplace:
            self.non_marketplace = True
            self.server.rate_limits.per_minute |= NON_MARKETPLACE
        self.deliver_to(events_url)

    async def __aenter__(self) -> Self:
        await self.server.open()
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        await self.server.close()
        if kind is None and self.server.crashes:
            raise self.server.crashes[0]

    def add_workspace(self, name: str, *, app_token: str = "", app_id: str = "") -> Workspace:
        """Another workspace with its own tokens and secret; with our app token, the same app installed there too."""
        return Workspace(self.server, name, app_token=app_token, app_id=app_id)

    @property
    def api_url(self) -> str:
        return f"{self.server.url}/api/"

    @property
    def elsewhere_url(self) -> str:
        """A host that is not Slack's, for redirects: `slack.file_requests` shows what reached it."""
        return f"{self.server.url.replace('127.0.0.1', 'localhost')}/elsewhere/file"

    @property
    def faults(self) -> Faults:
        return self.server.faults

    @property
    def rate_limits(self) -> RateLimits:
        return self.server.rate_limits

    @property
    def calls(self) -> list[Call]:
        return self.server.web_api.calls

    @property
    def acks(self) -> list[Ack]:
        return self.server.acks

    @property
    def deliveries(self) -> list[Delivery]:
        return [delivery for workspace in self.server.workspaces for delivery in workspace.outbox.deliveries]

    @property
    def sockets(self) -> list[Socket]:
        return self.server.socket_mode.sockets

    @property
    def file_requests(self) -> list[FileRequest]:
        return self.server.file_host.requests

    @property
    def shape_problems(self) -> list[str]:
        return sorted(self.server.shape_problems)

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def redeliver(self, event_id: str) -> Delivery:
        """Sends an event once more, as if for the first time."""
        old = next(delivery for delivery in reversed(self.deliveries) if delivery.event_id == event_id)
        owner = next(workspace for workspace in self.server.workspaces if workspace.team_id == old.team)
        return owner.outbox.push(old.again())

    def limit_app(self) -> Delivery:
        """`app_rate_limited`: events of this minute are withheld. It has no inner event."""
        payload = {
            "token": self.verification_token,
            "type": "app_rate_limited",
            "team_id": self.team_id,
            "minute_rate_limited": int(self.clock.now()) // 60 * 60,
            "api_app_id": self.app_id,
        }
        return self.outbox.push(Delivery("events_api", payload, self.team_id))

    async def connected(self, count: int = 1, *, timeout: float = PATIENCE) -> None:
        """Waits until the app has opened `count` sockets since the start, and at least one is open now."""
        mode = self.server.socket_mode
        await self.until(lambda: mode.connections >= count and mode.sockets, timeout=timeout)

    async def disconnect(self, reason: str = "refresh_requested", *, close_after: float | None = None) -> None:
        """Sends `disconnect`, and closes the sockets after that time; "link_disabled" also turns Socket Mode off."""
        if reason == "link_disabled":
            self.socket_mode_enabled = False
        await self.server.socket_mode.disconnect(self.app_token, reason, close_after=close_after)

    def cut_sockets(self) -> None:
        """Ends every socket at once, without a word."""
        for socket in list(self.sockets):
            socket.cut()

    def mute_sockets(self) -> None:
        """The sockets open now stay open and answer pings, but bring no events any more."""
        for socket in self.sockets:
            socket.muted = True

    async def settled(self, *, timeout: float = PATIENCE) -> None:
        """Waits until every event was acked, or given up."""
        await self.until(lambda: all(each.outbox.is_settled() for each in self.server.workspaces), timeout=timeout)

    async def until(self, happened: Callable[[], Any], *, timeout: float = PATIENCE) -> Any:
        """Waits until `happened()` is true and returns what it said. Errors: TimeoutError."""
        return await self.server.until(happened, timeout)
