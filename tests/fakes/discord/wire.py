"""The sockets of the gateway, version 10: what is said on each, by whom, and which mistakes end it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.fakes.discord.handshake import Handshake, Refusal
from tests.fakes.discord.intents import GUILD_MEMBERS
from tests.fakes.discord.member_chunks import chunks
from tests.fakes.discord.outbox import Outbox
from tests.fakes.discord.sessions import Connection
from tests.fakes.slack.clock import Clock
from tests.fakes.slack.faults import Faults

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

GATEWAY_PATHS = ("/", "/resume/")
HEARTBEAT, IDENTIFY, RESUME, RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = (
    1,
    2,
    6,
    7,
    8,
    9,
    10,
    11,
)
_IGNORED = frozenset({3, 4, 14, 31, 43})
"""Presence, voice and the like: what this bot never needs."""
UNKNOWN_OP, DECODE_ERROR, NOT_AUTHENTICATED, ALREADY_AUTHENTICATED, TOO_FAST, BAD_VERSION = (
    4001, 4002, 4003, 4005, 4008, 4012,
)  # fmt: skip
_LEFT = frozenset({1000, 1001})
_MOST_BYTES, _MOST_SENDS, _SENDS_SECONDS = 4_096, 120, 60.0


@dataclass(frozen=True, slots=True)
class Opening:
    """One IDENTIFY or RESUME. `outcome`: "ready", "resumed", "invalid" or a close code; `at` is the loop's clock."""

    op: str
    outcome: str
    at: float
    path: str
    session: str
    seq: int | None
    intents: int | None
    shard: list[int] | None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One event as it went over a socket. `at` is the loop's clock; `is_replayed`: it happened before the RESUME."""

    event: str
    session: str
    seq: int
    at: float
    is_replayed: bool


class Wire:
    """Mount `handle` on GATEWAY_PATHS. `pulse` is called whenever something happened that a test may wait for."""

    def __init__(
        self, world: "World", clock: Clock, faults: Faults, *, pulse: Callable[[], None] = lambda: None
    ) -> None:
        self._world = world
        self._clock = clock
        self._tell_test = pulse
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.changed = asyncio.Event()
        self.outbox = Outbox(world, clock, faults)
        self.handshake = Handshake(world, clock, self.outbox)
        self.heartbeat_interval_ms = 41_250
        self.answers_heartbeats = True
        """Whether a heartbeat gets its ACK."""
        self.refuses_connections = False
        """Whether nobody can connect: HTTP 503."""
        self.says_hello = True
        """Whether a connection hears anything at all."""
        self.connections: list[Connection] = []
        self.openings: list[Opening] = []
        self.dispatches: list[Dispatch] = []
        self.crashes: list[BaseException] = []
        """Mistakes in the fake itself."""
        world.listen(self.outbox.emit)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_connections:
            return web.Response(status=503)
        ws = web.WebSocketResponse(timeout=1.0)
        await ws.prepare(request)
        connection = Connection(ws, request)
        if request.query.get("v") != "10" or request.query.get("encoding", "json") != "json":
            await ws.close(code=BAD_VERSION)
            return ws
        self.connections.append(connection)
        pump = self.spawn(self._pump(connection))
        try:
            if self.says_hello:
                await connection.say(HELLO, {"heartbeat_interval": self.heartbeat_interval_ms, "_trace": []})
            async for frame in ws:
                if frame.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    await self._hear(connection, frame.data)
        finally:
            pump.cancel()
            self.connections.remove(connection)
            if ws.close_code in _LEFT and not connection.is_closing and connection.session is not None:
                connection.session.is_forgotten = True
            connection.detach()
            self._pulse()
        return ws

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return task

    async def stop(self) -> None:
        """Cuts every connection and ends every task."""
        for connection in list(self.connections):
            connection.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _pulse(self) -> None:
        self.changed.set()
        self._tell_test()

    async def _pump(self, connection: Connection) -> None:
        while True:
            await self._flowing.wait()
            frame = connection.next_frame()
            if frame is None:
                connection.woken.clear()
                await connection.woken.wait()
                continue
            event, text = frame
            seq, session = connection.sent, connection.session
            await connection.send(text)
            connection.is_greeted |= event in {"READY", "RESUMED"}
            is_replayed = seq <= connection.replays_to
            self.dispatches.append(Dispatch(event, session.id, seq, _monotonic(), is_replayed))
            self._pulse()

    async def _hear(self, connection: Connection, data: str | bytes) -> None:
        now = self._clock.now()
        connection.received = [at for at in connection.received if at > now - _SENDS_SECONDS] + [now]
        if self.handshake.strict and len(connection.received) > _MOST_SENDS:
            await connection.close(TOO_FAST)
            return
        try:
            said = json.loads(data) if len(data) <= _MOST_BYTES else None
        except ValueError:
            said = None
        if not isinstance(said, dict) or "op" not in said:
            await connection.close(DECODE_ERROR)
            return
        await self._obey(connection, said["op"], said.get("d"))
        self._pulse()

    async def _obey(self, connection: Connection, op: int, data: Any) -> None:
        if op == HEARTBEAT:
            connection.heard = max(connection.heard, data or 0)
            if self.answers_heartbeats:
                await connection.say(HEARTBEAT_ACK)
        elif op in {IDENTIFY, RESUME}:
            await self._open(connection, op, data if isinstance(data, dict) else {})
        elif op not in _IGNORED | {REQUEST_MEMBERS}:
            await connection.close(UNKNOWN_OP)
        elif connection.session is None:
            await connection.close(NOT_AUTHENTICATED)
        elif op == REQUEST_MEMBERS:
            self._send_members(connection, data)

    async def _open(self, connection: Connection, op: int, asked: dict[str, Any]) -> None:
        if connection.session is not None:
            await connection.close(ALREADY_AUTHENTICATED)
            return
        begin = self.handshake.identify if op == IDENTIFY else self.handshake.resume
        code = None
        try:
            session = begin(connection, asked).id
            outcome = "ready" if op == IDENTIFY else "resumed"
        except Refusal as refusal:
            session, code = str(asked.get("session_id", "")), refusal.code
            outcome = str(code or "invalid")
        kind = "identify" if op == IDENTIFY else "resume"
        more = (asked.get("seq"), asked.get("intents"), asked.get("shard"))
        self.openings.append(Opening(kind, outcome, _monotonic(), connection.path, session, *more))
        if code is not None:
            await connection.close(code)
        elif outcome == "invalid":
            await connection.say(INVALID_SESSION, data=False)

    def _send_members(self, connection: Connection, asked: dict[str, Any]) -> None:
        guild = str(asked.get("guild_id"))
        if guild not in self._world.members or guild in self._world.unavailable:
            return
        all_allowed = bool(connection.session.intents & GUILD_MEMBERS)
        for chunk in chunks(asked, self._world.members[guild], all_allowed=all_allowed):
            self.outbox.tell(connection.session, "GUILD_MEMBERS_CHUNK", chunk)

    def _finish(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.crashes.append(error)


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
