"""Whether a question says what it is about, where nothing was said before it. No I/O, no model.

"Who owns it?" is a fair question behind another one. Alone, an answer to it would be about whatever mentions owners.
"""

import re

from knowledge.lexical import telling_terms

NAMELESS = "I cannot tell what that is about. Please name it, for example: why did we choose this database?"
# A pronoun's question that holds so many words of its own may do without what the pronoun stands for.
FEW_WORDS = 1
CJK_CHARACTERS_A_WORD = 2

_PRONOUN = re.compile(
    r"\b(it|its|they|them|their|he|him|his|she|her)\b|\b(that|this|those|these)\b(?=\s*(?:[^\w\s]|$))",
    re.IGNORECASE,
)
_PRONOUN_CJK = re.compile("它们|他们|她们|它|他|她|这个|那个|这事|那事")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


def asked_back(question: str) -> str | None:
    """What to ask instead of answering, where the question names nothing; None where it can be looked for.

    For a question with nothing before it: no earlier turn, no thread around it.
    """
    telling = telling_terms(question)
    if not telling:
        return NAMELESS
    pronoun = _PRONOUN.search(question) or _PRONOUN_CJK.search(question)
    if pronoun is None or _words(telling) > FEW_WORDS:
        return None
    return (
        f"What do you mean by “{pronoun[0]}”? Nothing was said here before that it could stand for. "
        "Please answer with its name, or ask again with it."
    )


def _words(telling: list[str]) -> float:
    """How many words of its own a question has; Chinese terms are characters and pairs of them."""
    characters = {term for term in telling if len(term) == 1 and _CJK.match(term)}
    others = [term for term in telling if not _CJK.match(term)]
    return len(others) + len(characters) / CJK_CHARACTERS_A_WORD
