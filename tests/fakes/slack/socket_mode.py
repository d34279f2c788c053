"""Socket Mode: sockets of an app, envelopes, acks with a deadline, and everything that ends a socket."""

import asyncio
import contextlib
import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.fakes.slack.clock import Timer
from tests.fakes.slack.deliveries import Ack, Delivery

if TYPE_CHECKING:
    from tests.fakes.slack.server import Server

MOST_SOCKETS = 10
CONNECTION_SECONDS = 18_060


@dataclass(slots=True, eq=False)
class Socket:
    """One open WebSocket of an app. A muted one answers pings and swallows everything else."""

    ws: web.WebSocketResponse
    request: web.Request
    app_token: str
    muted: bool = False
    leaving: bool = False
    sent: int = 0
    received: list[dict[str, Any]] = field(default_factory=list)

    def cut(self) -> None:
        """Ends the connection at once, without a closing handshake."""
        if self.request.transport is not None:
            self.request.transport.abort()


@dataclass(slots=True)
class _Waiting:
    delivery: Delivery
    attempt: int
    sent_at: float
    timer: Timer | None = None
    is_missed: bool = False


class SocketMode:
    """The sockets of every app on the server, and the envelopes whose ack is awaited."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._tickets: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._waiting: dict[str, _Waiting] = {}
        self._kept: dict[str, list[Delivery]] = {}
        self._turns = itertools.count()
        self.sockets: list[Socket] = []
        self.connections = 0
        self.keep_in_gap = False
        """Whether events that find no open socket wait for the next one; otherwise they are lost, as in life."""

    def ticket(self, app_token: str) -> str:
        """The address that `apps.connections.open` hands out; good for one connection."""
        ticket = f"ticket-{next(self._numbers)}"
        self._tickets[ticket] = app_token
        return f"{self._server.url.replace('http', 'ws', 1)}/link/?ticket={ticket}"

    def sockets_of(self, app_token: str) -> list[Socket]:
        return [socket for socket in self.sockets if socket.app_token == app_token]

    async def link(self, request: web.Request) -> web.StreamResponse:
        fault = self._server.faults.for_call("link", {})
        if fault is not None:
            await fault.wait(self._server.clock.sleep)
            if fault.outcome is not None:
                return fault.response(request)
        app_token = self._tickets.pop(request.query.get("ticket", ""), None)
        if app_token is None:
            return web.Response(status=401)
        ws = web.WebSocketResponse(timeout=0.2)
        await ws.prepare(request)
        if len(self.sockets_of(app_token)) >= MOST_SOCKETS:
            await ws.send_str(json.dumps({"type": "disconnect", "reason": "too_many_websockets"}))
            await ws.close()
            return ws
        socket = Socket(ws, request, app_token)
        self.sockets.append(socket)
        self.connections += 1
        try:
            await ws.send_str(json.dumps(self._hello(socket)))
            for delivery in self._kept.pop(app_token, []):
                await self.send(delivery, app_token)
            await self._listen(socket)
        finally:
            self.sockets.remove(socket)
            self._server.pulse()
        return ws

    async def send(self, delivery: Delivery, app_token: str) -> None:
        """One attempt to deliver. Any one of the app's sockets gets it."""
        sockets = [socket for socket in self.sockets_of(app_token) if not socket.leaving]
        if not sockets:
            self._find_nobody(delivery, app_token)
            return
        socket = sockets[next(self._turns) % len(sockets)]
        delivery.attempts += 1
        delivery.state = "sent" if delivery.state == "queued" else delivery.state
        envelope_id = f"00000000-0000-4000-9000-{next(self._numbers):012d}"
        if socket.muted:
            delivery.finish("lost")
            return
        self._watch(envelope_id, delivery, app_token)
        with contextlib.suppress(ConnectionError):
            await socket.ws.send_str(json.dumps(_envelope(envelope_id, delivery)))
            socket.sent += 1

    async def disconnect(self, app_token: str, reason: str, *, close_after: float | None) -> None:
        """Announces the end to every socket of the app. After "warning" events still come until the socket closes."""
        for socket in self.sockets_of(app_token):
            socket.leaving = reason != "warning"
            message = {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}
            with contextlib.suppress(ConnectionError):
                await socket.ws.send_str(json.dumps(message))
            if close_after is not None:
                self._server.clock.call_later(close_after, lambda ws=socket.ws: self._server.spawn(ws.close()))

    async def close(self) -> None:
        for socket in list(self.sockets):
            socket.cut()
        while self.sockets:
            await asyncio.sleep(0)

    def _hello(self, socket: Socket) -> dict[str, Any]:
        app = self._server.workspace_of_app(socket.app_token)
        return {
            "type": "hello",
            "num_connections": len(self.sockets_of(socket.app_token)),
            "debug_info": {"host": "applink-1", "build_number": 1, "approximate_connection_time": CONNECTION_SECONDS},
            "connection_info": {"app_id": app.app_id},
        }

    async def _listen(self, socket: Socket) -> None:
        async for frame in socket.ws:
            if frame.type != WSMsgType.TEXT:
                continue
            try:
                answer = json.loads(frame.data)
            except ValueError:
                continue
            socket.received.append(answer)
            self._acknowledge(answer)

    def _acknowledge(self, answer: dict[str, Any]) -> None:
        waiting = self._waiting.pop(answer.get("envelope_id", ""), None)
        if waiting is None:
            return
        latency = self._server.monotonic() - waiting.sent_at
        delivery, payload = waiting.delivery, answer.get("payload")
        self._server.acks.append(
            Ack(
                delivery.team,
                delivery.kind,
                delivery.event_id,
                waiting.attempt,
                latency,
                waiting.is_missed,
                200,
                payload,
            )
        )
        if not waiting.is_missed:
            waiting.timer.cancel()
            delivery.finish("acked", payload)
        self._server.pulse()

    def _watch(self, envelope_id: str, delivery: Delivery, app_token: str) -> None:
        waiting = _Waiting(delivery, delivery.attempts, self._server.monotonic())

        def missed() -> None:
            # The envelope stays known, so that a late ack is recorded as such; it does not stop the retry.
            waiting.is_missed = True
            self._retry(delivery, app_token, "timeout")

        waiting.timer = self._server.clock.call_later(self._server.ack_seconds, missed)
        self._waiting[envelope_id] = waiting

    def _retry(self, delivery: Delivery, app_token: str, reason: str) -> None:
        delays = self._server.retry_delays
        if delivery.kind != "events_api" or delivery.attempts > len(delays):
            delivery.finish("failed")
            self._server.pulse()
            return
        delivery.retry_reason = reason
        self._server.clock.call_later(
            delays[delivery.attempts - 1], lambda: self._server.spawn(self.send(delivery, app_token))
        )

    def _find_nobody(self, delivery: Delivery, app_token: str) -> None:
        if delivery.attempts:
            delivery.attempts += 1
            self._retry(delivery, app_token, "connection_failed")
        elif self.keep_in_gap:
            self._kept.setdefault(app_token, []).append(delivery)
        else:
            delivery.finish("lost")
            self._server.pulse()


def _envelope(envelope_id: str, delivery: Delivery) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "envelope_id": envelope_id,
        "type": delivery.kind,
        "accepts_response_payload": delivery.kind != "events_api",
        "payload": delivery.payload,
    }
    if delivery.kind == "events_api":
        envelope |= {"retry_attempt": delivery.attempts - 1, "retry_reason": delivery.retry_reason}
    return envelope
