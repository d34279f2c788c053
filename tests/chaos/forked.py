"""Bot processes out of the nursery, and what happens to them: crash, freeze, stop."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

from tests.load.processes import REPOSITORY

START_SECONDS = 60.0


class Bot:
    """One bot process. It is the nursery's child: here it is known by its id alone."""

    def __init__(self, pid):
        self.pid = pid
        self._is_gone = False

    def is_alive(self):
        if not self._is_gone:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                self._is_gone = True
        return not self._is_gone

    def freeze(self):
        """It stands still, as on a machine that is paused."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    async def crash(self):
        """Killed in the middle of whatever it does, and gone."""
        await self._end(signal.SIGKILL, 30)

    async def stop(self, seconds=30.0):
        """Asked to end. How long that took, in seconds. Errors: TimeoutError."""
        began = time.monotonic()
        await self._end(signal.SIGTERM, seconds)
        return time.monotonic() - began

    async def _end(self, number, seconds):
        async with asyncio.timeout(seconds):
            if self.is_alive():
                os.kill(self.pid, number)
            while self.is_alive():
                await asyncio.sleep(0.01)


class Nursery:
    """Starts bots. One start at a time."""

    def __init__(self):
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            cwd=REPOSITORY, env=kept | {"PYTHONPATH": REPOSITORY, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout.readline() == "open\n"

    async def start(self, cwd, **order):
        """A bot that is ready."""
        line = json.dumps({"cwd": str(cwd), **order})
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        said = set()
        async with asyncio.timeout(START_SECONDS):
            while len(said) < 2:  # in either order
                said.add((await asyncio.to_thread(self._process.stdout.readline)).strip())
        said.discard("ready")
        return Bot(int(said.pop()))

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
