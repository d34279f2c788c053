"""A reranker that needs no weights: it says what `judge` says of a question and a text, and keeps what it was asked."""

import asyncio
from collections.abc import Callable, Sequence

from knowledge.errors import RerankerUnavailable


def shared_words(query: str, text: str) -> float:
    """How many of the question's words the text has."""
    return float(len(set(query.lower().split()) & set(text.lower().split())))


class FakeReranker:
    """Implements `knowledge.ports.Reranker`."""

    def __init__(self, judge: Callable[[str, str], float] = shared_words, name: str = "fake") -> None:
        self.name = name
        self.judge = judge
        self.is_away = False
        self.hangs = False
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    async def relevance(self, query: str, texts: Sequence[str]) -> list[float]:
        self.asked.append((query, tuple(texts)))
        if self.is_away:
            raise RerankerUnavailable("The reranker is away.")
        if self.hangs:
            await asyncio.Event().wait()
        return [self.judge(query, text) for text in texts]
