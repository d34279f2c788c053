"""The gateway as tests use it: who is connected, every way to disturb that, and waiting until all was received."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from tests.fakes.discord.sessions import Session
from tests.fakes.discord.wire import GATEWAY_PATHS, HEARTBEAT, INVALID_SESSION, RECONNECT, Dispatch, Opening, Wire

__all__ = ["GATEWAY_PATHS", "Dispatch", "Gateway", "Opening"]

_ENDS_SESSION = frozenset({4004, 4007, 4009, 4010, 4011, 4012, 4013, 4014})
_GLANCE_SECONDS = 0.05
PATIENCE = 30.0


class Gateway(Wire):
    """`openings` and `dispatches` tell what happened; each disturbance strikes every connection that is open now."""

    @property
    def identifies(self) -> list[Opening]:
        return [opening for opening in self.openings if opening.op == "identify"]

    @property
    def resumes(self) -> list[Opening]:
        return [opening for opening in self.openings if opening.op == "resume"]

    @property
    def sessions(self) -> list[Session]:
        """Those that have a connection now."""
        return [connection.session for connection in self.connections if connection.session is not None]

    def close(self, code: int = 4000) -> None:
        """Closes with that code. Some codes end the session as well, as the documentation says."""
        for connection in list(self.connections):
            if code in _ENDS_SESSION and connection.session is not None:
                connection.session.is_forgotten = True
            self.spawn(connection.close(code))

    def drop(self) -> None:
        """Ends the connections without a word."""
        for connection in list(self.connections):
            connection.cut()

    def mute(self) -> None:
        """The connections stay open, and nothing comes from them any more, not even an ACK."""
        for connection in self.connections:
            connection.muted = True

    def reconnect(self) -> None:
        """Asks clients to connect again (op 7); it is they who close."""
        for connection in list(self.connections):
            self.spawn(connection.say(RECONNECT))

    def invalidate(self, *, resumable: bool = False) -> None:
        """Tells clients that their session is invalid (op 9)."""
        for connection in list(self.connections):
            if not resumable and connection.session is not None:
                connection.session.is_forgotten = True
            self.spawn(connection.say(INVALID_SESSION, resumable))

    def forget_sessions(self) -> None:
        """No session of now can be resumed any more; connections stay as they are."""
        for session in self.outbox.sessions.values():
            session.is_forgotten = True

    def hold(self) -> None:
        """Events wait until `release()`, in order. A connection that ends meanwhile has not brought them."""
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    def is_settled(self) -> bool:
        """Whether no fault holds an event back, and clients have named in a heartbeat the last event there is."""
        return self.outbox.is_empty and all(connection.is_up_to_date() for connection in self.connections)

    def ask(self) -> None:
        """Asks each client that has not named its last event for a heartbeat, once for each such event."""
        for connection in list(self.connections):
            session = connection.session
            if session is not None and connection.heard < session.seq == connection.sent != connection.asked:
                connection.asked = session.seq
                self.spawn(connection.say(HEARTBEAT))

    async def connected(self, count: int = 1, *, timeout: float = PATIENCE) -> None:
        """Waits until READY or RESUMED went out `count` times since the start, and stands on an open connection."""

        def is_there() -> bool:
            greeted = sum(opening.outcome in {"ready", "resumed"} for opening in self.openings)
            return greeted >= count and any(connection.is_greeted for connection in self.connections)

        await self._until(is_there, timeout)

    async def settled(self, *, timeout: float = PATIENCE) -> None:
        """Waits until every client that is connected has received all its events. What it made of them is its own."""

        def is_settled() -> bool:
            self.ask()
            return self.is_settled()

        await self._until(is_settled, timeout)

    async def _until(self, happened: Callable[[], Any], timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while not happened():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), _GLANCE_SECONDS)
