"""answer_chain: recall, understand, retrieve, decide, prompt, generate, cite, remember, as LangChain runnables."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypedDict, TypeVar, cast

import structlog
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda, RunnablePassthrough

from bot import citations, prompts, quoting
from bot.admission import admitted_passages, message_key
from bot.conversation import (
    Answer,
    AnswerEvent,
    Citation,
    Fragment,
    Outcome,
    PromptChoice,
    Question,
    Timings,
    TokenCounts,
    Turn,
)
from bot.errors import ModelUnavailable, PromptQuarantined, QuestionTooLong
from bot.generation.pace import Budget
from bot.plaintext import harmless, neutralise
from bot.ports import Memory
from bot.provenance import drawn_from
from bot.requests import ASKED, asked_key
from bot.sufficiency import Sufficiency, Verdict
from bot.telemetry import Stopwatch
from bot.thread_context import is_kept, with_thread, without
from bot.unclear import NAMELESS, asked_back
from knowledge.followup import Exchange, sought
from knowledge.index import Index
from knowledge.passages import Line, Passage
from knowledge.retriever import ScopedRetriever, Search, passage_of
from knowledge.scope import Scope

T = TypeVar("T")

log = structlog.get_logger()

NEAREST = 3
MODEL_AWAY = "The language model is not available right now. These messages come closest:"
QUARANTINED = "The language model broke down twice over this question and will not get it again."
CLOSEST = "These messages come closest:"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a prompt may hold: its length, known once the model runs, and its passages."""

    budget: Callable[[], Awaitable[Budget]]
    passages: int


class Asked(TypedDict, total=False):
    """What flows through the chain; each step adds its key."""

    question: Question
    scope: Scope
    watch: Stopwatch
    turns: tuple[Turn, ...]
    earlier: tuple[Exchange, ...]
    passages: list[Passage]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Parts:
    """What the chain is made of.

    `guarded` False lets words through as they are, into the prompt and out of the model, and checks none against its
    sources: so `threadlore eval injection` measures what the guard costs. No setting reaches it, and nothing else may.
    """

    memory: Memory
    search: Search
    index: Index
    model: BaseChatModel
    count: prompts.Count
    test: Sufficiency
    limits: Limits
    quotes_first: Callable[[], Awaitable[bool]]
    guarded: bool = True


def answer_chain(parts: Parts) -> Runnable[Asked, AnswerEvent]:
    """From a question and its scope to fragments and one answer. The scope is decided before this begins."""

    async def recall(asked: Asked) -> tuple[Turn, ...]:
        with asked["watch"].step("memory"):
            turns = await parts.memory.recall(asked["question"])
            return await _still_readable(parts.index, asked["scope"], turns)

    async def understand(asked: Asked) -> tuple[Exchange, ...]:
        return tuple(Exchange(turn.question, turn.answer) for turn in asked["turns"])

    async def retrieve(asked: Asked) -> list[Passage]:
        with asked["watch"].step("retrieval"):
            asked_in = asked["question"].asked_in
            retriever = ScopedRetriever(
                search=parts.search,
                scope=asked["scope"],
                limit=parts.limits.passages,
                earlier=asked["earlier"],
                asked_in=asked_in,
            )
            text = asked["question"].text
            found = [passage_of(document) for document in await retriever.ainvoke(text)]
            others = without(found, asked_in)
            said = await parts.index.stored(asked["scope"].channel_pks, asked["question"].thread)
            found = with_thread(others, said, sought(text, asked["earlier"]).texts[-1])
            return await admitted_passages(
                parts.index, asked["scope"], found, {line.ref for line in asked["question"].thread}
            )

    async def judge(asked: Asked) -> Verdict:
        question = asked["question"]
        if not asked["turns"] and not question.thread and asked_back(question.text):
            return Verdict.ASK_BACK
        return parts.test.decide(question.text, asked["passages"])

    prepare = (
        _adding("turns", recall)
        | _adding("earlier", understand)
        | _adding("passages", retrieve)
        | _adding("verdict", judge)
    )

    async def respond(questions: AsyncIterator[Any]) -> AsyncIterator[AnswerEvent]:
        asked: Asked = {}
        async for question in questions:
            asked |= question
        # Invoked, not streamed: a step that streams is begun before the one ahead of it has ended, or failed.
        asked = await prepare.ainvoke(asked)
        async with aclosing(_respond(parts, asked)) as events:
            async for event in events:
                yield event

    return RunnableGenerator(respond)


def _adding(key: str, step: Callable[[Asked], Any]) -> Runnable[Any, Any]:
    """A step of the chain: everything known so far passes through, and one key is added."""
    return RunnablePassthrough.assign(**{key: RunnableLambda(cast("Callable[[Any], Any]", step))})


