"""Assistant: the only object adapters hold. It answers questions, within what the audience may read."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace

from langchain_core.runnables import Runnable

from bot.chain import Asked, generator, message_key
from bot.conversation import Answer, AnswerEvent, Fragment, Outcome, Question, Timings
from bot.errors import KnowledgeDown, QuestionEmpty, QuestionTooLong
from bot.plaintext import question_text
from bot.ports import Memory
from bot.telemetry import Stopwatch, question_logged
from knowledge.access import Access
from knowledge.errors import KnowledgeUnavailable
from knowledge.index import Index
from knowledge.scope import Audience, Scope

# Nobody asks a question of several pages, and a model would read only its beginning.
MOST_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Assistant:
    """Answers questions. One instance serves all adapters."""

    access: Access
    index: Index
    memory: Memory
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
        try:
            with question_logged(question.question_id):
                scope = await self.access.scope_for(question.audience, question.asker)
                asked: Asked = {"question": question, "scope": scope, "watch": watch}
                async with aclosing(generator(self.chain.astream(asked))) as events:
                    async for event in events:
                        if isinstance(event, Fragment):
                            yield event
                        else:
                            standing = await self._standing(event, question)
                            model = event.model or self.model_name
                            yield replace(standing, timings=_timings(event, watch), model=model)
        except KnowledgeUnavailable as error:
            raise KnowledgeDown from error

    async def reset(self, question: Question) -> int:
        """Forgets the conversation so far. Returns how many turns there were."""
        return await self.memory.reset(question)

    async def _standing(self, answer: Answer, question: Question) -> Answer:
        """The answer, unless a message it cites was changed, deleted or closed to this audience meanwhile."""
        scope: Scope = await self.access.scope_for(question.audience, question.asker)
        lines = [*(citation.line for citation in answer.citations), *answer.nearest]
        standing = await self.index.still_true(scope.channel_pks, [message_key(line) for line in lines])
        if all(message_key(citation.line) in standing for citation in answer.citations):
            nearest = tuple(line for line in answer.nearest if message_key(line) in standing)
            return replace(answer, nearest=nearest, scope_channels=scope.channel_names)
        return Answer(
            text="What I was about to cite has just been changed or removed. Please ask again.",
            outcome=Outcome.DECLINED,
            audience=answer.audience,
            scope_channels=scope.channel_names,
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
