"""Carries out what the scheduler plans. Knows the loaded model only through `LoadedModel`.

Between two requests nothing is shared, except the beginning of the prompt that is the same for everybody: it is
computed once, copied out of the sequence that computed it, and put into others while it is the same token for token.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from bot.generation.answers import Answer, Run
from bot.generation.lookup import Lookup
from bot.generation.loras import Loras
from bot.generation.scheduler import Ask, Freed, Plan, Scheduler, Slice
from bot.generation.sequence import (
    AddLora,
    Count,
    Counts,
    Embed,
    Event,
    Failed,
    Finished,
    Generate,
    Lora,
    LoraChange,
    LoraSettled,
    ModelSpec,
    Progress,
    Rank,
    Report,
    Segment,
    Work,
)
from bot.generation.stops import StopFilter
from bot.generation.stride import Stride
from bot.generation.texts import Reading, Together

NO_ROOM = 1
# One for each adapter and each kind of order that the bot gives its model; a stranger's would push out the oldest.
MOST_PREFIXES = 8


class LoadedModel(Protocol):
    """What a step asks of the model; `runner.Model` is the real one."""

    spec: ModelSpec
    report: Report
    together: Together
    stride: Stride

    def tokenize(self, text: str) -> list[int]:
        """Token ids of plain text."""

    def tokenize_segments(self, segments: Sequence[Segment], *, begin: bool) -> list[int]:
        """Token ids of a prompt; control tokens come from control pieces only."""

    def tokenize_whole(self, text: str) -> list[int]:
        """Token ids of a text to embed, with begin and end, cut to the context."""

    def tokenize_pair(self, query: str, text: str) -> list[int]:
        """Token ids of a question and a text, as a reranker reads them, cut to the context."""

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; a character may take several tokens."""

    def load_lora(self, adapter: Lora) -> Any:
        """An adapter, read from its file; ValueError, with a sentence, when it is none for this model."""

    def use_lora(self, adapter: Any) -> None:
        """Switches to an adapter, with None to the model alone."""

    def free_lora(self, adapter: Any) -> None:
        """Gives an adapter's memory back."""

    def decode(self, runs: Sequence[Run]) -> int:
        """Reads runs behind what their sequences hold; 0 when that worked, 1 when there is no room."""

    def clear(self, sequence: int) -> None:
        """Forgets what a sequence holds."""

    def cut(self, sequence: int, length: int) -> None:
        """Forgets what a sequence holds behind so many tokens."""

    def save(self, sequence: int) -> Any:
        """A copy of what a sequence holds, or None."""

    def restore(self, sequence: int, state: Any) -> bool:
        """Fills an empty sequence with a copy; False, and it stays empty, when that cannot be."""

    def vectors(self, texts: Sequence[list[int]]) -> list[tuple[float, ...]]:
        """The unit vectors of as many texts as one step may read; ValueError when they cannot be read."""

    def scores(self, pairs: Sequence[list[int]]) -> list[tuple[float, ...]]:
        """How well each text answers its question, one number each; ValueError when they cannot be read."""

    def open_sampler(self, request: Generate) -> Any:
        """How the next token is chosen; ValueError when it cannot be as asked."""

    def close_sampler(self, sampler: Any) -> None:
        """Gives a sampler back."""

    def sample(self, sampler: Any, place: int) -> int:
        """The token behind the one at `place` of the last step."""

    def ends(self, token: int) -> bool:
        """Whether a token is the end of an answer."""


class RefusalError(Exception):
    """The request cannot be carried out; the sentence says why."""

    def __init__(self, sentence: str, *, too_long: bool = False) -> None:
        super().__init__(sentence)
        self.too_long = too_long


