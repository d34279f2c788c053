"""The work of `threadlore eval abstention`: how often the bot says that it does not know, and how often wrongly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.sufficiency import Sufficiency
from knowledge.evaluation.datasets import QuestionSet
from knowledge.evaluation.library import Library, Progress
from knowledge.evaluation.metrics import auroc, interval, intervals, mean

CURVE = tuple(step / 20 for step in range(1, 20))


@dataclass(frozen=True, slots=True)
class Judged:
    """How likely each question could be answered, by the test; those that can be, and those that cannot."""

    answerable: tuple[float, ...]
    unanswerable: tuple[float, ...]


async def judged(
    library: Library, questions: QuestionSet, test: Sufficiency, passages: int, on_progress: Progress
) -> Judged:
    """Retrieves for each question as the answering chain does, and puts it to the test. No model is called."""
    likely: tuple[list[float], list[float]] = ([], [])
    for number, query in enumerate(questions.queries, start=1):
        scope = library.scope(query.channel)
        found = await library.search.passages(
            query.text, scope, earlier=query.earlier, limit=passages, now=library.ends_at
        )
        likely[query.answerable].append(test.probability(query.text, found))
        on_progress("ask", number, len(questions.queries))
    unanswerable, answerable = likely
    return Judged(tuple(answerable), tuple(unanswerable))


def abstention_document(name: str, seen: Judged, decline_below: float) -> dict[str, Any]:
    """What `--json` prints of one set: at the threshold of the settings, and the curve over all of them."""
    return {
        "name": name,
        "unanswerable": len(seen.unanswerable),
        "refused": below(seen.unanswerable, decline_below),
        "answerable": len(seen.answerable),
        "falsely_refused": below(seen.answerable, decline_below),
        "auroc": round(auroc(seen.answerable, seen.unanswerable), 4),
        "decline_below": decline_below,
        "curve": [
            {
                "decline_below": at,
                "refused": below(seen.unanswerable, at),
                "falsely_refused": below(seen.answerable, at),
            }
            for at in CURVE
        ],
        **_intervals(seen, decline_below),
    }


def below(likely: Sequence[float], threshold: float) -> float:
    """The share that is declined at a threshold."""
    return round(mean(_declined(likely, threshold)), 4)


def _declined(likely: Sequence[float], threshold: float) -> list[float]:
    return [float(one < threshold) for one in likely]


def _intervals(seen: Judged, decline_below: float) -> dict[str, Any]:
    found = intervals({
        "refused": _declined(seen.unanswerable, decline_below),
        "falsely_refused": _declined(seen.answerable, decline_below),
    })  # fmt: skip
    if area := interval(auroc, seen.answerable, seen.unanswerable):
        found.setdefault("intervals", {})["auroc"] = area
    return found
