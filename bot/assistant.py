"""Assistant: answers questions, within what the audience may read now."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog
from langchain_core.runnables import Runnable

from bot.admission import message_key
from bot.chain import Asked, Parts, generator
from bot.conversation import Answer, AnswerEvent, Fragment, Outcome, PromptChoice, Question, Request, Task, Timings
from bot.errors import KnowledgeDown, KnowledgeRestored, QuestionEmpty, QuestionTooLong
from bot.plaintext import question_text
from bot.ports import Memory
from bot.requests import ASKED
from bot.sufficiency import Verdict
from bot.summarising import summary_events
from bot.telemetry import Stopwatch, question_logged
from bot.thread_context import is_kept
from knowledge.access import Access
from knowledge.digest import Digest
from knowledge.errors import KnowledgeUnavailable
from knowledge.freshness import Freshness
from knowledge.index import Index
from knowledge.quarantine import Quarantine
from knowledge.scope import Audience, Scope

log = structlog.get_logger()

# Nobody asks a question of several pages, and a model would read only its beginning.
MOST_CHARACTERS = 4_000
# What only the asker may read must be this much likelier to answer before it is offered.
CLEARLY_BETTER = 0.15
PARTLY_RESTORED = " Some channels were restored from a backup and are still being checked: ask again later."


@dataclass(frozen=True, slots=True)
class Assistant:
    """Answers questions. One instance serves all adapters."""

    access: Access
    freshness: Freshness
    index: Index
    memory: Memory
    parts: Parts
    digest: Digest
    quarantine: Quarantine
    chain: Runnable[Asked, AnswerEvent]
    model_name: str

    async def answer(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Fragments while the answer is written, then exactly one `Answer`.

        Closing the iterator stops the generation. Errors: `BotError`, whose sentence the asker sees.
        """
        watch = Stopwatch()
        refusal = _refusal(question)
        if refusal is not None:
            yield refusal
            return
        question = replace(question, text=question_text(question.text))

        def events(scope: Scope) -> AsyncIterator[AnswerEvent]:
            return self.chain.astream({"question": question, "scope": scope, "watch": watch})

        async with aclosing(self._checked(question, watch, events)) as checked:
            async for event in checked:
                yield event

    async def respond(self, request: Request, question: Question) -> AsyncIterator[AnswerEvent]:
        """What a request from a platform wants: an answer, a summary, or a sentence that refuses. As `answer`."""
        if request.task is Task.REFUSAL:
            yield Answer(text=request.text, outcome=Outcome.REFUSED_LIMIT, audience=question.audience)
            return
        if request.task is not Task.SUMMARY:
            stream = self.answer(question)
        else:
            stream = self._checked(
                question,
                Stopwatch(),
                lambda scope: summary_events(self.parts, self.digest, question, scope, request),
            )
        async with aclosing(generator(stream)) as events:
            async for event in events:
                yield event

    async def knows_more_privately(self, request: Request, question: Question, answer: Answer) -> bool:
        """Whether the asker alone would get a clearly better answer than everybody who saw this one.

        Looked up only after the answer, so that neither its text nor its time tells others that there is more.
        """
        if request.private or request.task is not Task.ANSWER or question.asker is None:
            return False
        if answer.outcome not in {Outcome.DECLINED, Outcome.ANSWERED_WITH_WARNING, Outcome.ANSWERED}:
            return False
        alone = replace(question, audience=Audience(person=question.asker))
        shared, own = await self._scope(question), await self._scope(alone)
        only_theirs = own.without(shared)
        if not only_theirs.channel_pks:
            return False
        test = self.parts.test
        query = question_text(question.text)
        hidden = await self.parts.search.passages(query, only_theirs, limit=3, asked_in=question.asked_in)
        if test.decide(query, hidden) is Verdict.DECLINE:
            return False
        seen = await self.parts.search.passages(query, shared, limit=3, asked_in=question.asked_in)
        return test.probability(query, hidden) >= test.probability(query, seen) + CLEARLY_BETTER

    async def reset(self, question: Question) -> int:
        """Forgets the conversation so far. Returns how many turns there were."""
        return await self.memory.reset(question)

    async def _checked(
        self, question: Question, watch: Stopwatch, events_in: Callable[[Scope], AsyncIterator[AnswerEvent]]
    ) -> AsyncGenerator[AnswerEvent, None]:
        """The events within the scope of now; the answer is checked once more before it goes out."""
        try:
            with question_logged(question.question_id):
                scope = await self._scope(question)
                if not scope.channel_pks and await self.quarantine.is_anything_closed():
                    raise KnowledgeRestored
                async with aclosing(generator(events_in(scope))) as events:
                    async for event in events:
                        if isinstance(event, Fragment):
                            yield event
                        else:
                            _log_prompt(event.prompt)
                            standing = await self._standing(event, question)
                            model = event.model or self.model_name
                            yield replace(standing, timings=_timings(event, watch), model=model)
        except KnowledgeUnavailable as error:
            raise KnowledgeDown from error

    async def _standing(self, answer: Answer, question: Question) -> Answer:
        """The answer, unless a message it rests on was changed, deleted or closed to this audience meanwhile."""
        scope = await self._scope(question)
        lines = [line for line in (*(one.line for one in answer.citations), *answer.nearest) if is_kept(line)]
        shown = {message_key(line) for line in lines}
        drawn = {key for key in answer.drawn_from if not key.startswith(ASKED)}
        fallen = (shown | drawn) - await self.index.still_true(scope.channel_pks, sorted(shown | drawn))
        cited = {message_key(citation.line) for citation in answer.citations}
        if fallen.isdisjoint(cited | drawn):
            nearest = tuple(line for line in answer.nearest if message_key(line) not in fallen)
            text = answer.text
            if answer.outcome is Outcome.DECLINED and await self.quarantine.is_anything_closed():
                text += PARTLY_RESTORED
            return replace(answer, text=text, nearest=nearest, scope_channels=scope.channel_names)
        return Answer(
            text="What I was about to say rests on something that has just been changed or removed. Please ask again.",
            outcome=Outcome.DECLINED,
            audience=answer.audience,
            scope_channels=scope.channel_names,
        )

    async def _scope(self, question: Question) -> Scope:
        """The scope as it is now: what it rests on is read again from the platform where it is not fresh."""
        await self.freshness.ensure(question.audience, question.asker)
        return await self.access.scope_for(question.audience, question.asker)


