"""The bot's side of the language model: starts the child, asks it, watches it, starts it again.

llama.cpp runs in a process of its own because it aborts on what another library would raise. Whatever
happens there, a request ends: with its answer or with an error that says what to do.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import structlog

from bot.errors import AdapterUnusable, BadConfiguration, ModelUnavailable, PromptQuarantined, QuestionTooLong
from bot.generation.child import COMMAND, Child, Mailbox
from bot.generation.failures import TRIES, Quarantine, Restarts, key_of
from bot.generation.keeper import Keeper
from bot.generation.loading import check_gguf, check_reranker
from bot.generation.pace import Pace
from bot.generation.sequence import (
    AddLora,
    Cancel,
    Count,
    Counts,
    DropLora,
    Embed,
    Event,
    Failed,
    Finished,
    Generate,
    Lora,
    LoraChange,
    LoraSettled,
    ModelSpec,
    Piece,
    Progress,
    Rank,
    Report,
    Scores,
    Segment,
    Vectors,
    Work,
)
from bot.generation.texts import MOST_TEXTS
from knowledge.side_by_side import all_of

log = structlog.get_logger()

T = TypeVar("T")

CANCEL_SECONDS = 2.0
# Those who only wait behind a prompt that kills are asked again as long as it may kill, and once more; where several
# share the model, as long as each of the others may.
MOST_DEATHS = 3
# Of a long list so many parts are on their way at once: the child reads one while the other's result travels.
PARTS_AT_ONCE = 2
LAST = Finished | Vectors | Scores | Counts | LoraSettled


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
        texts_at_once: int = 16,
        restarts: Restarts | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.spec = replace(spec, path=str(Path(spec.path).absolute()))
        self.pace = Pace()
        self._silence_seconds = silence_seconds
        self._wall_seconds = wall_seconds
        self._texts_at_once = texts_at_once
        self._numbers = itertools.count(1)
        self._loras: dict[str, Lora] = {}
        self._deadly_loras: set[Lora] = set()
        self._changing = asyncio.Lock()
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

    @property
    def loras(self) -> Mapping[str, Lora]:
        """The adapters that a request may name."""
        return self._loras

    async def add_lora(self, adapter: Lora) -> None:
        """Has an adapter from now on, in this child and in those that follow it.

        It takes the place of one of the same name; requests that began with that one go on with it.
        Errors: `AdapterUnusable`, which says why; `ModelUnavailable`.
        """
        child = await self._keeper.usable_child()
        async with self._changing:
            try:
                if child.loras.get(adapter.name) != adapter:
                    await self._load_lora(child, adapter)
            except ChildDied as death:
                raise ModelUnavailable from death
            self._loras[adapter.name] = adapter

    async def drop_lora(self, name: str) -> None:
        """New requests are refused this adapter from now on; those that have begun with it go on to their end."""
        self._loras.pop(name, None)
        async with self._changing:
            child = self._keeper.living
            if name in self._loras or child is None or child.loras.pop(name, None) is None:
                return
            with contextlib.suppress(ChildDied):  # and the next one will not have it
                await self._settled(child, DropLora(self.new_request_id(), name))

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
        """One unit vector for each text. A list goes in parts; whoever asks besides is served between their steps."""
        parts = await self._ask_all([Embed(self.new_request_id(), part) for part in self._parts(texts)])
        vectors = [list(vector) for event in parts if isinstance(event, Vectors) for vector in event.vectors]
        return _complete(vectors, texts)

    async def rank(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question, as a reranker sees it: more is better, on the model's own scale."""
        parts = await self._ask_all([Rank(self.new_request_id(), query, part) for part in self._parts(texts)])
        scores = [score for event in parts if isinstance(event, Scores) for score in event.scores]
        return _complete(scores, texts)

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
        """Looks at the model file without loading it.

        Errors: `BadConfiguration`.
        """
        if self.spec.pooling == "rank":
            check_reranker(Path(self.spec.path))
        else:
            part = "EMBEDDING" if self.spec.embedding else "MODEL"
            check_gguf(Path(self.spec.path), f"THREADLORE_{part}__PATH")

    def _parts(self, texts: Sequence[str]) -> Iterator[tuple[str, ...]]:
        return (
            tuple(texts[start : start + self._texts_at_once]) for start in range(0, len(texts), self._texts_at_once)
        )

    async def _ask_all(self, works: Sequence[Work]) -> list[Event]:
        """The last event of each, in order; where one fails, the others are cancelled."""
        room = asyncio.Semaphore(PARTS_AT_ONCE)

        async def ask(work: Work) -> Event:
            async with room:
                return await self._ask(work)

        return await all_of(ask(work) for work in works)

    async def _ask(self, work: Work) -> Event:
        deaths = 0
        while True:
            self._refuse_quarantined(work)
            if isinstance(work, Embed | Rank):
                work = replace(work, alone=any(self._quarantine.suspects(key) for key in _keys(work)))
            try:
                async with contextlib.aclosing(self._try(work)) as events:
                    async for event in events:
                        if isinstance(event, LAST):
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
        for key in _keys_in_step(work, death.done):
            self._quarantine.blame(key)
            if self._quarantine.holds(key):
                log.error("prompt_quarantined", step=type(work).__name__, quarantined_count=len(self._quarantine))
        if deaths >= max(MOST_DEATHS, self.report.parallel + TRIES):
            raise ModelUnavailable from death

    async def _try(self, work: Work) -> AsyncGenerator[Event, None]:
        """One try, on the child as it is now. Errors: `ChildDied`, and those of `_events`."""
        child = await self._keeper.usable_child()
        if isinstance(work, Generate) and work.lora:
            await self._equip(child, work.lora)
        mailbox = child.open_mailbox(work.request_id)
        child.send(work)
        ended = False
        try:
            async with contextlib.aclosing(self._events(child, work.request_id, mailbox)) as events:
                async for event in events:
                    ended = isinstance(event, LAST)
                    yield event
        finally:
            if not ended:
                child.send(Cancel(work.request_id))
            child.close_mailbox(work.request_id)

    async def _equip(self, child: Child, name: str) -> None:
        """Sees to it that the child has an adapter as it is now: a fresh one has none. Errors: `AdapterUnusable`."""
        async with self._changing:
            adapter = self._loras.get(name)
            if adapter is None:
                raise AdapterUnusable(f"There is no LoRA adapter named {name}.")
            if child.loras.get(name) != adapter:
                await self._load_lora(child, adapter)

    async def _load_lora(self, child: Child, adapter: Lora) -> None:
        """Errors: `AdapterUnusable`; `ChildDied` of something else."""
        sentence = f"The LoRA adapter {adapter.name} ends the model's process, and is not loaded again."
        if adapter not in self._deadly_loras:
            try:
                check_gguf(Path(adapter.path))
                sentence = (await self._settled(child, AddLora(self.new_request_id(), adapter))).sentence
            except BadConfiguration:
                sentence = f"The LoRA adapter {adapter.name} is no GGUF file that can be read."
            except ChildDied as death:
                if death.done is None:
                    raise
                self._deadly_loras.add(adapter)
        if sentence:
            log.warning("adapter_not_loaded", adapter=adapter.name)
            raise AdapterUnusable(sentence)
        child.loras[adapter.name] = adapter

    async def _settled(self, child: Child, change: LoraChange) -> LoraSettled:
        """What came of a change. Errors: `ChildDied`, `ModelUnavailable`."""
        mailbox = child.open_mailbox(change.request_id)
        child.send(change)
        try:
            async with contextlib.aclosing(self._events(child, change.request_id, mailbox)) as events:
                async for event in events:
                    if isinstance(event, LoraSettled):
                        return event
        finally:
            child.close_mailbox(change.request_id)
        raise ModelUnavailable

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
            if isinstance(event, LAST):
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


