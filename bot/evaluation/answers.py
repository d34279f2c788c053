"""The work of `threadlore eval answers`: asks the whole chain, and compares what it says with the right answers."""

from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from bot import citations
from bot.chain import Asked, Parts, answer_chain, generator
from bot.conversation import Answer, Outcome, Question, Turn
from bot.telemetry import Stopwatch
from knowledge.evaluation import overlap
from knowledge.evaluation.datasets import Query, QuestionSet
from knowledge.evaluation.library import Library, Progress
from knowledge.evaluation.metrics import intervals, mean, percentile


class Told:
    """A conversation memory that recalls what a question set says was said before. Nothing is remembered."""

    def __init__(self) -> None:
        self.turns: tuple[Turn, ...] = ()

    async def recall(self, _question: Question) -> tuple[Turn, ...]:
        """What was said before the question at hand."""
        return self.turns

    async def remember(self, _question: Question, _turn: Turn) -> None:
        """Each question of a set comes with its own past."""

    async def reset(self, _question: Question) -> int:
        """There is nothing to forget."""
        return 0

    async def forget_messages(self, _message_keys: Collection[str]) -> int:
        """There is nothing to forget."""
        return 0

    async def forget_everything(self) -> None:
        """There is nothing to forget."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the bot said to one question."""

    query: Query
    answer: Answer


async def said_to(parts: Parts, library: Library, questions: QuestionSet, on_progress: Progress) -> list[Said]:
    """Asks every question to which a right answer is known. `parts` without a memory: each question brings its own."""
    memory = Told()
    chain = answer_chain(replace(parts, memory=memory, search=library.search))
    queries = [query for query in questions.queries if query.answers and query.answerable]
    said: list[Said] = []
    for number, query in enumerate(queries, start=1):
        memory.turns = tuple(Turn(one.question, one.answer) for one in query.earlier)
        scope = library.scope(query.channel)
        asked = Asked(question=Question(query.query_id, query.text, scope.audience), scope=scope, watch=Stopwatch())
        async with aclosing(generator(chain.astream(asked))) as events:
            said += [Said(query, event) async for event in events if isinstance(event, Answer)]
        on_progress("ask", number, len(queries))
    return said


def answers_document(name: str, said: Sequence[Said], model: str) -> dict[str, Any]:
    """What `--json` prints of one set. An answer that was declined counts as an empty one, and has no citations."""
    given = [one for one in said if not is_declined(one.answer)]
    texts = [(scored(one.answer), one.query.answers) for one in said]
    cited = [(_cited(one.answer), set(one.query.relevant)) for one in given if one.query.relevant]
    checked = [_checked(one.answer) for one in given]
    sentences = sum(count for count, _ in checked)
    shares = {
        "em": [overlap.exact(*pair) for pair in texts],
        "f1": [overlap.f1(*pair) for pair in texts],
        "rouge_l": [overlap.rouge_l(*pair) for pair in texts],
        "citation_precision": [len(ids & right) / len(ids) for ids, right in cited if ids],
        "citation_recall": [len(ids & right) / len(right) for ids, right in cited],
        "declined": [float(is_declined(one.answer)) for one in said],
    }
    return {
        "name": name,
        "n": len(said),
        **{share: round(mean(values), 4) for share, values in shares.items()},
        "unsupported_sentences": round(sum(bare for _, bare in checked) / sentences, 4) if sentences else 0.0,
        "model": model,
        "answer_ms": {
            f"p{place}": round(percentile([_milliseconds(one.answer) for one in said], place / 100), 1)
            for place in (50, 95)
        },
        "first_token_ms": {
            f"p{place}": round(percentile([one.answer.timings.prefill for one in said], place / 100), 1)
            for place in (50, 95)
        },
        "prompt_tokens": round(mean([one.answer.tokens.prompt for one in given]), 1),
        **intervals(shares),
    }


def is_declined(answer: Answer) -> bool:
    """Whether the bot said that it does not know."""
    return answer.outcome is Outcome.DECLINED


def scored(answer: Answer) -> str:
    """The words of an answer that are compared with the right ones: without marks; none of one that was declined."""
    return "" if is_declined(answer) else "\n".join(citations.sentences(answer.text))


def _cited(answer: Answer) -> set[str]:
    return {citation.line.ref.message_id for citation in answer.citations}


def _checked(answer: Answer) -> tuple[int, int]:
    """How many sentences the answer has, and how many of them no cited line holds up."""
    found = citations.resolve(answer.text, [citation.line for citation in answer.citations])
    return found.sentences, found.unsupported


def _milliseconds(answer: Answer) -> float:
    return answer.timings.prefill + answer.timings.generation
