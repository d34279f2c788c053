"""Do the passages answer the question? A likelihood from what retrieval found, without a model call. No I/O.

Talk and documents are judged apart. In talk most of what is asked beside the point is told by the words and by who
said them; a message that is a passage of its own is rather told by how near its vector is.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.citations import content_terms
from knowledge.lexical import query_terms
from knowledge.passages import Line, Passage

# Passages whose words are looked at.
LOOKED_AT = 3
# A question with more terms than this says no more by having them.
MOST_TERMS = 12


class Verdict(StrEnum):
    """What to do with what was found."""

    ANSWER = "answer"
    WARN = "warn"
    DECLINE = "decline"
    ASK_BACK = "ask back"


@dataclass(frozen=True, slots=True)
class Weights:
    """Log-odds, found on question sets that docs/retrieval.md names, with their curves."""

    bias: float
    coverage: float
    attribution: float = 0.0
    terms: float = 0.0
    cosine: float = 0.0
    mean_cosine: float = 0.0


# By the embedding model: others put their cosines elsewhere, so for those only words and speakers count.
TALK = Weights(bias=-1.4, coverage=3.0, attribution=8.0)
TALK_E5 = Weights(bias=-1.4, coverage=3.0, attribution=8.0, cosine=25.0, mean_cosine=0.84)
DOCUMENT_E5 = Weights(bias=-2.5, coverage=6.0, terms=-2.0, cosine=34.0, mean_cosine=0.85)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an answer.

    `coverage`: the share of the question's telling words (by rarity) in the best passages; `cosine`: of the nearest,
    or of the best where that is one message;
    `terms`: how many the question has; `attribution`: from 1, whom the question names said what it is about, to -1,
    somebody else did; 0 where it names nobody. `is_document`: the best passage is one message.
    """

    coverage: float
    cosine: float | None
    terms: int
    attribution: float
    is_document: bool


def evidence(question: str, passages: Sequence[Passage]) -> Evidence:
    """Looks at what was found for a question. There must be a passage."""
    is_document = len({line.message_pk for line in passages[0].lines}) == 1
    looked_at = passages[:1] if is_document else passages
    cosines = [passage.cosine for passage in looked_at if passage.cosine is not None]
    return Evidence(
        coverage=max(passage.coverage for passage in passages[:LOOKED_AT]),
        cosine=max(cosines, default=None),
        terms=len(query_terms(question)),
        attribution=_attribution(question, [line for passage in passages for line in passage.lines]),
        is_document=is_document,
    )


def _attribution(question: str, lines: Sequence[Line]) -> float:
    wanted = content_terms(question)
    authors = {line.author: content_terms(line.author) for line in lines}
    named = [author for author, names in authors.items() if names and names <= wanted]
    if len(named) != 1 or not (rest := wanted - authors[named[0]]):
        return 0.0
    told = [(line.author == named[0] or _speaks_of(named[0], line.text), content_terms(line.text)) for line in lines]
    shares = [(is_own, len(rest & words) / len(rest)) for is_own, words in told]
    own = max((share for is_own, share in shares if is_own), default=0.0)
    others = max((share for is_own, share in shares if not is_own), default=0.0)
    return (own - others) / (own + others) if own + others else 0.0


def _speaks_of(name: str, text: str) -> bool:
    """Whether a text tells something of somebody and not only calls them: "Ada said", but not "Thanks, Ada!"."""
    first = name.split(maxsplit=1)[0]
    if not first.isascii():  # Chinese puts nothing between a name and what it does
        return first in text
    told = rf"(?<!hey )(?<!hi )(?<!thanks )(?<![\w@]){re.escape(first)}(?:['’]s|\s+\w)"
    return re.search(told, text, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """Below `decline_below` the bot says that it does not know, below `warn_below` it answers with a warning."""

    decline_below: float
    warn_below: float
    talk: Weights = TALK
    document: Weights = TALK

    def probability(self, question: str, passages: Sequence[Passage]) -> float:
        """How likely the passages answer the question, from 0 to 1."""
        if not passages:
            return 0.0
        found = evidence(question, passages)
        weights = self.document if found.is_document else self.talk
        odds = weights.bias + weights.coverage * found.coverage + weights.attribution * found.attribution
        odds += weights.terms * min(found.terms, MOST_TERMS) / MOST_TERMS
        if found.cosine is not None:
            odds += weights.cosine * (found.cosine - weights.mean_cosine)
        return 1 / (1 + math.exp(-odds))

    def decide(self, question: str, passages: Sequence[Passage]) -> Verdict:
        """Answer, answer with a warning, or decline."""
        likely = self.probability(question, passages)
        if likely < self.decline_below:
            return Verdict.DECLINE
        return Verdict.WARN if likely < self.warn_below else Verdict.ANSWER


def sufficiency_for(embedding_name: str, decline_below: float, warn_below: float) -> Sufficiency:
    """The test with what is known of this embedding model."""
    if "multilingual-e5-small" in embedding_name.lower():
        return Sufficiency(decline_below, warn_below, TALK_E5, DOCUMENT_E5)
    return Sufficiency(decline_below, warn_below)
