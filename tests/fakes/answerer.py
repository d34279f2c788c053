"""What answers, without a chain or a model: it repeats the question, and counts what it was asked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from bot.conversation import Answer, AnswerEvent, Fragment, Outcome, Question, Request, TokenCounts
from knowledge.scope import Audience


def answer_to(text: str, **more) -> Answer:
    return replace(Answer(f"You asked: {text}", Outcome.ANSWERED, tokens=TokenCounts(new=10)), **more)


class FakeAnswerer:
    """`make` turns a request into its answer, or raises. `stopped` counts generations cut short."""

    def __init__(self, make: Callable[[Request], Answer] | None = None, *, delay_seconds: float = 0.0) -> None:
        self.make = make or (lambda request: answer_to(request.text, audience=Audience(channel=request.channel)))
        self.delay_seconds = delay_seconds
        self.generations: Counter[str] = Counter()
        self.now = self.most = self.stopped = 0
        self.order: list[str] = []
        self.has_more_privately = False

    async def respond(self, request: Request, question: Question) -> AsyncIterator[AnswerEvent]:
        self.generations[request.answer_id] += 1
        self.order.append(request.answer_id)
        self.now += 1
        self.most = max(self.most, self.now)
        is_whole = False
        try:
            await asyncio.sleep(self.delay_seconds)
            answer = self.make(request)
            for word in answer.text.split(" "):
                await asyncio.sleep(self.delay_seconds / 5)
                yield Fragment(f"{word} ")
            is_whole = True
        finally:
            self.now -= 1
            self.stopped += not is_whole
        yield answer

    async def knows_more_privately(self, request: Request, question: Question, answer: Answer) -> bool:
        return self.has_more_privately
