"""A PostgreSQL on a disk of its own, small enough to be filled to its last byte."""

import os
import subprocess
import tempfile
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from knowledge.database import connect, ensure_database
from knowledge.embedded import embedded_servers
from knowledge.errors import KnowledgeUnavailable
from knowledge.migrate import migrate

MEGABYTES = 160  # an empty cluster, our schema and the first segments of its log take less than half of that
NEW_SEGMENT = "SELECT pg_switch_wal()"
WRITE = "SELECT pg_logical_emit_message(true, 'disk', 'full')"


class SmallDisk:
    """`url`: the database on it."""

    def __init__(self, folder):
        self.folder = folder
        self.url = ""
        self.bot_log = folder / "bot.log"
        self._ballast = folder / "ballast"

    def fill(self):
        """Not one byte more fits on it."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self):
        self._ballast.unlink(missing_ok=True)

    async def stop_the_log(self):
        """PostgreSQL needs another file for its log now, and dies of not getting one."""
        with suppress(KnowledgeUnavailable):
            async with connect(self.url) as connection:
                for _ in range(10):  # it keeps a few in stock
                    await connection.execute(NEW_SEGMENT)
                    await connection.execute(WRITE)

    @property
    def log(self):
        """What PostgreSQL said."""
        return (self.folder / "home" / "postgresql.log").read_text(errors="replace")


@contextmanager
def small_disk():
    """Skips the test where no disk can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk that may be filled")
    folder = Path(tempfile.mkdtemp(prefix="threadlore-disk-"))  # a short name: sockets lie in it
    options = f"size={MEGABYTES}m,mode=0755"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
        try:
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


@asynccontextmanager
async def server_on(disk):
    """An embedded PostgreSQL on the disk, with our schema."""
    async with embedded_servers(disk.folder / "home", postgres=True, redis=False) as servers:
        disk.url = await ensure_database(servers.database_url, "threadlore")
        await migrate(disk.url)
        try:
            yield
        finally:
            disk.free()
