"""Gateway sessions: the numbered events of each, and the connection that carries them while there is one."""

import asyncio
import contextlib
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

DISPATCH = 0


@dataclass(slots=True, eq=False)
class Session:
    """One session. `frames[n]` is the event with the sequence number n + 1, kept for every later RESUME."""

    id: str
    intents: int
    shard: tuple[int, int] = (0, 1)
    large_threshold: int = 50
    guilds: set[str] = field(default_factory=set)
    """The guilds it was told of."""
    is_forgotten: bool = False
    """Whether it is refused to a RESUME."""
    frames: list[tuple[str, str]] = field(default_factory=list)
    connection: "Connection | None" = None

    @property
    def seq(self) -> int:
        return len(self.frames)

    def has(self, guild_id: str | None) -> bool:
        """Whether events of that guild come here; direct messages come to the first shard."""
        number, count = self.shard
        return number == (0 if guild_id is None else (int(guild_id) >> 22) % count)

    def add(self, event: str, data: str) -> None:
        """Numbers an event, whose data is JSON already, and has it sent."""
        self.frames.append((event, f'{{"t":"{event}","s":{self.seq + 1},"op":{DISPATCH},"d":{data}}}'))
        if self.connection is not None:
            self.connection.woken.set()


class Connection:
    """One WebSocket of a bot. A muted one stays open, and nothing comes from it any more."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self._ws = ws
        self._request = request
        self._zlib = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self.path = request.path
        self.resume_url = f"ws://{request.host}/resume/"
        self.session: Session | None = None
        self.muted = False
        self.is_closing = False
        """Whether it was we who closed."""
        self.is_greeted = False
        """Whether READY or RESUMED has gone out."""
        self.sent = 0
        """The sequence number of the last event sent here."""
        self.heard = 0
        """The sequence number that the bot's last heartbeat named."""
        self.asked = 0
        """The sequence number up to which the bot was asked for a heartbeat."""
        self.replays_to = 0
        """Up to which sequence number events had already happened when it took over the session."""
        self.received: list[float] = []
        """When the bot sent something, in seconds of the clock."""
        self.woken = asyncio.Event()

    def attach(self, session: Session, *, after: int = 0) -> None:
        """Carries a session's events from the one after `after` on; a connection it had before is cut."""
        if session.connection is not None:
            former = session.connection
            former.detach()
            former.cut()
        self.session, session.connection = session, self
        self.sent = self.heard = after
        self.replays_to = session.seq
        self.woken.set()

    def detach(self) -> None:
        if self.session is not None:
            self.session.connection = None
            self.session = None

    def next_frame(self) -> tuple[str, str] | None:
        """The next event to send, counted as sent; None when there is none now."""
        if self.session is None or self.muted or self.sent >= self.session.seq:
            return None
        self.sent += 1
        return self.session.frames[self.sent - 1]

    def is_up_to_date(self) -> bool:
        """Whether the bot has named the last event of its session; one that is still identifying has not."""
        return self.session is not None and self.heard >= self.session.seq

    async def say(self, op: int, data: Any = None) -> None:
        """Sends anything that is no event."""
        await self.send(json.dumps({"t": None, "s": None, "op": op, "d": data}))

    async def send(self, text: str) -> None:
        if self.muted:
            return
        with contextlib.suppress(ConnectionError):
            if self._zlib is None:
                await self._ws.send_str(text)
            else:
                # One step of the loop: aiohttp writes a frame before it first waits, so none overtakes another.
                await self._ws.send_bytes(self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH))

    async def close(self, code: int) -> None:
        self.is_closing = True
        await self._ws.close(code=code)

    def cut(self) -> None:
        """Ends the connection at once, without a closing handshake."""
        self.muted = True
        if self._request.transport is not None:
            self._request.transport.abort()