def _log_prompt(choice: PromptChoice | None) -> None:
    """How long the prompt was allowed to be, and why; sizes only."""
    if choice is not None:
        log.info(
            "prompt_fitted",
            state=choice.why,
            budget_tokens=choice.budget_tokens,
            passages=choice.passages_given,
            left_out_count=choice.passages_left_out,
            target_seconds=choice.target_s,
            token_ms=1000 / choice.prefill_tokens_per_s if choice.prefill_tokens_per_s else None,
        )


def _timings(answer: Answer, watch: Stopwatch) -> Timings:
    return replace(answer.timings, memory=watch.ms("memory"), retrieval=watch.ms("retrieval"), total=watch.total_ms)


def _refusal(question: Question) -> Answer | None:
    """An answer for what is no question: nothing in it, or far too much. Checked before anything is parsed."""
    if len(question.text) > MOST_CHARACTERS:
        return _without_sources(question.audience, QuestionTooLong(), Outcome.REFUSED_LIMIT)
    if not any(character.isalnum() for character in question_text(question.text)):
        return _without_sources(question.audience, QuestionEmpty(), Outcome.ASKED_BACK)
    return None


def _without_sources(audience: Audience, error: QuestionEmpty | QuestionTooLong, outcome: Outcome) -> Answer:
    return Answer(text=error.sentence, outcome=outcome, audience=audience)