class Steps:
    """All requests of one child. `take` begins one, `plan` and `run` are a step, `release` ends one at any time.

    The last event of a request is Finished, Vectors, Scores, Counts or Failed.
    """

    def __init__(self, model: LoadedModel, scheduler: Scheduler) -> None:
        self._model = model
        self._scheduler = scheduler
        self._answers: dict[str, Answer] = {}
        self._readings: dict[str, Reading] = {}
        self._prefixes: OrderedDict[Any, Any] = OrderedDict()
        self._loras = Loras(model.load_lora, model.free_lora)

    def change(self, change: LoraChange) -> LoraSettled:
        """Adds or drops an adapter, between two steps. Those who began with another go on with that one."""
        try:
            if isinstance(change, AddLora):
                self._loras.add(change.adapter)
            else:
                self._loras.drop(change.name)
        except ValueError as error:
            return LoraSettled(change.request_id, str(error))
        self._let_loras_go()
        return LoraSettled(change.request_id)

    def take(self, work: Work) -> Iterator[Event]:
        """Counting is done at once: it takes no sequence. Anything else waits for its steps, unless it is refused."""
        try:
            match work:
                case Count():
                    yield Counts(work.request_id, tuple(len(self._model.tokenize(text)) for text in work.texts))
                case Embed() | Rank() if not work.texts:
                    yield Reading(work, []).result()
                case Embed() | Rank():
                    self._take_texts(work)
                case Generate():
                    yield from self._take_prompt(self._with_adapter(work))
        except RefusalError as refusal:
            yield Failed(work.request_id, str(refusal), too_long=refusal.too_long)

    def plan(self) -> Plan:
        """The next step; empty when there is nothing to do."""
        self._scheduler.stride = self._model.stride.size()
        self._scheduler.admit()
        for request_id, slot, prefix in self._scheduler.restorable():
            worked = self._model.restore(slot, self._prefixes[prefix])
            self._prefixes.move_to_end(prefix)
            self._scheduler.restored(request_id, worked=worked)
            answer = self._answers[request_id]
            if worked and not answer.read and answer.prefix is not None:
                answer.read = answer.cached = len(answer.prefix[1])
        most = self._model.report.lookup
        return self._scheduler.plan(
            {name: count for name, answer in self._answers.items() if (count := answer.look_ahead(most))}
        )

    def run(self, plan: Plan) -> Iterator[Event]:
        """Carries the step out: a token for each who writes, a piece of a prompt read, or a few whole texts."""
        for freed in plan.preempted:
            self._model.clear(freed.slot)
        if plan.embeds:
            yield from self._read(self._readings[plan.embeds])
        elif plan.slices:
            yield from self._generate(plan)

    def beginning(self, plan: Plan) -> Iterator[Event]:
        """Whose first step this one is."""
        for request_id in plan.request_ids:
            answer = self._answers.get(request_id)
            if answer is not None and not answer.started:
                answer.begin()
                yield Progress(request_id, 0)
        if plan.embeds and not self._readings[plan.embeds].made:
            yield Progress(plan.embeds, 0)

    def release(self, request_id: str) -> Finished:
        """Forgets a request and all it left in the model's memory."""
        self._readings.pop(request_id, None)
        self._clear(self._scheduler.finish(request_id))
        answer = self._answers.pop(request_id, None)
        if answer is None:
            return Finished(request_id, "cancelled")
        self._model.close_sampler(answer.sampler)
        self._let_loras_go()
        return answer.finished("cancelled")

    def _with_adapter(self, request: Generate) -> Generate:
        """The request with the key of its adapter in place of the name, which may mean another one before it ends."""
        key = self._loras.key_of(request.lora)
        if key is None:
            raise RefusalError(f"There is no LoRA adapter named {request.lora}.")
        return replace(request, lora=key)

    def _let_loras_go(self) -> None:
        """Frees adapters that nobody can ask for and nobody uses, and all that was computed with them."""
        for key in self._loras.let_go({answer.request.lora for answer in self._answers.values()}):
            for prefix in [one for one in self._prefixes if one[0] == key]:
                del self._prefixes[prefix]
                self._scheduler.forget(prefix)

    def _take_prompt(self, request: Generate) -> Iterator[Event]:
        if self._model.spec.embedding:
            raise RefusalError("This model embeds texts; it does not write answers.")
        static, rest = request.segments[: request.static_segments], request.segments[request.static_segments :]
        shared = self._model.tokenize_segments(static, begin=True) if static else []
        tokens = shared + self._model.tokenize_segments(rest, begin=not static)
        if not tokens:
            raise RefusalError("The prompt is empty.")
        if len(tokens) + request.max_tokens > self._model.report.n_ctx:
            raise RefusalError(
                f"The prompt has {len(tokens)} tokens and the answer may have {request.max_tokens}; "
                f"together that is more than the {self._model.report.n_ctx} this model can hold.",
                too_long=True,
            )
        if request.max_tokens < 1:
            yield Finished(request.request_id, "length")
            return
        try:
            sampler = self._model.open_sampler(request)
        except ValueError as error:
            raise RefusalError(str(error)) from error
        prefix = (request.lora, tuple(shared)) if 0 < len(shared) < len(tokens) else None
        lookup = Lookup(tokens) if self._model.report.lookup else None
        self._answers[request.request_id] = Answer(
            request, tokens, len(tokens), sampler, StopFilter(request.stop), prefix, lookup
        )
        self._scheduler.add(
            Ask(request.request_id, len(tokens), request.max_tokens, request.lora, prefix, len(shared), request.alone)
        )

    def _take_texts(self, work: Embed | Rank) -> None:
        if not self._model.spec.embedding:
            raise RefusalError("This model writes answers; it was not loaded to read texts.")
        if isinstance(work, Rank) is not (self._model.spec.pooling == "rank"):
            raise RefusalError("This model was loaded either to embed texts or to rank them, not for the other.")
        if isinstance(work, Rank):
            tokens = [self._model.tokenize_pair(work.query, text) for text in work.texts]
        else:
            tokens = [self._model.tokenize_whole(text) for text in work.texts]
        self._readings[work.request_id] = Reading(work, tokens)
        self._scheduler.add_embedding(work.request_id)

    def _generate(self, plan: Plan) -> Iterator[Event]:
        self._model.use_lora(self._loras.adapter(plan.adapter))
        runs = [self._run(one) for one in plan.slices]
        code = self._model.decode(runs)
        if code == NO_ROOM and (freed := self._scheduler.preempt()) is not None:
            self._clear(freed)
            return
        if code:
            yield from self._unread(plan, code)
            return
        self._scheduler.done(plan)
        place = -1
        for one, run in zip(plan.slices, runs, strict=True):
            place += len(run.tokens)
            yield from self._after(one, place)

    def _run(self, one: Slice) -> Run:
        answer = self._answers[one.request_id]
        own = answer.tokens[one.start : one.start + one.count - one.guesses]
        return Run(one.slot, one.start, (*own, *answer.guesses[: one.guesses]), one.ends and 1 + one.guesses)

    def _after(self, one: Slice, place: int) -> Iterator[Event]:
        """What follows from a slice that was read."""
        answer = self._answers[one.request_id]
        answer.read = max(answer.read, one.start + one.count - one.guesses)
        if one.saves:
            self._keep(answer.prefix, one.slot)
        if not one.ends or not answer.written:
            yield Progress(one.request_id, answer.read)
        if not one.ends:
            return
        guesses = answer.guesses[: one.guesses]
        answer.guessed += one.guesses
        for right in range(one.guesses + 1):
            token = self._model.sample(answer.sampler, place - one.guesses + right)
            is_right = right < one.guesses and token == guesses[right]
            answer.right += is_right
            ends = self._model.ends(token) and not answer.request.goes_on
            events = answer.write(None, b"") if ends else answer.write(token, self._model.piece(token))
            yield from events
            if events and isinstance(events[-1], Finished):
                self.release(one.request_id)
                return
            if not is_right:
                break
        self._scheduler.wrote(one.request_id, right)
        if answer.lookup is not None:
            answer.lookup.proved(one.guesses, right)
        if right < one.guesses:
            self._model.cut(one.slot, one.start + 1 + right)

    def _keep(self, prefix: Any, slot: int) -> None:
        """Copies a prefix out of the sequence that holds exactly it."""
        state = self._model.save(slot)
        if state is None:
            self._scheduler.forget(prefix)
            return
        self._prefixes[prefix] = state
        self._scheduler.know(prefix)
        while len(self._prefixes) > MOST_PREFIXES:
            oldest, _ = self._prefixes.popitem(last=False)
            self._scheduler.forget(oldest)

    def _unread(self, plan: Plan, code: int) -> Iterator[Event]:
        """Ends all that shared a step which llama.cpp could not carry out."""
        tokens = sum(one.count for one in plan.slices)
        for request_id in plan.request_ids:
            self.release(request_id)
            yield Failed(request_id, f"The model could not read {tokens} tokens (llama.cpp returned {code}).")

    def _read(self, reading: Reading) -> Iterator[Event]:
        """A few texts a step: whoever asks next need not wait until a long list is done."""
        request_id, texts = reading.work.request_id, reading.next(self._model.together)
        try:
            reading.made += self._model.scores(texts) if isinstance(reading.work, Rank) else self._model.vectors(texts)
        except ValueError as error:
            self.release(request_id)
            yield Failed(request_id, f"The model could not read a text: {error}.")
            return
        yield Progress(request_id, len(reading.made))
        if reading.is_done:
            yield reading.result()
            self.release(request_id)

    def _clear(self, freed: Freed | None) -> None:
        if freed is not None:
            self._model.clear(freed.slot)
