"""No-setup mode: an embedded PostgreSQL with pgvector and a Redis, shared by every command that uses the same home.

Each command holds a shared lock on `users.lock`; starting and stopping happen one at a time, under `turn.lock`. On its
way out a command tries to hold `users.lock` alone: if it can, it was the last, and stops both servers. The kernel frees
the locks of a killed command, so it blocks nobody; the servers it left behind serve the next command, which stops them.

While a command uses the servers, it starts again what has died: a PostgreSQL that cannot write its log, as on a full
disk, ends for good.

The servers listen on sockets in a directory of mode 0700 and on no TCP port, and write everything under the home.
"""

import asyncio
import fcntl
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import structlog

from knowledge.embedded_place import Place, open_place
from knowledge.embedded_postgres import Postgres
from knowledge.embedded_process import Server, is_alive, start, stop
from knowledge.embedded_redis import Redis
from knowledge.errors import KnowledgeUnavailable

log = structlog.get_logger()

WATCH_SECONDS = 3.0
TURN_SECONDS = 180.0  # longer than one start or stop may take
TURN_POLL_SECONDS = 0.02
SOCKET_PATH_BYTES = 100  # macOS allows 103, Linux 107
LONGEST_SOCKET = "/.s.PGSQL.5432"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers that were asked for can be reached."""

    database_url: str | None
    redis_url: str | None


def default_home() -> Path:
    """Where the data goes unless a setting says otherwise."""
    return Path("/var/lib/threadlore") if os.geteuid() == 0 else platformdirs.user_data_path("threadlore")


@asynccontextmanager
async def embedded_servers(home: Path, *, postgres: bool, redis: bool) -> AsyncIterator[Addresses]:
    """Start the servers, or join those that run; the last to leave stops them. One that dies is started again.

    Errors: KnowledgeUnavailable, with a sentence for the operator, when a server is not installed or cannot start.
    """
    if not (postgres or redis):
        yield Addresses(None, None)
        return
    lease, watch = _Lease(home), None
    try:
        # In threads, because each step waits for processes. A cancelled step ends in its thread; leave() waits for it.
        addresses = await asyncio.to_thread(lease.enter, postgres=postgres, redis=redis)
        watch = asyncio.create_task(_watch(lease))
        yield addresses
    finally:
        if watch is not None:
            watch.cancel()
        await asyncio.to_thread(lease.leave)


def servers_running(home: Path) -> bool:
    """Whether a process of either server lives, in use or left behind."""
    with _sentences(home):
        return any(is_alive(server) for server in _servers(Place(home, None)))


async def stop_servers(home: Path) -> None:
    """Stop both servers now. A command that uses them starts them again."""
    await asyncio.to_thread(_stop_now, home)


async def _watch(lease: "_Lease") -> None:
    """Tries for ever: what kept a server from starting, such as a full disk, may be gone the next time."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            await asyncio.to_thread(lease.revive)
        except KnowledgeUnavailable as error:
            log.warning("embedded_server_not_started", error=type(error).__name__)


def _stop_now(home: Path) -> None:
    with _sentences(home):
        if home.exists():
            with _turn(home):
                _stop_all(home)


class _Lease:
    """One command's use of the servers."""

    def __init__(self, home: Path) -> None:
        self._home = home.resolve()
        self._step = threading.Lock()
        self._leaving = threading.Event()
        self._users: int | None = None
        self._servers: tuple[Server, ...] = ()

    def enter(self, *, postgres: bool, redis: bool) -> Addresses:
        """Count as a user, and see to it that the servers answer."""
        with self._step, _sentences(self._home):
            place = open_place(self._home)
            with _turn(self._home, self._leaving):
                self._users = _open_lock(self._home / "users.lock")
                fcntl.flock(self._users, fcntl.LOCK_SH)  # at once: only who has the turn ever holds it alone
                sockets = _socket_directory(place)
                database, memory = Postgres(place, sockets), Redis(place, sockets)
                self._servers = (*([database] if postgres else ()), *([memory] if redis else ()))
                for server in self._servers:
                    start(server)
        return Addresses(database.url if postgres else None, memory.url if redis else None)

    def revive(self) -> None:
        """Start again what has died since."""
        with self._step, _sentences(self._home):
            for server in self._servers:
                if self._leaving.is_set() or is_alive(server):
                    continue
                log.warning("embedded_server_died", service=server.name)
                with _turn(self._home, self._leaving):
                    start(server)
                log.warning("embedded_server_started_again", service=server.name)

    def leave(self) -> None:
        """Count no longer; stop the servers if nobody else uses them."""
        self._leaving.set()
        with self._step, _sentences(self._home):
            if self._users is None:
                return
            try:
                with _turn(self._home), suppress(BlockingIOError):
                    fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _stop_all(self._home)
            finally:
                os.close(self._users)
                self._users = None


def _servers(place: Place) -> tuple[Postgres, Redis]:
    sockets = place.home / "run"
    return Postgres(place, sockets), Redis(place, sockets)


def _stop_all(home: Path) -> None:
    for server in _servers(Place(home, None)):
        stop(server)
    _drop_short_directory(home / "run")


def _socket_directory(place: Place) -> Path:
    """A private directory for the sockets, the same one for as long as a server runs.

    It is `run` in the home. If the path of a socket there would be too long for the system, or hold a character that
    means something in a list of directories, it is a new directory with a short name, to which `run` is a link.
    """
    run = place.home / "run"
    if not run.exists():  # never used, or the link's directory was swept away under running servers
        _stop_all(place.home)
        if len(os.fsencode(run)) + len(LONGEST_SOCKET) <= SOCKET_PATH_BYTES and re.fullmatch(r"[\w/. -]+", str(run)):
            run.mkdir(mode=0o700)
            place.give(run)
        else:
            usual = tempfile.gettempdir()
            short = usual if len(os.fsencode(usual)) <= SOCKET_PATH_BYTES // 2 else "/tmp"  # noqa: S108 - mkdtemp is safe
            directory = Path(tempfile.mkdtemp(prefix="threadlore-", dir=short))
            place.give(directory)
            run.symlink_to(directory)
    return run.resolve()


def _drop_short_directory(run: Path) -> None:
    if run.is_symlink():
        shutil.rmtree(run.readlink(), ignore_errors=True)
        run.unlink()


@contextmanager
def _turn(home: Path, given_up: threading.Event | None = None) -> Iterator[None]:
    """Alone in starting or stopping. The wait ends early once `given_up` is set."""
    lock = _open_lock(home / "turn.lock")
    waiting = given_up or threading.Event()
    deadline = time.monotonic() + TURN_SECONDS
    try:
        while not _taken(lock):
            if waiting.wait(TURN_POLL_SECONDS) or time.monotonic() > deadline:
                raise KnowledgeUnavailable(
                    f"Another command has been starting or stopping the embedded servers in {home} for too long."
                )
        yield
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_lock(path: Path) -> int:
    """Closed by exec, as Python opens all files, so that no server inherits a lock that must end with its command."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def _sentences(home: Path) -> Iterator[None]:
    """A refusal of the file system becomes one sentence."""
    try:
        yield
    except OSError as error:
        why = error.strerror or "it cannot be used"
        raise KnowledgeUnavailable(f"The embedded servers cannot keep their data in {home}: {why}.") from error
