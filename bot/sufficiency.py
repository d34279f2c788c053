"""Do the passages answer the question? A first, simple test from retrieval scores. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from knowledge.passages import Passage


class Verdict(StrEnum):
    """What to do with what was found."""

    ANSWER = "answer"
    WARN = "warn"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Below `decline` the bot says that it does not know, below `warn` it answers with a warning."""

    decline: float
    warn: float


def probability(passages: Sequence[Passage]) -> float:
    """How likely the passages answer the question, from 0 to 1.

    From the share of the question's words (by rarity) in the best passages, and from the nearest
    vector where there is one.
    """
    if not passages:
        return 0.0
    coverage = max(passage.coverage for passage in passages[:3])
    cosines = [passage.cosine for passage in passages if passage.cosine is not None]
    cosine = max(cosines) if cosines else MEAN_COSINE
    return 1 / (1 + math.exp(-(BIAS + PER_COVERAGE * coverage + PER_COSINE * (cosine - MEAN_COSINE))))


# Placeholders until fitted below.
BIAS = -2.0
PER_COVERAGE = 4.0
PER_COSINE = 20.0
MEAN_COSINE = 0.84


def decide(passages: Sequence[Passage], thresholds: Thresholds) -> Verdict:
    """Answer, answer with a warning, or decline."""
    likely = probability(passages)
    if likely < thresholds.decline:
        return Verdict.DECLINE
    return Verdict.WARN if likely < thresholds.warn else Verdict.ANSWER