async def _respond(parts: Parts, asked: Asked) -> AsyncGenerator[AnswerEvent, None]:
    if asked["verdict"] is Verdict.DECLINE:
        yield _declined(asked, await parts.index.being_read(asked["scope"].channel_pks))
        return
    if asked["verdict"] is Verdict.ASK_BACK:
        answer = _answer(asked, asked_back(asked["question"].text) or NAMELESS, Outcome.ASKED_BACK, ())
        # What is said next may be no more than a name: it borrows the words of this question.
        await parts.memory.remember(asked["question"], turn_of(asked["question"], answer))
        yield answer
        return
    try:
        async with aclosing(_generate(parts, asked)) as events:
            async for event in events:
                if isinstance(event, Answer):
                    await parts.memory.remember(asked["question"], turn_of(asked["question"], event))
                yield event
    except (ModelUnavailable, QuestionTooLong) as error:
        log.warning("model_away", error=type(error).__name__)
        yield _without_model(asked, f"{QUARANTINED} {CLOSEST}" if isinstance(error, PromptQuarantined) else MODEL_AWAY)


async def _generate(parts: Parts, asked: Asked) -> AsyncGenerator[AnswerEvent, None]:
    prompt, choice = await _prompt(parts, asked, share=1)
    quotes_first = await parts.quotes_first()
    quotation, found = quoting.quoted(quoting.best_lines(prompt.sources), asked["question"].text)
    if quotes_first:
        yield Fragment(f"{quotation}\n")
    words, usage = Words(), Usage()
    try:
        async with aclosing(_pieces(parts, asked, prompt, words, usage)) as pieces:
            async for piece in pieces:
                if not quotes_first:
                    yield piece
    except QuestionTooLong:  # nothing was told yet; the model has a shorter context now, or counts otherwise
        prompt, choice = await _prompt(parts, asked, share=2)
        async with aclosing(_pieces(parts, asked, prompt, words, usage)) as pieces:
            async for piece in pieces:
                if not quotes_first:
                    yield piece
    sources = prompt.sources
    if not parts.guarded:
        quotes = found if quotes_first else ()
        text = f"{quotation}\n{words.everything}" if quotes_first else words.everything
        answer = _answer(asked, text, _outcome(asked), quotes)
    elif quotes_first:
        text, found = quoting.with_sentences(quotation, found, harmless(words.everything), sources)
        answer = _answer(asked, text, _outcome(asked), found)
    else:
        if rest := words.rest():
            yield Fragment(rest)
        answer = _cited(asked, harmless(words.everything), sources)
    drawn = drawn_from(answer, asked["question"].text, sources, prompt.turns)
    yield replace(
        answer, drawn_from=drawn, prompt=choice, tokens=usage.tokens, model=usage.model, timings=usage.timings
    )


