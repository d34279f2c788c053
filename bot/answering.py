"""From a kept question to one visible answer: claim, wait for a turn, generate, show, settle.

Whatever goes wrong, the asker hears of it. Only a process that still holds the question's lease shows anything.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol, cast

import structlog

from bot.admission import message_key
from bot.conversation import Answer, AnswerEvent, Fragment, Outcome, Question, Request
from bot.errors import AnswerFailed, BotError, KnowledgeDown, QueueFull, RateLimited
from bot.outbox import Claimed, Outbox
from bot.ports import Platform, RateLimiter, ReplyLost
from bot.queue import FairQueue
from bot.requests import ASKED
from bot.shown import LeaseLost, Shown
from bot.thread_context import is_kept
from bot.timing import every, until_back
from bot.worker_pool import MOST_CLAIMS, WorkerPool, longest_pause
from knowledge.errors import KnowledgeUnavailable, SourceUnavailable

log = structlog.get_logger()

# More than the queue holds, so that the queue refuses what is too much and nobody waits unseen before it.
WORKERS = 96
RETRY_SECONDS = (5.0, 30.0)
# Whoever asked longer ago has gone on; a platform that is away for less still gets the answer.
PATIENCE_SECONDS = 900.0
SWEEP_SECONDS = 3600.0
# Of the fair queue's counter, in tokens: reading is cheaper than writing. Source: the weights 1 and 2 of its paper.
READING_COST = 500.0
WRITING_WEIGHT = 2.0

FAILED = "failed"
LOST = "lost"


class Answerer(Protocol):
    """What answers a request; `bot.assistant` does."""

    def respond(self, request: Request, question: Question) -> AsyncIterator[AnswerEvent]:
        """Fragments, then exactly one `Answer`. Errors: `BotError`, whose sentence the asker sees."""
        ...

    async def knows_more_privately(self, request: Request, question: Question, answer: Answer) -> bool:
        """True when the asker alone would get a clearly better answer than everybody who saw this one."""
        ...


class Answering:
    """Answers what is in the outbox. Several processes may run one each."""

    def __init__(
        self,
        outbox: Outbox,
        assistant: Answerer,
        queue: FairQueue,
        platforms: Mapping[str, Platform],
        limiter: RateLimiter,
        *,
        workers: int = WORKERS,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._outbox = outbox
        self._assistant = assistant
        self._queue = queue
        self._platforms = dict(platforms)
        self._limiter = limiter
        self._retry_seconds = tuple(retry_seconds)
        self._patience_seconds = patience_seconds
        self._pool = WorkerPool(
            claim=lambda limit: outbox.claim(list(self._platforms), limit),
            renew=lambda claimed: outbox.renew(claimed.request.answer_id, claimed.fence),
            release=self._release,
            perform=self._perform,
            workers=workers,
            lease_seconds=outbox.lease_seconds,
        )

    def wake(self) -> None:
        """A question was put into the outbox."""
        self._pool.wake()

    async def run(self) -> None:
        """Answers for ever. Cancelled, it gives back what is unfinished, to be resumed at once by the next to run."""
        async with every(SWEEP_SECONDS, self._outbox.sweep):
            await self._pool.run()

    async def _release(self, unfinished: Sequence[Claimed]) -> None:
        for claimed in unfinished:
            await self._outbox.release(claimed.request.answer_id, claimed.fence)

    async def _perform(self, claimed: Claimed) -> None:
        request = claimed.request
        platform = self._platforms[request.channel.platform]
        try:
            too_much = await self._too_much(claimed)
            if too_much is not None and not too_much.is_first and not request.awaited:
                log.info("question_left_out", answer_id=request.answer_id)
                await self._settle(claimed, Outcome.REFUSED_LIMIT, claimed.places)
                return
            reply = await platform.reply_to(request, claimed.places, resumed=claimed.fence > 1)
            answered = await self._answer(platform, claimed, Shown(reply, self._outbox, claimed), too_much)
        except LeaseLost:
            log.info("answer_superseded", answer_id=request.answer_id)
        except ReplyLost:
            log.info("answer_lost", answer_id=request.answer_id)
            await self._settle(claimed, LOST, claimed.places)
        except (SourceUnavailable, KnowledgeUnavailable) as error:  # not even that can be told
            log.warning("reply_waits", answer_id=request.answer_id, error=type(error).__name__)
            await self._wait_until_it_is_back(claimed, longest_pause(error))
        except Exception as error:  # nobody could be told, not even that it failed
            log.warning("reply_failed", answer_id=request.answer_id, attempt=claimed.tries, exc_info=error)
            await self._try_again(claimed)
        else:
            if answered is not None:
                await self._afterwards(platform, request, *answered)

    async def _too_much(self, claimed: Claimed) -> RateLimited | None:
        """Whether the question passes a limit. It counts once: one that is taken up again was let through before."""
        if claimed.fence > 1:
            return None
        try:
            await self._limiter.hit(claimed.request.asker, claimed.request.channel)
        except RateLimited as error:
            return error
        return None

    async def _answer(
        self, platform: Platform, claimed: Claimed, shown: Shown, too_much: RateLimited | None
    ) -> tuple[Question, Answer] | None:
        """Shows an answer and settles the question; or what went wrong, and then returns None."""
        try:
            if too_much is not None:
                raise too_much  # noqa: TRY301 - told as any other failure
            if claimed.tries > MOST_CLAIMS:
                raise AnswerFailed  # noqa: TRY301 - each process that took it up died of it
            question, answer = await self._generated(platform, claimed.request, shown)
            await shown.finish(answer)
        except (ReplyLost, LeaseLost):
            raise
        except Exception as error:  # the asker must hear of it, whatever it was
            outcome, sentence = _failure(error)
            log.warning("answer_failed", answer_id=claimed.request.answer_id, outcome=outcome, exc_info=error)
            await shown.fail(sentence)
            await self._settle(claimed, outcome, shown.places)
            return None
        log.info("answer_shown", answer_id=claimed.request.answer_id, outcome=answer.outcome)
        settled = await self._settle(claimed, answer.outcome, shown.places, _sources(answer))
        return (question, answer) if settled else None

    async def _generated(self, platform: Platform, request: Request, shown: Shown) -> tuple[Question, Answer]:
        asker: Hashable = request.asker or request.channel
        came_at = time.monotonic()
        async with self._queue.turn(asker, cost=READING_COST, on_place=shown.waiting):
            queued_ms = (time.monotonic() - came_at) * 1000
            question = await platform.question(request)
            if await self._is_to_be_forgotten(request):
                question = replace(question, conversation="")
            text, answer = "", None
            async with aclosing(_generator(self._assistant.respond(request, question))) as events:
                async for event in events:
                    if isinstance(event, Fragment):
                        text += event.text
                        await shown.write(text)
                    else:
                        answer = event
            if answer is None:
                raise AnswerFailed
            self._queue.charge(asker, answer.tokens.new * WRITING_WEIGHT)
        return question, replace(answer, timings=replace(answer.timings, queue=queued_ms))

    async def _is_to_be_forgotten(self, request: Request) -> bool:
        return request.asker is not None and await self._outbox.has_opted_out(request.asker)

    async def _settle(
        self, claimed: Claimed, outcome: str, places: Sequence[str], sources: Sequence[tuple[int, int, int]] = ()
    ) -> bool:
        answer_id, fence = claimed.request.answer_id, claimed.fence
        return await until_back(lambda: self._outbox.posted(answer_id, fence, outcome, places, sources))

    async def _wait_until_it_is_back(self, claimed: Claimed, most_seconds: float) -> None:
        answer_id, fence = claimed.request.answer_id, claimed.fence
        if claimed.age_seconds > self._patience_seconds:
            await self._give_up(claimed)
        else:
            await until_back(lambda: self._outbox.postpone(answer_id, fence, most_seconds))

    async def _try_again(self, claimed: Claimed) -> None:
        answer_id, fence = claimed.request.answer_id, claimed.fence
        if claimed.tries > len(self._retry_seconds):
            await self._give_up(claimed)
            return
        pause = self._retry_seconds[claimed.tries - 1]
        await until_back(lambda: self._outbox.release(answer_id, fence, pause_seconds=pause))

    async def _give_up(self, claimed: Claimed) -> None:
        log.error("answer_given_up", answer_id=claimed.request.answer_id, attempt=claimed.tries)
        await self._settle(claimed, FAILED, claimed.places)

    async def _afterwards(self, platform: Platform, request: Request, question: Question, answer: Answer) -> None:
        """What is well done and not promised: its errors are logged only."""
        try:
            # A deletion looks for the answers to withdraw before or after this one became one of them. After: it finds
            # it. Before: this look finds the deletion.
            if await until_back(lambda: self._outbox.lost_source(request.answer_id)):
                kept = await self._outbox.get(request.answer_id)
                await platform.withdraw(request, kept.places if kept else ())
                await self._outbox.removed(request.answer_id)
                return
            is_public = not (request.private or request.direct or await self._is_to_be_forgotten(request))
            if is_public and await self._assistant.knows_more_privately(request, question, answer):
                await platform.offer_privately(request)
        except Exception as error:
            log.warning("afterthought_failed", answer_id=request.answer_id, exc_info=error)


def _sources(answer: Answer) -> list[tuple[int, int, int]]:
    """The kept messages an answer rests on. Those that it does not cite, but shows or repeats, count down from 0."""
    shown = [(citation.n, message_key(citation.line)) for citation in answer.citations if is_kept(citation.line)]
    uncited = [message_key(line) for line in answer.nearest if is_kept(line)]
    uncited += [key for key in answer.drawn_from if not key.startswith(ASKED)]
    numbered = [*shown, *((-n, key) for n, key in enumerate(uncited))]
    return [(n, int(message_pk), int(rev)) for n, key in numbered for message_pk, rev in [key.split(":")]]


def _failure(error: Exception) -> tuple[str, str]:
    """The outcome, and the sentence for the asker."""
    match error:
        case QueueFull() | RateLimited():
            return Outcome.REFUSED_LIMIT, error.sentence
        case BotError():
            return FAILED, error.sentence
        case KnowledgeUnavailable():
            return FAILED, KnowledgeDown().sentence
        case _:
            return FAILED, AnswerFailed().sentence


def _generator(events: AsyncIterator[AnswerEvent]) -> AsyncGenerator[AnswerEvent, None]:
    """It is one, though not declared so: closing it ends the generation behind it."""
    return cast("AsyncGenerator[AnswerEvent, None]", events)
