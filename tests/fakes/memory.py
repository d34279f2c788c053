"""Memory in this process: the port's semantics, without Redis."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from bot.conversation import Question, Turn
from bot.ports import MemoryUnavailable
from knowledge.scope import Audience

GONE_SECONDS = 600


class FakeMemory:
    """Turns in a dictionary. Set `is_away` to play an outage of the store."""

    def __init__(
        self,
        *,
        ttl_seconds: float = 3600,
        max_turns: int = 6,
        max_chars: int = 4000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ttl_seconds = ttl_seconds
        self.max_turns = max_turns
        self.max_chars = max_chars
        self.is_away = False
        self._clock = clock
        self._turns: dict[tuple[Audience, str], tuple[float, tuple[Turn, ...]]] = {}
        self._gone: dict[str, float] = {}

    async def recall(self, question: Question) -> tuple[Turn, ...]:
        return () if self.is_away or not question.conversation else self._kept(question)

    async def remember(self, question: Question, turn: Turn) -> None:
        if self.is_away or not question.conversation:
            return
        now = self._clock()
        if any(self._gone.get(key, now) > now for key in turn.message_keys):
            return
        turn = self._cut(turn)
        turns = (*(old for old in self._kept(question) if old != turn), turn)[-self.max_turns :]
        while sum(len(one.question) + len(one.answer) for one in turns) > self.max_chars:
            turns = turns[1:]
        self._turns[question.audience, question.conversation] = (now + self.ttl_seconds, turns)

    async def reset(self, question: Question) -> int:
        self._check()
        kept = self._kept(question)
        self._turns.pop((question.audience, question.conversation), None)
        return len(kept)

    async def forget_messages(self, message_keys: Collection[str]) -> int:
        self._check()
        keys = set(message_keys)
        self._gone |= dict.fromkeys(keys, self._clock() + GONE_SECONDS)
        dropped = 0
        for where, (expires, turns) in self._turns.items():
            kept = tuple(turn for turn in turns if keys.isdisjoint(turn.message_keys))
            dropped += len(turns) - len(kept)
            self._turns[where] = (expires, kept)
        return dropped

    async def forget_everything(self) -> None:
        self._check()
        self._turns.clear()

    def _kept(self, question: Question) -> tuple[Turn, ...]:
        expires, turns = self._turns.get((question.audience, question.conversation), (0.0, ()))
        return turns if expires > self._clock() else ()

    def _cut(self, turn: Turn) -> Turn:
        if len(turn.question) + len(turn.answer) <= self.max_chars:
            return turn
        question = _clip(turn.question, self.max_chars // 2)
        return replace(turn, question=question, answer=_clip(turn.answer, self.max_chars - len(question)))

    def _check(self) -> None:
        if self.is_away:
            raise MemoryUnavailable


def _clip(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: max(chars - 1, 0)] + "…"
