"""Ranking metrics. This file performs no I/O."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

INTERVAL_BELOW = 300
"""With so many questions or more, a figure is given without an interval."""
RESAMPLES = 2_000


def recall(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """The share of the relevant messages among the first k."""
    return len(set(ranked[:k]) & set(relevant)) / len(relevant)


def hit(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """1 when any relevant message is among the first k."""
    return float(any(message in relevant for message in ranked[:k]))


def reciprocal_rank(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """1 / the place of the first relevant message, 0 when none is among the first k."""
    return next((1 / place for place, message in enumerate(ranked[:k], start=1) if message in relevant), 0.0)


def ndcg(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Discounted gain of the first k over that of the best possible order; the gain is the grade.

    Source: Järvelin and Kekäläinen (2002), with linear gain as in trec_eval.
    """
    gained = sum(relevant.get(message, 0) / math.log2(place + 1) for place, message in enumerate(ranked[:k], start=1))
    best = sorted(relevant.values(), reverse=True)[:k]
    ideal = sum(grade / math.log2(place + 1) for place, grade in enumerate(best, start=1))
    return gained / ideal if ideal else 0.0


def highest_grade(relevant: Mapping[str, int]) -> dict[str, int]:
    """Only the messages of the best grade: where direct answers are told from mere context, those."""
    best = max(relevant.values())
    return {message: grade for message, grade in relevant.items() if grade == best}


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies (nearest rank)."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1 if share > 0 else 0)]


def mean(values: Sequence[float]) -> float:
    """The mean, 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """How likely a positive one scores above a negative one, equal ones counted half; 0.5 without one of each.

    Source: the Mann-Whitney statistic, by ranks.
    """
    if not positive or not negative:
        return 0.5
    ordered = sorted(negative)
    beaten = sum(bisect_left(ordered, score) + bisect_right(ordered, score) for score in positive)
    return beaten / 2 / (len(positive) * len(negative))


def interval(statistic: Callable[..., float], *samples: Sequence[float]) -> list[float] | None:
    """The 95 % bootstrap interval, [low, high], of a statistic of these samples, each drawn from anew by itself.

    None where the smallest sample is empty or has `INTERVAL_BELOW` values, and where every draw gives the same: of what
    did not happen once it can tell nothing. The same values give the same interval.
    Source: the percentile method of Efron and Tibshirani (1993).
    """
    if not 0 < min(map(len, samples)) < INTERVAL_BELOW:
        return None
    draw = np.random.default_rng(0)
    values = [np.asarray(sample, dtype=float) for sample in samples]
    found = sorted(
        statistic(*(sample[draw.integers(0, len(sample), len(sample))].tolist() for sample in values))
        for _ in range(RESAMPLES)
    )
    if found[0] == found[-1]:
        return None
    return [round(percentile(found, share), 4) for share in (0.025, 0.975)]


def intervals(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals of means, of values question by question, under the key that documents have for them.

    Shape: {"intervals": {name: [low, high], group: {name: …}}}; empty where there is none to give.
    """
    found: dict[str, Any] = {}
    for name, values in measured.items():
        one = intervals(values).get("intervals") if isinstance(values, Mapping) else interval(mean, values)
        if one:
            found[name] = one
    return {"intervals": found} if found else {}