def _complete(made: list[T], texts: Sequence[str]) -> list[T]:
    """One for each text. Errors: `ModelUnavailable` where a part ended without them."""
    if len(made) != len(texts):
        raise ModelUnavailable
    return made


def _keys(work: Work) -> list[bytes]:
    """A request's hash; of several texts, one each."""
    return [key_of(work, place) for place in range(len(work.texts) if isinstance(work, Embed | Rank) else 1)]


def _keys_in_step(work: Work, done: int | None) -> list[bytes]:
    """Of a request that had come so far: what may have been in the step that killed. None: nothing of it."""
    if done is None:
        return []
    if not isinstance(work, Embed | Rank):
        return [key_of(work)]
    first = min(done, len(work.texts) - 1)
    in_step = _keys(work)[first : first + (1 if work.alone else MOST_TEXTS)]
    return list(dict.fromkeys(in_step))  # the same text twice is one text, which died once


def _continued(request: Generate, told: str, written: int) -> Generate:
    """The same request, from behind what was written of its answer."""
    return replace(request, segments=(*request.segments, Segment(told)), max_tokens=request.max_tokens - written)


def _whole(end: Finished, written: int) -> Finished:
    """The end of a continued answer, counted as one that was never interrupted."""
    return replace(end, prompt_tokens=end.prompt_tokens - written, new_tokens=end.new_tokens + written)
