"""The work of `threadlore eval retrieval`: asks every question of a set, and ranks what comes back."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from knowledge.evaluation import metrics
from knowledge.evaluation.datasets import Query, QuestionSet
from knowledge.evaluation.library import Library, Progress
from knowledge.passages import Passage
from knowledge.ranking import Switches

PASSAGES = 20


@dataclass(frozen=True, slots=True)
class Part:
    """A part that `--ablate` switches off.

    `history`: the talk before a question is told. `speaker`: messages have authors; without, in a library of its own.
    """

    name: str
    switches: Switches = field(default_factory=Switches)
    history: bool = True
    speaker: bool = True


WHOLE = Part("")
RERANK = Part("rerank", Switches(rerank=False))
"""Only where there is a reranker: off is what it is everywhere else."""
PARTS = (
    Part("context", Switches(context=False)),
    Part("lexical", Switches(lexical=False)),
    Part("dense", Switches(dense=False)),
    Part("history", history=False),
    Part("priors", Switches(priors=False)),
    Part("speaker", speaker=False),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question brought: message ids in the order in which they would be cited, and unit by unit."""

    query: Query
    lines: tuple[str, ...]
    units: tuple[tuple[str, ...], ...]
    milliseconds: float


async def evaluate_retrieval(
    library: Library, questions: QuestionSet, embedder: str, off: Part, on_progress: Progress
) -> dict[str, Any]:
    """Asks a library its questions with one part off, or as `WHOLE`. The library was stocked as `off.speaker` says."""
    asked = await ask_all(library, questions, off, on_progress)
    views = [view for view, on in (("line", off.switches.lexical), ("unit", off.switches.dense)) if on]
    return {
        "name": questions.name,
        "queries": len(asked),
        "embedder": embedder,
        **({"reranker": library.reranker} if library.reranker and off.switches.rerank else {}),
        "views": views,
        **({"without": off.name} if off.name else {}),
        **figures(asked),
        "messages": library.messages,
        "index_s": round(library.index_s, 2),
    }


async def ask_all(library: Library, questions: QuestionSet, off: Part, on_progress: Progress) -> list[Asked]:
    """Every question that has a relevant message, asked with one part off."""
    asked: list[Asked] = []
    # A question without a relevant message has no rank to measure.
    queries = [query for query in questions.queries if query.relevant]
    for number, query in enumerate(queries, start=1):
        scope = library.scope(query.channel)
        earlier = query.earlier if off.history else ()
        started = time.perf_counter()
        passages = await library.search.passages(
            query.text, scope, earlier=earlier, limit=PASSAGES, switches=off.switches, now=library.ends_at
        )
        took = (time.perf_counter() - started) * 1000
        asked.append(Asked(query, _cited_order(passages), _units(passages), took))
        on_progress("ask", number, len(queries))
    return asked


def _cited_order(passages: Sequence[Passage]) -> tuple[str, ...]:
    """Message ids in the order in which they would be cited."""
    lines = sorted((line for passage in passages for line in passage.lines), key=lambda line: -line.score)
    return tuple(dict.fromkeys(line.ref.message_id for line in lines))


def _units(passages: Sequence[Passage]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(line.ref.message_id for line in passage.lines) for passage in passages)


def figures(asked: Sequence[Asked]) -> dict[str, Any]:
    """How well lines and units were ranked, and how long it took, as `--json` prints it."""
    best = [metrics.highest_grade(one.query.relevant) for one in asked]

    def line(measure: Callable[[Sequence[str], dict[str, int], int], float], k: int) -> list[float]:
        return [measure(one.lines, gold, k) for one, gold in zip(asked, best, strict=True)]

    def unit(k: int) -> list[float]:
        return [float(any(set(u) & set(one.query.relevant) for u in one.units[:k])) for one in asked]

    lines = {
        "recall@5": line(metrics.recall, 5),
        "recall@10": line(metrics.recall, 10),
        "ndcg@10": [metrics.ndcg(one.lines, one.query.relevant, 10) for one in asked],
        "mrr@10": line(metrics.reciprocal_rank, 10),
        "hit@5": line(metrics.hit, 5),
        "hit@10": line(metrics.hit, 10),
    }
    units = {"hit@5": unit(5), "hit@10": unit(10)}
    times = [one.milliseconds for one in asked]
    shown = [len(u) for one in asked for u in one.units[:10]]
    return {
        "line": _means(lines),
        "unit": {**_means(units), "mean_lines": round(metrics.mean([float(n) for n in shown]), 2)},
        "query_ms": {
            "p50": round(metrics.percentile(times, 0.5), 2),
            "p95": round(metrics.percentile(times, 0.95), 2),
        },
        **metrics.intervals({"line": lines, "unit": units}),
    }


def _means(measured: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(metrics.mean(values), 4) for name, values in measured.items()}
