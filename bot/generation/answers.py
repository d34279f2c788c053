"""One answer as it is written: tokens in, text out. Knows no model."""

import codecs
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.generation.lookup import Lookup
from bot.generation.sequence import Event, Finished, Generate, Piece
from bot.generation.stops import StopFilter

Reason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens of one sequence, in a row from `start` on. The model is to choose what follows each of the last `ends`."""

    sequence: int
    start: int
    tokens: tuple[int, ...]
    ends: int


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


@dataclass(slots=True)
class Answer:
    """`tokens`: the prompt's, and those written behind it. `prompt` of them are the asker's, `read` are in a sequence.

    `cached`: so many did not have to be computed for this one. `lookup`: where to look for what it may repeat, if it is
    to be looked for; of `guessed` tokens `right` ones were written.
    """

    request: Generate
    tokens: list[int]
    prompt: int
    sampler: Any
    stops: StopFilter
    prefix: tuple[str, tuple[int, ...]] | None = None
    lookup: Lookup | None = None
    guesses: tuple[int, ...] = ()
    guessed: int = 0
    right: int = 0
    characters: codecs.IncrementalDecoder = field(default_factory=_decoder)
    read: int = 0
    cached: int = 0
    written: int = 0
    started: float = 0.0
    first: float = 0.0

    def begin(self) -> None:
        """Its first step begins now."""
        self.started = time.perf_counter()

    def look_ahead(self, most: int) -> int:
        """Guesses what comes next, once it writes; returns how many tokens that is."""
        self.guesses = self.lookup.guess(most) if self.lookup is not None and self.written else ()
        return len(self.guesses)

    def write(self, token: int | None, piece: bytes) -> list[Event]:
        """Takes the token that the model chose, None at the end; returns what to show, and the end if this is it."""
        if not self.first:
            self.first = time.perf_counter()
        text = ""
        if token is not None:
            self.tokens.append(token)
            self.written += 1
            text = self.stops.push(self.characters.decode(piece))
        reason: Reason | None = "stop" if token is None or self.stops.stopped else None
        if reason is None and self.written >= self.request.max_tokens:
            reason = "length"
        if reason is not None:
            text += self.stops.flush()
        shown: list[Event] = [Piece(self.request.request_id, text)] if text else []
        return [*shown, self.finished(reason)] if reason is not None else shown

    def finished(self, reason: Reason) -> Finished:
        """How it ended, and what it took."""
        now = time.perf_counter()
        began, first = self.started or now, self.first or now
        return Finished(
            self.request.request_id,
            reason,
            prompt_tokens=min(self.read, self.prompt),
            cached_tokens=self.cached,
            new_tokens=self.written,
            prefill_ms=round((first - began) * 1000, 2),
            generation_ms=round((now - first) * 1000, 2),
            guessed_tokens=self.guessed,
            right_tokens=self.right,
        )
