"""What speaks for a passage beside its words and its meaning: when it was said. No I/O."""

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from knowledge.periods import Period, period_of
from knowledge.ranking import Scored

# Of a time that the question names, on the scale of the searches' scores, from 0 to 1.
PERIOD_SHARE = 0.3
# Between two that say much the same, the later one: enough to decide, too little to lift what answers less well.
RECENCY_SHARE = 0.02
# Who asks for what holds now wants it more.
LATEST_SHARE = 0.2
HALF_LIFE_DAYS = 90

DAY_SECONDS = 24 * 3600
_LATEST = re.compile(r"\b(?:latest|newest|most recent|current|currently|right now|these days)\b|最新|目前|现在|当前")


@dataclass(frozen=True, slots=True)
class When:
    """When a question is asked, which time it names, and whether it wants what holds now."""

    now: datetime
    period: Period | None
    wants_latest: bool

    def favours(self, said_at: datetime | None) -> float:
        """How much the time at which something was said speaks for it; 0 for what has none."""
        if said_at is None:
            return 0.0
        age_days = max((self.now - said_at).total_seconds(), 0.0) / DAY_SECONDS
        share = LATEST_SHARE if self.wants_latest else RECENCY_SHARE
        fits = self.period is not None and self.period.holds(said_at)
        return share * 2 ** (-age_days / HALF_LIFE_DAYS) + PERIOD_SHARE * fits


def when_of(question: str, now: datetime) -> When:
    """Reads the time out of a question that is asked `now`."""
    return When(now, period_of(question, now), _LATEST.search(question.lower()) is not None)


def preferred(ranked: Sequence[Scored], said_at: Mapping[int, datetime | None], when: When, most: int) -> list[Scored]:
    """The best `most` of the units in a new order, best first, with what speaks for each added to its score."""
    lifted = ((-scored.score - when.favours(said_at.get(scored.unit)), scored.unit, scored) for scored in ranked)
    return [replace(scored, score=-score) for score, _, scored in heapq.nsmallest(most, lifted)]
