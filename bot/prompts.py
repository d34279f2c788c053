"""The system prompt, and the sources that fit beside the question in the context window."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from bot.conversation import Question, Turn
from bot.plaintext import neutralise
from knowledge.passages import Line, Passage

# Short on purpose: a model of 135 M parameters follows few orders, and every token of it is paid on each answer.
SYSTEM = (
    "You answer questions about a team from the messages given. Use only these messages. "
    "Answer in one or two short sentences and put the number of the message you used in brackets, like [1]. "
    "If the messages do not answer the question, say so."
)
SOURCE_CHARS = 900
EARLIER_CHARS = 400
MOST_SOURCES = 12
# Chat templates add a few tokens around every message, and the headings take some.
OVERHEAD_TOKENS = 64
# Of what is left for a question, the talk before it and the sources, no one may take all.
QUESTION_SHARE, TURN_SHARE = 0.5, 0.25

Count = Callable[[Sequence[str]], Awaitable[list[int]]]
Made = Callable[[str], str]
"""What is made of words that stand in a prompt: `neutralise`, but where its cost is measured."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages that fit, with the sources in them, by number, and the turns of the talk before."""

    messages: list[BaseMessage]
    sources: list[Line]
    turns: Sequence[Turn] = ()


async def fitted(
    passages: Sequence[Passage],
    question: Question,
    turns: Sequence[Turn],
    budget_tokens: int,
    count: Count,
    *,
    made: Made = neutralise,
) -> Prompt:
    """The longest prompt within the budget. What does not fit gives way: sources, then the talk, then words.

    At least one source and the beginning of the question stay.
    """
    language = question.language
    orders = [SYSTEM, f"Answer in this language: {language}"] if language else [SYSTEM]
    kept = turns[-1:]
    earlier = [_earlier(turn, made) for turn in kept]
    asking, *costs = await count([question.text, *orders, *earlier])
    room = budget_tokens - OVERHEAD_TOKENS - sum(costs[: len(orders)])
    asked = await _cut(question.text, asking, int(room * QUESTION_SHARE), count)
    if sum(costs[len(orders) :]) > room * TURN_SHARE:
        kept, earlier = (), []
    sources = await fitting(passages, "\n".join([asked, *earlier, *orders[1:]]), budget_tokens, count)
    while True:
        messages = build(asked, sources, kept, language, made=made)
        spare = budget_tokens - OVERHEAD_TOKENS // 2 - sum(await count([str(one.content) for one in messages]))
        if spare >= 0:
            return Prompt(messages, sources, kept)
        worst = min(sources, key=lambda line: line.score, default=None)
        if worst is not None and len(sources) > 1:
            sources.remove(worst)
        elif kept:
            kept = ()
        elif worst is not None and len(worst.text) > 1:
            sources = [replace(worst, text=worst.text[: min(len(worst.text), SOURCE_CHARS) // 2])]
        elif len(asked) > 1:
            asked = asked[: len(asked) // 2]
        else:  # a budget that not even the orders fit in
            return Prompt(messages, sources, kept)


async def _cut(text: str, tokens: int, most_tokens: int, count: Count) -> str:
    """The beginning of a text of so many tokens that has no more than the most there may be."""
    while tokens > most_tokens and len(text) > 1:
        text = text[: max(1, min(len(text) - 1, len(text) * most_tokens // tokens))]
        (tokens,) = await count([text])
    return text


async def fitting(passages: Sequence[Passage], question: str, budget_tokens: int, count: Count) -> list[Line]:
    """The best lines that fit, in reading order: passages as ranked, lines as they were said.

    Units: `budget_tokens` covers the whole prompt. At least one line is kept, cut if it must be.
    """
    lines = {line.message_pk: line for passage in reversed(passages) for line in passage.lines}
    ranked = sorted(lines.values(), key=lambda line: -line.score)[: 3 * MOST_SOURCES]
    costs = await count([SYSTEM, question, *(source(line, 88) for line in ranked)])
    left = budget_tokens - OVERHEAD_TOKENS - costs[0] - costs[1]
    chosen: set[int] = set()
    for line, cost in zip(ranked, costs[2:], strict=True):
        if chosen and (cost > left or len(chosen) == MOST_SOURCES):
            continue
        chosen.add(line.message_pk)
        left -= cost
    in_order = dict.fromkeys(line.message_pk for passage in passages for line in passage.lines)
    return [lines[pk] for pk in in_order if pk in chosen]


def build(
    question: str, sources: Sequence[Line], turns: Sequence[Turn], language: str = "", *, made: Made = neutralise
) -> list[BaseMessage]:
    """The messages for the model: orders, numbered sources as data, the talk so far, the question.

    The order to answer in a certain language comes last: the system prompt stays the same, and so in the model's cache.
    """
    parts = ["Messages:", *(source(line, n, made) for n, line in enumerate(sources, start=1))]
    if turns:
        parts.append(_earlier(turns[-1], made))
    parts.append(f"\nQuestion: {made(question)}")
    if language:
        parts.append(f"Answer in this language: {language}")
    return [SystemMessage(SYSTEM), HumanMessage("\n".join(parts))]


def _earlier(turn: Turn, made: Made) -> str:
    question, answer = made(turn.question[:EARLIER_CHARS]), made(turn.answer[:EARLIER_CHARS])
    return f"\nEarlier question: {question}\nEarlier answer: {answer}"


def source(line: Line, n: int, made: Made = neutralise) -> str:
    """One numbered source: who, when and where, then the words."""
    when = f", {line.posted_at.astimezone(UTC):%Y-%m-%d}" if line.posted_at else ""
    # Cut before it is cleaned too: a paste of any length costs no more than a message.
    text = " ".join(made(line.text[: 4 * SOURCE_CHARS]).split())[:SOURCE_CHARS]
    return f"[{n}] {made(line.author) or 'someone'} in #{made(line.channel_name)}{when}: {text}"
