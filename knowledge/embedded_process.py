"""A server as a detached process: whether it lives, how it starts and how it ends.

The proof of life is a file lock, not a process id. Each server inherits an open, locked file; the kernel keeps the lock
as long as any process of that server lives, and drops it with the last one, however that one ended. A recycled process
id or a stale pid file therefore never looks like a running server. These functions block: call them from a thread.
"""

import fcntl
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from knowledge.embedded_place import Place
from knowledge.errors import KnowledgeUnavailable

START_SECONDS = 120.0  # after a crash PostgreSQL first replays up to max_wal_size of its log
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01
LOG_BYTES = 5_000_000


class Server(Protocol):
    """What start() and stop() need to know about one kind of server."""

    @property
    def name(self) -> str:
        """As the operator knows it."""

    @property
    def place(self) -> Place:
        """Where it lives."""

    @property
    def stop_signal(self) -> signal.Signals:
        """What asks it for an orderly end."""

    def command(self, proof: int) -> list[str]:
        """Prepare everything on disk, and say how to start. Programs that prepare inherit the open `proof` as well."""

    def is_ready(self) -> bool:
        """Whether it answers on its socket."""

    def pid(self) -> int | None:
        """The main process, as the server itself wrote it down."""


def is_alive(server: Server) -> bool:
    """Whether any process of this server lives."""
    try:
        proof = os.open(server.place.proof(server.name), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(proof, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(proof)
    return False


def start(server: Server) -> None:
    """Return once the server answers; one that already runs is used as it is. For who has the turn only."""
    log = server.place.log(server.name)
    log_start: int | None = None
    deadline = time.monotonic() + START_SECONDS
    while not server.is_ready():
        if not is_alive(server):
            if log_start is not None:
                why = _reason_in(log, log_start)
                raise KnowledgeUnavailable(f"The embedded {server.name} did not start: {why} (log: {log}).")
            log_start = _spawn(server, log)
        if time.monotonic() > deadline:
            raise KnowledgeUnavailable(
                f"The embedded {server.name} was not ready after {START_SECONDS:.0f} s (log: {log})."
            )
        _pause()


def stop(server: Server) -> None:
    """Return once no process of the server is left. For who has the turn only."""
    for how in (server.stop_signal, signal.SIGKILL):
        asked = False
        deadline = time.monotonic() + STOP_SECONDS
        while is_alive(server):
            pid = server.pid()  # None until a server that has only just begun writes it down
            if pid is not None and not asked:
                with suppress(ProcessLookupError):
                    os.kill(pid, how)
                asked = True
            if time.monotonic() > deadline:
                break
            _pause()
        else:
            return
    raise KnowledgeUnavailable(f"The embedded {server.name} does not stop (log: {server.place.log(server.name)}).")


def _spawn(server: Server, log: Path) -> int:
    """Start the server as nobody's child, in a session of its own: Ctrl-C and a closed terminal pass it by.

    Returns the length of its log before it began.
    """
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    proof = os.open(server.place.proof(server.name), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(proof, fcntl.LOCK_EX)  # waits at most for somebody's passing is_alive()
        command = server.command(proof)
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
            length = os.fstat(output.fileno()).st_size
            # The shell puts the server in the background and ends, so init inherits the server, not we.
            server.place.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(proof,),
                start_new_session=True,
            )
            return length
    finally:
        os.close(proof)  # the server's copy keeps the lock


def _pause() -> None:
    time.sleep(POLL_SECONDS)  # noqa: TID251 - in a thread, see the module docstring


def _reason_in(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return reason(file.read().decode(errors="replace"))


def reason(output: str) -> str:
    """The part of a server's output that says why it failed."""
    if "No space left on device" in output:
        return "the disk is full"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    fatal = [line.rpartition("FATAL:")[2].strip() for line in lines if "FATAL:" in line or "error:" in line]
    return (fatal or lines or ["it said nothing"])[-1].rstrip(".")
