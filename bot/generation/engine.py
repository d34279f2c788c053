"""The bot's side of the language model: starts the child, asks it, watches it, starts it again.

llama.cpp runs in a process of its own because it aborts on what another library would raise. Whatever
happens there, a request ends: with its answer or with an error that says what to do.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from bot.errors import ModelUnavailable, PromptQuarantined, QuestionTooLong
from bot.generation.child import COMMAND, Child, Mailbox
from bot.generation.failures import TRIES, Quarantine, Restarts, key_of
from bot.generation.keeper import Keeper
from bot.generation.loading import check_gguf
from bot.generation.pace import Pace
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
    Progress,
    Report,
    Segment,
    Vectors,
    Work,
)

log = structlog.get_logger()

CANCEL_SECONDS = 2.0
# Those who only wait behind a prompt that kills are asked again as long as it may kill, and once more; where several
# share the model, as long as each of the others may.
MOST_DEATHS = 3


class ChildDied(Exception):
    """The child ended before a request did. `done`: how far it had come with it; None: its last step was for others."""

    def __init__(self, done: int | None) -> None:
        super().__init__()
        self.done = done


class Engine:
    """One model in one child process, started on first use.

    A request whose child dies is asked once more, of a fresh child; one that two children died of is never asked again.
    Units: seconds. `silence`: the longest a working child may say nothing before it counts as hung and
    is ended. `wall`: the longest one request may run once the model has begun it; what it shares with others counts
    by its share.
    Errors: `BadConfiguration` and `DependencyDown` from `start`; else `ModelUnavailable`.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        start_seconds: float = 120.0,
        silence_seconds: float = 30.0,
        wall_seconds: float = 120.0,
        embed_batch: int = 4,
        restarts: Restarts | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.spec = replace(spec, path=str(Path(spec.path).absolute()))
        self.pace = Pace()
        self._silence_seconds = silence_seconds
        self._wall_seconds = wall_seconds
        self._embed_batch = embed_batch
        self._numbers = itertools.count(1)
        self._quarantine = Quarantine()
        self._restarts = restarts or Restarts()
        self._keeper = Keeper(self.spec, self.check_files, self._restarts, start_seconds, tuple(command))

    @property
    def report(self) -> Report:
        """What was loaded, and where; known once the engine has started."""
        if self._keeper.report is None:
            raise ModelUnavailable
        return self._keeper.report

    @property
    def pid(self) -> int | None:
        """The child's process id, when there is one."""
        return self._keeper.pid

    @property
    def trouble(self) -> str:
        """Why requests fail just now, in one word: `not_loaded`, `restarts_used_up`; "" when nothing is known."""
        return self._keeper.trouble

    @property
    def restarts(self) -> int:
        """How often a child was started in place of a dead one."""
        return self._restarts.total

    @property
    def quarantined(self) -> int:
        """How many prompts are never sent again."""
        return len(self._quarantine)

    def new_request_id(self) -> str:
        """An id no other request of this engine has."""
        return str(next(self._numbers))

    async def start(self) -> Report:
        """Loads the model unless it is loaded; many may ask at once.

        Errors: `StartupError`, which says why it cannot be loaded; `ModelUnavailable`.
        """
        await self._keeper.child()
        return self.report

    async def ready(self) -> Report:
        """As `start`, for those who ask something: whatever keeps the model away is `ModelUnavailable`."""
        await self._keeper.usable_child()
        return self.report

    async def stream(self, request: Generate) -> AsyncGenerator[Piece | Finished, None]:
        """The answer as it is written, then how it ended. Closing the iterator stops the child's work at once.

        When the child dies in the middle, a fresh one goes on behind the last piece.
        Errors: `ModelUnavailable`; `QuestionTooLong` when the prompt does not fit the context.
        """
        told, written, deaths = "", 0, 0
        while True:
            self._refuse_quarantined(request)
            rest = request
            if told:
                (written,) = await self.count([told])
                if written >= request.max_tokens:
                    yield Finished(request.request_id, "length", new_tokens=written)
                    return
                rest = _continued(request, told, written)
            rest = replace(rest, alone=self._quarantine.suspects(key_of(request)))
            try:
                async with contextlib.aclosing(self._try(rest)) as events:
                    async for event in events:
                        if isinstance(event, Piece):
                            told += event.text
                            yield event
                        elif isinstance(event, Finished):
                            self._quarantine.acquit(key_of(request))
                            self.pace.take(event)
                            yield _whole(event, written)
                            return
            except QuestionTooLong as error:
                if told:  # a fresh child may have a shorter context
                    raise ModelUnavailable from error
                raise
            except ChildDied as death:
                deaths += 1
                self._blame(request, death, deaths)

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
        await self._keeper.close()

    def check_files(self) -> None:
        """Looks at the model file and its adapters without loading them.

        Errors: `BadConfiguration`.
        """
        setting = "THREADLORE_EMBEDDING__PATH" if self.spec.embedding else "THREADLORE_MODEL__PATH"
        check_gguf(Path(self.spec.path), setting)
        for adapter in self.spec.lora:
            check_gguf(Path(adapter.path), "its path")

    async def _ask(self, work: Work) -> Event:
        deaths = 0
        while True:
            self._refuse_quarantined(work)
            try:
                async with contextlib.aclosing(self._try(work)) as events:
                    async for event in events:
                        if isinstance(event, Vectors | Counts | Finished):
                            for key in _keys(work):
                                self._quarantine.acquit(key)
                            return event
                raise ModelUnavailable
            except ChildDied as death:
                deaths += 1
                self._blame(work, death, deaths)

    def _refuse_quarantined(self, work: Work) -> None:
        if any(self._quarantine.holds(key) for key in _keys(work)):
            raise PromptQuarantined

    def _blame(self, work: Work, death: ChildDied, deaths: int) -> None:
        """Of all that waited for a dead child, only what its last step was for is to blame."""
        if death.done is not None:
            key = key_of(work, death.done)
            self._quarantine.blame(key)
            if self._quarantine.holds(key):
                log.error("prompt_quarantined", step=type(work).__name__, quarantined_count=len(self._quarantine))
        if deaths >= max(MOST_DEATHS, self.spec.parallel + TRIES):
            raise ModelUnavailable from death

    async def _try(self, work: Work) -> AsyncGenerator[Event, None]:
        """One try, on the child as it is now. Errors: `ChildDied`, and those of `_events`."""
        child = await self._keeper.usable_child()
        mailbox = child.open_mailbox(work.request_id)
        child.send(work)
        ended = False
        try:
            async with contextlib.aclosing(self._events(child, work.request_id, mailbox)) as events:
                async for event in events:
                    ended = isinstance(event, Finished | Vectors | Counts)
                    yield event
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
            late_at = silent_at if begun is None else child.work.when(begun + self._wall_seconds, now)
            if now >= silent_at:
                log.error("model_hangs", silence_seconds=self._silence_seconds)
                child.kill()
                raise ChildDied(child.at_work_on(request_id))
            if begun is not None and now >= late_at:
                await self._end_late(child, request_id, mailbox)
                raise ModelUnavailable
            try:
                async with asyncio.timeout(max(0.001, min(silent_at, late_at) - now)):
                    event = await mailbox.get()
            except TimeoutError:
                continue
            if event is None:
                raise ChildDied(child.at_work_on(request_id))
            if isinstance(event, Failed):
                raise QuestionTooLong(event.sentence) if event.too_long else ModelUnavailable(event.sentence)
            begun = child.work.read(clock()) if begun is None else begun
            if not isinstance(event, Progress) or event.done:
                self._restarts.worked()
            yield event
            if isinstance(event, Finished | Vectors | Counts):
                return

    async def _end_late(self, child: Child, request_id: str, mailbox: Mailbox) -> None:
        """Cancels a request that ran too long; a child that does not even do that is ended, unless it works for others.

        Then its step may be a long one; should it hang, its silence tells.
        """
        child.send(Cancel(request_id))
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                while (event := await mailbox.get()) is not None and not isinstance(event, Finished | Failed):
                    pass
        except TimeoutError:
            if not child.is_shared:
                child.kill()


def _keys(work: Work) -> list[bytes]:
    """A request's hash; of texts to embed, one each."""
    return [key_of(work, place) for place in range(len(work.texts) if isinstance(work, Embed) else 1)]


def _continued(request: Generate, told: str, written: int) -> Generate:
    """The same request, from behind what was written of its answer."""
    return replace(request, segments=(*request.segments, Segment(told)), max_tokens=request.max_tokens - written)


def _whole(end: Finished, written: int) -> Finished:
    """The end of a continued answer, counted as one that was never interrupted."""
    return replace(end, prompt_tokens=end.prompt_tokens - written, new_tokens=end.new_tokens + written)
