"""What one step does for one request. Knows the loaded model only through `LoadedModel`.

Between two requests nothing of the first stays in the model's memory, except the beginning of the
prompt that is the same for everybody, and that only while it is the same, token for token.
"""

import codecs
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bot.generation.sequence import (
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
from bot.generation.stops import StopFilter

Reason = Literal["stop", "length", "cancelled"]


class LoadedModel(Protocol):
    """What a step asks of the model; `runner.Model` is the real one."""

    spec: ModelSpec
    report: Report
    batch: int

    def tokenize(self, text: str) -> list[int]:
        """Token ids of plain text."""

    def tokenize_segments(self, segments: Sequence[Segment], *, begin: bool) -> list[int]:
        """Token ids of a prompt; control tokens come from control pieces only."""

    def tokenize_whole(self, text: str) -> list[int]:
        """Token ids of a text to embed, with begin and end, cut to the context."""

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; a character may take several tokens."""

    def use_lora(self, name: str) -> bool:
        """Switches the adapter; False when there is none of that name."""

    def decode(self, tokens: list[int]) -> int:
        """Reads tokens behind what is in memory; 0 when that worked."""

    def trim(self, keep: int) -> bool:
        """Forgets all but the first `keep` tokens; False when even those had to go."""

    def vector(self, tokens: list[int]) -> tuple[float, ...]:
        """The unit vector of one text; ValueError when it cannot be read."""

    def open_sampler(self, request: Generate) -> Any:
        """How the next token is chosen."""

    def close_sampler(self, sampler: Any) -> None:
        """Gives a sampler back."""

    def sample(self, sampler: Any) -> int:
        """The next token, or -1 at the end of the answer."""


class RefusalError(Exception):
    """The request cannot be carried out; the sentence says why."""

    def __init__(self, sentence: str, *, too_long: bool = False) -> None:
        super().__init__(sentence)
        self.too_long = too_long


@dataclass(slots=True)
class Answer:
    """An answer being written. `shared` tokens at the front are the prompt's static beginning."""

    request: Generate
    tokens: list[int]
    shared: int
    sampler: Any
    stops: StopFilter
    characters: codecs.IncrementalDecoder
    read: int
    cached: int
    written: int = 0
    last: int = -1
    prefill_ms: float = 0.0
    generation_ms: float = 0.0


class Steps:
    """Carries requests out step by step; `release` ends one, finished or not."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._answers: dict[str, Answer] = {}
        self._vectors: dict[str, list[tuple[float, ...]]] = {}
        self._kept: tuple[str, list[int]] = ("", [])

    def step(self, work: Work) -> Iterator[Event]:
        """A chunk of a prompt read, one token written, or one text embedded.

        The last event of a request is Finished, Vectors, Counts or Failed.
        """
        try:
            match work:
                case Count():
                    yield Counts(work.request_id, tuple(len(self._model.tokenize(text)) for text in work.texts))
                case Embed():
                    yield from self._embed(work)
                case Generate():
                    yield from self._generate(work)
        except RefusalError as refusal:
            yield Failed(work.request_id, str(refusal), too_long=refusal.too_long)

    def release(self, request_id: str) -> Finished:
        """Forgets a request and all it left in the model's memory, except the prompt's static beginning."""
        self._vectors.pop(request_id, None)
        answer = self._answers.pop(request_id, None)
        if answer is None:
            return Finished(request_id, "cancelled")
        self._model.close_sampler(answer.sampler)
        keep = answer.shared if answer.read >= answer.shared else 0
        kept = self._model.trim(keep)
        self._kept = (answer.request.lora, answer.tokens[:keep] if kept else [])
        return _finished(answer, "cancelled")

    def _begin(self, request: Generate) -> Answer:
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
        if not self._model.use_lora(request.lora):
            raise RefusalError(f"There is no LoRA adapter named {request.lora}.")
        same = bool(shared) and self._kept == (request.lora, shared) and len(tokens) > len(shared)
        if not same:
            self._model.trim(0)
        self._kept = ("", [])
        cached = len(shared) if same else 0
        answer = Answer(
            request,
            tokens,
            len(shared),
            self._model.open_sampler(request),
            StopFilter(request.stop),
            codecs.getincrementaldecoder("utf-8")("replace"),
            read=cached,
            cached=cached,
        )
        self._answers[request.request_id] = answer
        return answer

    def _generate(self, request: Generate) -> Iterator[Event]:
        answer = self._answers.get(request.request_id) or self._begin(request)
        started = time.perf_counter()
        if answer.read < len(answer.tokens):
            chunk = answer.tokens[answer.read : answer.read + self._model.batch]
            self._read(chunk)
            answer.read += len(chunk)
            answer.prefill_ms += (time.perf_counter() - started) * 1000
            yield Progress(request.request_id, answer.read)
            if answer.read < len(answer.tokens):
                return
        else:
            self._read([answer.last])
            answer.generation_ms += (time.perf_counter() - started) * 1000
        yield from self._write(answer)

    def _write(self, answer: Answer) -> Iterator[Event]:
        """Chooses the next token and emits what may be shown of it."""
        answer.last = self._model.sample(answer.sampler)
        ended = answer.last < 0
        text = ""
        if not ended:
            answer.written += 1
            text = answer.stops.push(answer.characters.decode(self._model.piece(answer.last)))
        reason: Reason | None = "stop" if ended or answer.stops.stopped else None
        if reason is None and answer.written >= answer.request.max_tokens:
            reason = "length"
        if reason is not None:
            text += answer.stops.flush()
        if text:
            yield Piece(answer.request.request_id, text)
        if reason is not None:
            yield _finished(answer, reason)

    def _embed(self, work: Embed) -> Iterator[Event]:
        """One text a step: several at once were slower on a processor, and nobody waits behind a long list."""
        if not self._model.spec.embedding:
            raise RefusalError("This model writes answers; it was not loaded to embed texts.")
        vectors = self._vectors.setdefault(work.request_id, [])
        if len(vectors) < len(work.texts):
            try:
                vectors.append(self._model.vector(self._model.tokenize_whole(work.texts[len(vectors)])))
            except ValueError as error:
                raise RefusalError(f"The model could not embed a text: {error}.") from error
            yield Progress(work.request_id, len(vectors))
        if len(vectors) == len(work.texts):
            yield Vectors(work.request_id, tuple(vectors))

    def _read(self, tokens: list[int]) -> None:
        if code := self._model.decode(tokens):
            raise RefusalError(f"The model could not read {len(tokens)} tokens (llama.cpp returned {code}).")


def _finished(answer: Answer, reason: Reason) -> Finished:
    return Finished(
        answer.request.request_id,
        reason,
        prompt_tokens=answer.read,
        cached_tokens=answer.cached,
        new_tokens=answer.written,
        prefill_ms=round(answer.prefill_ms, 2),
        generation_ms=round(answer.generation_ms, 2),
    )
