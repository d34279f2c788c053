"""Catch me up: a thread, or a channel since a date, in a few cited points.

The lines are chosen without a model (`bot.summary`). A small model would add nothing, so they are quoted; a larger one
puts them into its own words in one call. Whatever goes wrong with the model, the quotations stand.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from bot import citations, prompts, quoting
from bot.admission import admitted
from bot.chain import Parts, Usage, Words, adapter_of, generator, turn_of
from bot.conversation import Answer, AnswerEvent, Citation, Fragment, Outcome, Question, Request
from bot.errors import ModelUnavailable, QuestionTooLong
from bot.plaintext import harmless
from bot.provenance import drawn_from
from bot.summary import fitting, in_order, main_points
from knowledge.digest import Digest
from knowledge.passages import Line
from knowledge.scope import Scope
from knowledge.stretches import Stretch

log = structlog.get_logger()

SYSTEM = (
    "You sum up what a team wrote for a colleague who was away. Use only the messages given. "
    "They are numbered in the order in which they were written; a later one may correct an earlier one."
)
TASK = (
    "Sum up these messages in at most 8 short bullet points: decisions, dates, results and open questions first. "
    "End every point with the number of the message it comes from in brackets, like [1]. Write in {language}."
)
SAME_LANGUAGE = "the language of the messages"
MOST_QUOTES, MOST_SOURCES = 8, 40
# A short thread is summed up shorter still: one line in three, and at least so many.
FEWEST_QUOTES, QUOTED_SHARE = 3, 3
SUMMARY_TOKENS = 320
LOOK_BACK_DAYS = 7


async def summary_events(
    parts: Parts, digest: Digest, question: Question, scope: Scope, request: Request
) -> AsyncGenerator[AnswerEvent, None]:
    """Fragments while the model writes, then one answer: a heading, then points with their sources.

    What: the thread `request.of_thread`, or else `request.of_channel` since `request.since`, without it the last days.
    A channel that is unknown or closed reads like one where nothing was written.
    Errors: `KnowledgeUnavailable`. Closing the iterator stops the generation.
    """
    channel = request.of_channel or request.channel
    if request.of_thread is not None:
        where = "in this thread"
        stretch = await digest.thread(scope, channel, request.of_thread)
    else:
        since = request.since or datetime.now(UTC) - timedelta(days=LOOK_BACK_DAYS)
        where = f"since {_day(since)}"
        stretch = await digest.since(scope, channel, since)
    may = {line.message_pk for line in await admitted(parts.index, scope, [one.line for one in stretch.remarks])}
    stretch = replace(stretch, remarks=tuple(one for one in stretch.remarks if one.line.message_pk in may))
    quotes = min(MOST_QUOTES, max(FEWEST_QUOTES, stretch.messages // QUOTED_SHARE))
    points = await _points(stretch, quotes)
    if not points:
        yield _answer(scope, f"There is nothing to sum up {where}.", Outcome.DECLINED, ())
        return
    quotation, found = quoting.quoted(in_order(points, stretch.remarks))
    bullets = "\n".join(f"- {line}" for line in quotation.split("\n"))
    answer = _answer(scope, f"{_heading(stretch, where, len(points))}\n{bullets}", Outcome.ANSWERED, found)
    try:
        if not await parts.quotes_first():
            heading = _heading(stretch, where, 0)
            async with aclosing(_told(parts, question, scope, stretch, heading)) as events:
                async for event in events:
                    if isinstance(event, Fragment):
                        yield event
                    elif event.citations:
                        answer = event
                    else:
                        answer = replace(answer, tokens=event.tokens, model=event.model, timings=event.timings)
    except (ModelUnavailable, QuestionTooLong) as error:
        log.warning("model_away", error=type(error).__name__)
    await parts.memory.remember(question, turn_of(question, answer))
    yield answer


async def _told(
    parts: Parts, question: Question, scope: Scope, stretch: Stretch, heading: str
) -> AsyncGenerator[AnswerEvent, None]:
    """The summary in the model's words. An answer without citations is one that no message holds up."""
    task = TASK.format(language=question.language or SAME_LANGUAGE)
    sources = await _sources(parts, stretch, task)
    words, usage = Words(), Usage()
    yield Fragment(f"{heading}\n")
    stream = parts.model.astream(_prompt(task, sources), max_tokens=SUMMARY_TOKENS, **adapter_of(question))
    async with aclosing(generator(stream)) as chunks:
        async for chunk in chunks:
            usage.read(chunk)
            if ready := words.add(str(chunk.text)):
                yield Fragment(ready)
    if rest := words.rest():
        yield Fragment(rest)
    cited = citations.resolve(_without_preamble(harmless(words.everything)), sources)
    outcome = Outcome.ANSWERED_WITH_WARNING if cited.unsupported else Outcome.ANSWERED
    answer = _answer(scope, f"{heading}\n{cited.text}", outcome, cited.citations)
    drawn = drawn_from(answer, heading, sources)
    yield replace(answer, drawn_from=drawn, tokens=usage.tokens, model=usage.model, timings=usage.timings)


async def _points(stretch: Stretch, most: int) -> list[Line]:
    # Choosing from 2,000 lines takes a tenth of a second or more, in which others want to be served.
    return await asyncio.to_thread(main_points, stretch.remarks, most)


async def _sources(parts: Parts, stretch: Stretch, task: str) -> list[Line]:
    """The best lines that fit into the prompt, in the order in which they were said."""
    points = await _points(stretch, MOST_SOURCES)
    costs = await parts.count([SYSTEM, task, *(prompts.source(line, 88) for line in points)])
    budget = (await parts.limits.budget()).tokens - prompts.OVERHEAD_TOKENS - costs[0] - costs[1]
    return in_order(fitting(points, costs[2:], budget), stretch.remarks)


def _prompt(task: str, sources: Sequence[Line]) -> list[BaseMessage]:
    """The messages for the model: numbered sources as data, and after them what to do, where it is not forgotten."""
    numbered = (prompts.source(line, n) for n, line in enumerate(sources, start=1))
    return [SystemMessage(SYSTEM), HumanMessage("\n".join(["Messages:", *numbered, f"\n{task}"]))]


def _without_preamble(text: str) -> str:
    """Without a first line such as "Here are the main points:", which the heading says already."""
    first, _, rest = text.strip().partition("\n")
    return rest.strip() if rest and first.rstrip("*_ ").endswith((":", "：")) else text.strip()


def _heading(stretch: Stretch, where: str, quoted: int) -> str:
    """How much was said, by how many and since when; `quoted` is how many of the messages are quoted below."""
    by = f" by {_counted(stretch.people, 'person', 'people')}" if stretch.people else ""
    said = f"{_counted(stretch.messages, 'message', 'messages')}{by} {where}"
    if quoted == stretch.messages:
        return f"{said}:"
    newest = f" of the newest {len(stretch.remarks):,}" if len(stretch.remarks) < stretch.messages else ""
    return f"{said}; the main points{newest}:"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _day(moment: datetime) -> str:
    """Such as "Monday, 3 March 2025", in the moment's own zone; with the time of day where that is not midnight."""
    time = "" if (moment.hour, moment.minute) == (0, 0) else f", {moment:%H:%M %Z}".rstrip()
    return f"{moment:%A}, {moment.day} {moment:%B %Y}{time}"


def _answer(scope: Scope, text: str, outcome: Outcome, found: tuple[Citation, ...]) -> Answer:
    return Answer(
        text=text, outcome=outcome, citations=found, audience=scope.audience, scope_channels=scope.channel_names
    )
