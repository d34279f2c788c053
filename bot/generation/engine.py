"""The bot's side of the language model: starts the child, asks it, watches it, starts it again.

llama.cpp runs in a process of its own because it aborts on what another library would raise. Whatever
happens there, a request ends: with its answer or with an error that says what to do.
"""

import asyncio
import contextlib
import itertools
import struct
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

from bot.errors import BadConfiguration, DependencyDown, ModelUnavailable, QuestionTooLong, StartupError
from bot.generation.child import Child, Mailbox
from bot.generation.sequence import (
    Cancel,
    Count,
    Counts,
    Embed,
    Event,
    Failed,
    Finished,
    Generate,
    ModelSpec,
    Piece,
    Report,
    Vectors,
    Work,
)

MAGIC, VERSIONS = b"GGUF", (2, 3)
BACKOFF_SECONDS, BACKOFF_LIMIT, LONGEST_WAIT = 0.25, 8.0, 1.0
CANCEL_SECONDS = 2.0


class Engine:
    """One model in one child process, started on first use.

    Units: seconds. `silence`: the longest a working child may say nothing before it counts as hung and
    is ended. `wall`: the longest one request may run once the model has begun it.
    Errors: `BadConfiguration` and `DependencyDown` at the first start; later `ModelUnavailable`.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        start_seconds: float = 120.0,
        silence_seconds: float = 30.0,
        wall_seconds: float = 120.0,
        embed_batch: int = 4,
    ) -> None:
        self.spec = replace(spec, path=str(Path(spec.path).absolute()))
        self._start_seconds = start_seconds
        self._silence_seconds = silence_seconds
        self._wall_seconds = wall_seconds
        self._embed_batch = embed_batch
        self._starting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._child: Child | None = None
        self._report: Report | None = None
        self._crashes = 0
        self._not_before = 0.0
        self._closed = False

    @property
    def report(self) -> Report:
        """What was loaded, and where; known once the engine has started."""
        if self._report is None:
            raise ModelUnavailable
        return self._report

    @property
    def pid(self) -> int | None:
        """The child's process id, when there is one."""
        return None if self._child is None or self._child.dead else self._child.pid

    def new_request_id(self) -> str:
        """An id no other request of this engine has."""
        return str(next(self._numbers))

    async def start(self) -> Report:
        """Loads the model unless it is loaded; many may ask at once."""
        await self._ready_child()
        return self.report

    async def stream(self, request: Generate) -> AsyncGenerator[Piece | Finished, None]:
        """The answer as it is written, then how it ended. Closing the iterator stops the child's work at once.

        Errors: `ModelUnavailable`; `QuestionTooLong` when the prompt does not fit the context.
        """
        child = await self._usable_child()
        mailbox = child.open_mailbox(request.request_id)
        child.send(request)
        ended = False
        try:
            async with contextlib.aclosing(self._events(child, request.request_id, mailbox)) as events:
                async for event in events:
                    ended = isinstance(event, Finished)
                    if isinstance(event, Piece | Finished):
                        yield event
        finally:
            if not ended:
                child.send(Cancel(request.request_id))
            child.close_mailbox(request.request_id)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector for each text. Long lists go in small parts, so that a query can pass between them."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), self._embed_batch):
            part = tuple(texts[start : start + self._embed_batch])
            event = await self._ask(Embed(self.new_request_id(), part))
            if not isinstance(event, Vectors):
                raise ModelUnavailable
            vectors += [list(vector) for vector in event.vectors]
        return vectors

    async def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text."""
        event = await self._ask(Count(self.new_request_id(), tuple(texts)))
        if not isinstance(event, Counts):
            raise ModelUnavailable
        return list(event.counts)

    async def close(self) -> None:
        """Ends the child. Requests after this fail with `ModelUnavailable`."""
        self._closed = True
        async with self._starting:
            child, self._child = self._child, None
            if child is not None:
                await child.close()

    def check_files(self) -> None:
        """Looks at the model file and its adapters without loading them.

        Errors: `BadConfiguration`.
        """
        setting = "THREADLORE_EMBEDDING__PATH" if self.spec.embedding else "THREADLORE_MODEL__PATH"
        check_gguf(Path(self.spec.path), setting)
        for adapter in self.spec.lora:
            check_gguf(Path(adapter.path), "its path")

    async def _ask(self, work: Work) -> Event:
        child = await self._usable_child()
        mailbox = child.open_mailbox(work.request_id)
        child.send(work)
        ended = False
        try:
            async with contextlib.aclosing(self._events(child, work.request_id, mailbox)) as events:
                async for event in events:
                    if isinstance(event, Vectors | Counts | Finished):
                        ended = True
                        return event
            raise ModelUnavailable
        finally:
            if not ended:
                child.send(Cancel(work.request_id))
            child.close_mailbox(work.request_id)

    async def _events(self, child: Child, request_id: str, mailbox: Mailbox) -> AsyncGenerator[Event, None]:
        """Events of one request until its last. Waits no longer than a healthy child would need."""
        clock = asyncio.get_running_loop().time
        begun: float | None = None
        while True:
            now = clock()
            silent_at = child.heard_at + self._silence_seconds
            late_at = silent_at if begun is None else begun + self._wall_seconds
            if now >= silent_at:
                child.kill()
                raise ModelUnavailable
            if begun is not None and now >= late_at:
                await self._end_late(child, request_id, mailbox)
                raise ModelUnavailable
            try:
                async with asyncio.timeout(max(0.001, min(silent_at, late_at) - now)):
                    event = await mailbox.get()
            except TimeoutError:
                continue
            if event is None:
                raise ModelUnavailable
            if isinstance(event, Failed):
                raise QuestionTooLong(event.sentence) if event.too_long else ModelUnavailable(event.sentence)
            begun = now if begun is None else begun
            self._crashes = 0
            yield event
            if isinstance(event, Finished | Vectors | Counts):
                return

    async def _end_late(self, child: Child, request_id: str, mailbox: Mailbox) -> None:
        """Cancels a request that ran too long; a child that does not even do that is ended."""
        child.send(Cancel(request_id))
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                while (event := await mailbox.get()) is not None and not isinstance(event, Finished | Failed):
                    pass
        except TimeoutError:
            child.kill()

    async def _usable_child(self) -> Child:
        """The child, started again if need be. Once it has run, what keeps it down is for a later moment."""
        try:
            return await self._ready_child()
        except StartupError as error:
            if self._report is None:
                raise
            raise ModelUnavailable from error

    async def _ready_child(self) -> Child:
        async with self._starting:
            if self._closed:
                raise ModelUnavailable
            if self._child is not None and not self._child.dead:
                return self._child
            if self._child is not None:
                await self._child.close()
                self._child = None
                self._back_off()
            wait = self._not_before - asyncio.get_running_loop().time()
            if wait > LONGEST_WAIT:
                raise ModelUnavailable
            await asyncio.sleep(max(0.0, wait))
            self._child = await self._start_child()
            return self._child

    def _back_off(self) -> None:
        """Each crash in a row doubles the time until the next start."""
        delay = min(BACKOFF_SECONDS * 2**self._crashes, BACKOFF_LIMIT)
        self._not_before = asyncio.get_running_loop().time() + delay
        self._crashes += 1

    async def _start_child(self) -> Child:
        self.check_files()
        child = await Child.open(self.spec)
        try:
            async with asyncio.timeout(self._start_seconds):
                loaded = await child.loaded()
        except BaseException as error:
            child.kill()
            await child.close()
            if isinstance(error, TimeoutError):
                raise DependencyDown(
                    f"The model {self.spec.path} was not loaded within {self._start_seconds:.0f} seconds."
                ) from error
            raise
        if isinstance(loaded, Report):
            self._report = loaded
            return child
        await child.close()
        self._back_off()
        reason = loaded.sentence if loaded else f"The model process ended while it loaded {self.spec.path}."
        raise DependencyDown(f"{reason} Check that the file is complete and fits into memory.")


def check_gguf(path: Path, setting: str = "THREADLORE_MODEL__PATH") -> None:
    """Reads the first bytes of a model file.

    Errors: `BadConfiguration`, one sentence that names the file and what to do.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise BadConfiguration(f"There is no readable model file at {path}; set {setting} to a GGUF file.") from error
    if len(head) < len(MAGIC) + 4 or not head.startswith(MAGIC):
        raise BadConfiguration(f"{path} is not a GGUF model; download one with `threadlore models pull`.")
    (version,) = struct.unpack_from("<I", head, len(MAGIC))
    if version not in VERSIONS:
        raise BadConfiguration(f"{path} is a GGUF of version {version}; versions 2 and 3 can be read.")
