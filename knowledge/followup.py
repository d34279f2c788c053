"""What a question looks for: its own words and, in a follow-up, those of the talk before it. No I/O, no model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.lexical import query_terms, terms

# Words that point back at something already said.
_POINTS_BACK = re.compile(
    r"\b(it|its|it's|they|them|their|he|him|his|she|her|that|those|these|this|there|then|one|ones|same|also|else)\b"
    r"|^(and|but|so|what about|how about|why|when|who|where|how)\b[^a-z]*$|^(and|but|what about|how about)\b",
    re.IGNORECASE,
)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
# A question of so few words rarely names what it is about.
FEW_TERMS = 4
# Chinese drops the subject where English has a pronoun, so length tells more than words do.
FEW_CJK_CHARS = 40
# What a word of an earlier question, and of the answer to it, counts beside one of the question itself; and how much
# less each exchange further back.
EARLIER_QUESTION = 0.5
EARLIER_ANSWER = 0.1
FADING = 0.7
# Less is not worth looking up.
LEAST_WEIGHT = 0.02


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question of the talk before this one, and what was said to it."""

    question: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Sought:
    """What to search for. `weights`: a question's terms and how much each counts; `texts` are looked for by meaning."""

    weights: dict[str, float]
    texts: tuple[str, ...]

    @property
    def leans_back(self) -> bool:
        """Whether earlier turns take part."""
        return len(self.texts) > 1


def points_back(question: str) -> bool:
    """Whether a question probably leans on what was said before it."""
    if _CJK.search(question):
        return len(question) <= FEW_CJK_CHARS
    return bool(_POINTS_BACK.search(question)) or len(set(terms(question))) <= FEW_TERMS


def sought(question: str, earlier: Sequence[Exchange] = ()) -> Sought:
    """The question's terms, and with less weight those of earlier turns where it points back at them.

    `earlier`: oldest first. Old turns help Chinese follow-ups and hurt English questions that stand alone, hence the
    decision for each.
    """
    weights = dict.fromkeys(query_terms(question), 1.0)
    if not earlier or not points_back(question):
        return Sought(weights, (question,))
    fading = 1.0
    for exchange in reversed(earlier):
        for text, share in ((exchange.question, EARLIER_QUESTION), (exchange.answer, EARLIER_ANSWER)):
            if (weight := share * fading) >= LEAST_WEIGHT:
                for term in query_terms(text) if text else ():
                    weights[term] = max(weights.get(term, 0.0), weight)
        fading *= FADING
    return Sought(weights, (question, f"{earlier[-1].question}\n{question}"))
