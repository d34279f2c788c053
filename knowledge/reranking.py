"""Asks a reranker about the best units. Whatever becomes of it, the search goes on: the order without it stands."""

import asyncio
import math
from collections.abc import Sequence

import structlog

from knowledge.ports import Reranker

log = structlog.get_logger()

CANDIDATES = 20
# A search takes a tenth of it, and the asker waits for both.
DEADLINE_SECONDS = 2.0
# One that failed or was late would most likely be so again at the next question.
REST_SECONDS = 30.0


class Reranking:
    """A reranker at work in a search. `left_out`: how many searches went without it, for it failed or was late.

    `candidates`: how many of the best units it reads. `deadline_seconds` None: it is waited for.
    """

    def __init__(
        self,
        model: Reranker,
        *,
        candidates: int = CANDIDATES,
        deadline_seconds: float | None = DEADLINE_SECONDS,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self.name = model.name
        self.candidates = candidates
        self.left_out = 0
        self.model = model
        self._deadline_seconds = deadline_seconds
        self._rest_seconds = rest_seconds
        self._rests_until = -math.inf

    async def relevance(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question, more is better; none at all when the model failed or was late."""
        clock = asyncio.get_running_loop().time
        if not texts:
            return []
        if clock() < self._rests_until:
            self.left_out += 1
            return []
        try:
            async with asyncio.timeout(self._deadline_seconds):
                scores = await self.model.relevance(query, texts)
        except Exception as error:  # noqa: BLE001  # whatever it was, it must not cost the answer
            return self._leave_out(type(error).__name__, clock())
        if len(scores) != len(texts) or not all(map(math.isfinite, scores)):
            return self._leave_out("not_a_number_for_each", clock())
        return scores

    def _leave_out(self, why: str, now: float) -> list[float]:
        log.warning("reranker_left_out", error=why, left_out_count=self.left_out + 1)
        self.left_out += 1
        self._rests_until = now + self._rest_seconds
        return []
