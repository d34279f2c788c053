"""One model child as the bot sees it: a process, its pipe, and who waits for which answer."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import bot
from bot.generation.sequence import (
    LENGTH,
    Event,
    Failed,
    Lora,
    ModelSpec,
    Progress,
    Ready,
    Report,
    Request,
    Shutdown,
    Step,
    decode,
    encode,
)
from bot.generation.shares import SharedClock

# What llama.cpp and the dynamic linker may need; settings and tokens are not among it.
INHERITED = ("PATH", "LANG", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
INHERITED_PREFIXES = ("OMP_", "GOMP_", "GGML_")
# Going to sleep and waking up at the end of each operation costs a quarter of the speed of reading and two thirds of
# that of writing; so many looks are enough for a thread that runs. `Crew` sees to it that all do.
DEFAULTS = {"GOMP_SPINCOUNT": "2000"}
STDERR_LINES, STDERR_READ = 20, 4096
CLOSE_SECONDS = 2.0
COMMAND = (sys.executable, "-P", "-m", "bot.generation.worker")
# How llama.cpp and its back ends say it before they abort; the system's own killer says nothing.
OUT_OF_MEMORY = ("out of memory", "failed to allocate", "unable to allocate", "bad_alloc", "memoryerror")

Mailbox = asyncio.Queue[Event | None]


class Child:
    """Starts with `open`; `dead` once the process is gone. Events go to the mailbox of their request.

    A mailbox gets None when the child dies. `loras`: the adapters that it has loaded, by name.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._mailboxes: dict[str, Mailbox] = {}
        self._first: asyncio.Future[Ready | Failed | None] = asyncio.get_running_loop().create_future()
        self._stderr: deque[bytes] = deque(maxlen=STDERR_LINES)
        self._tasks = (asyncio.create_task(self._read()), asyncio.create_task(self._drain_stderr()))
        self._done: dict[str, int] = {}
        self._step: frozenset[str] = frozenset()
        self._ended_by_us = False
        self.loras: dict[str, Lora] = {}
        self.work = SharedClock()
        self.heard_at = _now()
        self.dead = False

    @classmethod
    async def open(cls, spec: ModelSpec, command: Sequence[str] = COMMAND) -> "Child":
        """A child that has begun to load the model."""
        process = await asyncio.create_subprocess_exec(
            *command,
            *(("--network",) if spec.rpc else ()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=clean_environment(),
        )
        child = cls(process)
        child.send(spec)
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def last_words(self) -> str:
        """The end of what the child printed: llama.cpp's own account of an abort."""
        return b"".join(self._stderr).decode("utf-8", "replace").strip()

    @property
    def exit_code(self) -> int | None:
        """As the system gave it: a signal is negative; None while the process lives."""
        return self._process.returncode

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether a child that is gone said so, or was killed as the system kills who takes too much."""
        killed = self._process.returncode == -signal.SIGKILL and not self._ended_by_us
        words = self.last_words.lower()
        return killed or any(one in words for one in OUT_OF_MEMORY)

    def at_work_on(self, request_id: str) -> int | None:
        """How far the child has come with a request, as in `Progress`; None: it is not what it works on just now."""
        return self._done.get(request_id, 0) if request_id in self._step else None

    @property
    def is_shared(self) -> bool:
        """Whether more than one request waits for events."""
        return len(self._mailboxes) > 1

    async def loaded(self) -> Report | Failed | None:
        """The report once the model is loaded; None when the child died over it."""
        first = await asyncio.shield(self._first)
        return first.report if isinstance(first, Ready) else first

    def send(self, request: Request) -> None:
        """Writes without waiting; a dead child's mailboxes have None already."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(encode(request))

    def open_mailbox(self, request_id: str) -> Mailbox:
        """Where the events of a request arrive. Close it when nobody reads it any more."""
        mailbox: Mailbox = asyncio.Queue()
        if self.dead:
            mailbox.put_nowait(None)
        if not self._mailboxes:
            self.heard_at = _now()
        self._mailboxes[request_id] = mailbox
        return mailbox

    def close_mailbox(self, request_id: str) -> None:
        """Events of this request are dropped from now on."""
        self._mailboxes.pop(request_id, None)
        if self._done.pop(request_id, None) is not None:
            self.work.share(len(self._done), _now())

    def kill(self) -> None:
        """Ends the process at once."""
        self._ended_by_us = True
        self._end()

    def _end(self) -> None:
        """Leaves collecting the exit code to asyncio, which `Process.kill` would race."""
        self.dead = True
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Asks the child to end, waits a moment, then ends it."""
        self.send(Shutdown())
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        stdout = self._process.stdout
        try:
            while stdout is not None:
                (length,) = LENGTH.unpack(await stdout.readexactly(LENGTH.size))
                event = decode(await stdout.readexactly(length))
                self.heard_at = _now()
                self._deliver(event)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            self._die()

    def _deliver(self, event: object) -> None:
        match event:
            case Ready() | Failed(request_id=""):
                if not self._first.done():
                    self._first.set_result(event)
            case Step():
                self._step = frozenset(event.request_ids)
            case _:
                mailbox = self._mailboxes.get(getattr(event, "request_id", ""))
                if mailbox is not None:
                    if isinstance(event, Progress):
                        self._done[event.request_id] = max(event.done, self._done.get(event.request_id, 0))
                        self.work.share(len(self._done), _now())
                    mailbox.put_nowait(event)  # type: ignore[arg-type] # the child sends events only

    def _die(self) -> None:
        self._end()
        if not self._first.done():
            self._first.set_result(None)
        for mailbox in self._mailboxes.values():
            mailbox.put_nowait(None)

    async def _drain_stderr(self) -> None:
        stderr = self._process.stderr
        while stderr is not None and (chunk := await stderr.read(STDERR_READ)):
            self._stderr.append(chunk)


def _now() -> float:
    return asyncio.get_running_loop().time()


def clean_environment(parent: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the child may know of its surroundings, and where it finds this same `bot` package."""
    source = os.environ if parent is None else parent  # noqa: TID251 -- to leave settings out, not to read them
    kept = {name: value for name, value in source.items() if name in INHERITED or name.startswith(INHERITED_PREFIXES)}
    return {**DEFAULTS, **kept, "PYTHONPATH": str(Path(bot.__file__).parent.parent)}
