"""Turns a follow-up into a query that stands alone, from the questions asked before it. No I/O, no model."""

import re
from collections.abc import Sequence

from knowledge.lexical import terms

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


def points_back(question: str) -> bool:
    """Whether a question probably leans on what was said before it."""
    if _CJK.search(question):
        return len(question) <= FEW_CJK_CHARS
    return bool(_POINTS_BACK.search(question)) or len(set(terms(question))) <= FEW_TERMS


def standalone(question: str, earlier: Sequence[str]) -> str:
    """The question, with the one before it in front when it points back.

    `earlier` holds the asker's questions, oldest first. Appending old turns to every question helps
    Chinese and hurts English, hence the decision for each.
    """
    if not earlier or not points_back(question):
        return question
    return f"{earlier[-1]}\n{question}"
