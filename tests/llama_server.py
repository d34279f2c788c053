"""llama-cpp-python's own server, as a process for tests."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

KEY = "a-key-of-its-own"
START_SECONDS = 120
LISTENS = re.compile(rb"running on (http://127\.0\.0\.1:\d+)")


class LlamaServer:
    """A process with the model of this file, and what it printed. The caller ends it.

    Left to itself, it would break an answer off as soon as somebody else asks.
    """

    def __init__(self, model: Path, log: Path) -> None:
        self._log = log
        options = {
            "model": model, "host": "127.0.0.1", "port": 0, "n_ctx": 1024, "api_key": KEY, "interrupt_requests": False,
            "n_threads": 1, "n_threads_batch": 1, "logits_all": False,
        }  # fmt: skip
        command = [sys.executable, "-m", "llama_cpp.server"]
        command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "passive"}
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
        deadline = time.monotonic() + START_SECONDS
        while (found := LISTENS.search(log.read_bytes())) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise AssertionError(self.printed)
            time.sleep(0.1)
        self.url = f"{found[1].decode()}/v1"

    @property
    def printed(self) -> str:
        """All of it, up to now."""
        return self._log.read_text(errors="replace")

    def end(self) -> None:
        """The hard way."""
        self.process.kill()
        self.process.wait()
