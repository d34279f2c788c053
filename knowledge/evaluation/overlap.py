"""How much an answer's words agree with those of the right one. No I/O.

Source: exact match and F1 as SQuAD scores them (Rajpurkar et al., 2016), with one token a character of Chinese as CMRC
2018 has it; ROUGE-L after Lin (2004), as an F-measure.
"""

import re
from collections import Counter
from collections.abc import Sequence

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_ARTICLES = frozenset(("a", "an", "the"))
# The longest common subsequence takes the product of both lengths.
MOST_TOKENS = 2_000


def tokens(text: str) -> list[str]:
    """Words in lower case without articles and marks, and single characters of Chinese, Japanese and Korean."""
    return [token for token in _TOKEN.findall(text.lower())[:MOST_TOKENS] if token not in _ARTICLES]


def exact(answer: str, right: Sequence[str]) -> float:
    """1 when it is one of the right answers, apart from case, articles and marks."""
    return float(any(tokens(answer) == tokens(one) for one in right))


def f1(answer: str, right: Sequence[str]) -> float:
    """The best agreement in tokens with one of the right answers, 0 to 1."""
    return max((_f1(tokens(answer), tokens(one)) for one in right), default=0.0)


def rouge_l(answer: str, right: Sequence[str]) -> float:
    """The best agreement in the order of tokens with one of the right answers, 0 to 1."""
    return max((_rouge_l(tokens(answer), tokens(one)) for one in right), default=0.0)


def _f1(said: list[str], wanted: list[str]) -> float:
    return _harmonic(sum((Counter(said) & Counter(wanted)).values()), said, wanted)


def in_order(said: Sequence[str], wanted: Sequence[str]) -> int:
    """How many tokens both have in the same order: the length of their longest common subsequence."""
    row = [0] * (len(wanted) + 1)
    for token in said:
        before = 0
        for i, other in enumerate(wanted, start=1):
            before, row[i] = row[i], before + 1 if token == other else max(row[i], row[i - 1])
    return row[-1]


def _rouge_l(said: list[str], wanted: list[str]) -> float:
    return _harmonic(in_order(said, wanted), said, wanted)


def _harmonic(shared: int, said: list[str], wanted: list[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    return 2 * shared / (len(said) + len(wanted))