async def _prompt(parts: Parts, asked: Asked, *, share: int) -> tuple[prompts.Prompt, PromptChoice]:
    """The prompt for what is asked, in one part of so many of the room there is."""
    budget = await parts.limits.budget()
    if share > 1:
        budget = replace(budget, tokens=budget.tokens // share, why="context")
    passages, made = asked["passages"], neutralise if parts.guarded else str
    prompt = await prompts.fitted(passages, asked["question"], asked["turns"], budget.tokens, parts.count, made=made)
    return prompt, _choice(budget, passages, prompt.sources)


def _choice(budget: Budget, passages: Sequence[Passage], sources: Sequence[Line]) -> PromptChoice:
    """What became of the passages: one of which any line is in the prompt was given."""
    inside = {line.message_pk for line in sources}
    given = sum(any(line.message_pk in inside for line in passage.lines) for passage in passages)
    return PromptChoice(
        budget.tokens,
        given,
        len(passages) - given,
        budget.prefill_tokens_per_s,
        budget.decode_tokens_per_s,
        budget.target_seconds,
        budget.why,
    )


async def _pieces(
    parts: Parts, asked: Asked, prompt: prompts.Prompt, words: "Words", usage: "Usage"
) -> AsyncGenerator[Fragment, None]:
    """The model's words, as they become whole."""
    async with aclosing(generator(parts.model.astream(prompt.messages, **adapter_of(asked["question"])))) as chunks:
        async for chunk in chunks:
            usage.read(chunk)
            if ready := words.add(str(chunk.text)):
                yield Fragment(ready)


def adapter_of(question: Question) -> dict[str, Any]:
    """What a call of the model says besides, so that it answers with the channel's LoRA adapter, if there is one."""
    return {"lora": question.adapter} if question.adapter else {}


def _without_model(asked: Asked, why: str) -> Answer:
    """The messages that come closest, said to be no more than that: the model failed, the search did not."""
    lines = [line for passage in asked["passages"] for line in passage.lines]
    quotation, found = quoting.quoted(quoting.best_lines(lines), asked["question"].text)
    return _answer(asked, f"{why}\n{quotation}", Outcome.ANSWERED_WITH_WARNING, found)


def generator(stream: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """LangChain's streams are generators though they are not declared so: closing one ends the generation behind it."""
    return cast("AsyncGenerator[T, None]", stream)


def _cited(asked: Asked, text: str, sources: Sequence[Line]) -> Answer:
    """The answer with marks that resolve. Text that no source supports gives way to quotations."""
    cited = citations.resolve(text, sources)
    if not cited.citations:
        quotation, found = quoting.quoted(quoting.best_lines(sources), asked["question"].text)
        return _answer(asked, quotation, Outcome.ANSWERED_WITH_WARNING, found)
    outcome = Outcome.ANSWERED_WITH_WARNING if cited.unsupported else _outcome(asked)
    return _answer(asked, cited.text, outcome, cited.citations)


def _outcome(asked: Asked) -> Outcome:
    return Outcome.ANSWERED if asked["verdict"] is Verdict.ANSWER else Outcome.ANSWERED_WITH_WARNING


def _declined(asked: Asked, being_read: Sequence[str]) -> Answer:
    nearest = tuple(max(p.lines, key=lambda line: line.score) for p in asked["passages"][:NEAREST])
    people = tuple(dict.fromkeys(line.author for line in nearest if line.author))
    names = asked["scope"].channel_names
    where = _listed(names) if names else "no channel, because none is open to you here"
    text = f"I did not find an answer to that. I searched {where}."
    if being_read:
        text += f" I am still reading the past of {_listed(being_read)}: ask again later."
    return replace(_answer(asked, text, Outcome.DECLINED, ()), nearest=nearest, people=people)


def _answer(asked: Asked, text: str, outcome: Outcome, found: tuple[Citation, ...]) -> Answer:
    scope = asked["scope"]
    return Answer(
        text=text, outcome=outcome, citations=found, audience=scope.audience, scope_channels=scope.channel_names
    )


def _listed(names: Sequence[str], most: int = 5) -> str:
    listed = ", ".join(f"#{name.removeprefix('#')}" for name in names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"


def turn_of(question: Question, answer: Answer) -> Turn:
    """What is remembered of an answer: with the messages it rests on and the one that asked. It goes when one goes."""
    keys = [message_key(citation.line) for citation in answer.citations if is_kept(citation.line)]
    keys += answer.drawn_from
    if question.asked_in is not None:
        keys.append(asked_key(question.asked_in))
    return Turn(question.text, answer.text, tuple(keys))


async def _still_readable(index: Index, scope: Scope, turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Turns whose every source still stands as it was and is in scope: memory never outlives a deletion."""
    used = [{key for key in turn.message_keys if not key.startswith(ASKED)} for turn in turns]
    standing = await index.still_true(scope.channel_pks, sorted(set[str]().union(*used)))
    return tuple(turn for turn, keys in zip(turns, used, strict=True) if keys <= standing)


class Words:
    """Collects a stream and lets whole words through, harmless: a link cut in two would slip past."""

    def __init__(self) -> None:
        self.everything = ""
        self._sent = 0

    def add(self, piece: str) -> str:
        """Takes a piece in; returns the words that are whole now."""
        self.everything += piece
        end = max(self.everything.rfind(" "), self.everything.rfind("\n")) + 1
        return self._up_to(end)

    def rest(self) -> str:
        """What is left when the stream has ended."""
        return self._up_to(len(self.everything))

    def _up_to(self, end: int) -> str:
        ready = self.everything[self._sent : end]
        self._sent = max(self._sent, end)
        return harmless(ready)


class Usage:
    """Token counts and times that the model reports along the stream."""

    def __init__(self) -> None:
        self.tokens = TokenCounts()
        self.timings = Timings()
        self.model = ""

    def read(self, chunk: AIMessageChunk) -> None:
        """Takes in what a chunk reports, if anything."""
        details = chunk.response_metadata
        if "generation_ms" in details:
            self.timings = Timings(
                queue=float(details.get("queue_ms", 0.0)),
                prefill=float(details.get("prefill_ms", 0.0)),
                generation=float(details["generation_ms"]),
            )
        self.model = str(details.get("model_name", self.model))
        if chunk.usage_metadata is not None:
            usage = chunk.usage_metadata
            cached = usage.get("input_token_details", {}).get("cache_read", 0)
            self.tokens = TokenCounts(usage["input_tokens"], cached, usage["output_tokens"])
