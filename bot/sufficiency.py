"""Do the passages answer the question? A first, simple test from retrieval scores. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from knowledge.passages import Passage

# Log-odds, set by hand on the 28 questions of the sample workspace and checked on others: docs/retrieval.md
# has the curve.
BIAS = -2.0
PER_COVERAGE = 4.0
PER_COSINE = 20.0
# What multilingual-e5-small gives passages that have little to do with a question; other models
# put their cosines elsewhere, so for those only the words count.
E5_MEAN_COSINE = 0.84


class Verdict(StrEnum):
    """What to do with what was found."""

    ANSWER = "answer"
    WARN = "warn"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """Below `decline_below` the bot says that it does not know, below `warn_below` it answers with a warning.

    `mean_cosine` None: this embedding model's cosines have not been measured, and are not used.
    """

    decline_below: float
    warn_below: float
    mean_cosine: float | None = None

    def probability(self, passages: Sequence[Passage]) -> float:
        """How likely the passages answer the question, from 0 to 1.

        From the share of the question's telling words (by rarity) in the best passages, and from
        the nearest vector.
        """
        if not passages:
            return 0.0
        odds = BIAS + PER_COVERAGE * max(passage.coverage for passage in passages[:3])
        cosines = [passage.cosine for passage in passages if passage.cosine is not None]
        if cosines and self.mean_cosine is not None:
            odds += PER_COSINE * (max(cosines) - self.mean_cosine)
        return 1 / (1 + math.exp(-odds))

    def decide(self, passages: Sequence[Passage]) -> Verdict:
        """Answer, answer with a warning, or decline."""
        likely = self.probability(passages)
        if likely < self.decline_below:
            return Verdict.DECLINE
        return Verdict.WARN if likely < self.warn_below else Verdict.ANSWER


def sufficiency_for(embedding_name: str, decline_below: float, warn_below: float) -> Sufficiency:
    """The test with what is known of this embedding model."""
    known = "multilingual-e5-small" in embedding_name.lower()
    return Sufficiency(decline_below, warn_below, E5_MEAN_COSINE if known else None)
