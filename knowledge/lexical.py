"""Search terms of a text, and the BM25 ranking over them. This file performs no I/O."""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from Stemmer import Stemmer

_ENGLISH = Stemmer("english")

# Words that shape a question and say nothing of what it is about; in a small base they are rare enough to mislead.
_SHAPING = (
    "a an the and or but of to in on at for from by with as is are was were be been being am it its this that these "
    "those there here he she they we you i me us him her them his their our your my mine who whom whose what which "
    "when where why how do does did done doing have has had having will would shall should can could may might must "
    "not no so if than then too very just about into over any some all both each please tell know"
)
# The same in Chinese, which has no spaces between words: longer ones first, so that none is taken for its beginning.
_SHAPING_CJK = re.compile(
    "可不可以|为什么|怎么样|有没有|是不是|能不能|请问|知道|可以|应该|什么|怎么|怎样|哪里|哪儿|哪些|哪个|多少|几个|如果|因为|"
    "或者|而且|但是|不过|所以|一下|这个|那个|这里|那里|这些|那些|我们|你们|他们|她们|它们|自己|还有|已经|觉得|告诉|"
    "[的了吗呢吧啊呀哦噢嗯哇嘛哈是在有和与也都就很不没那这你我他她它还要哪谁]"
)
# An order in front asks like "what" and "how" do; further back the same words name things: a list, a show.
_ORDER = re.compile(
    r"^\W*(?:(?:please|can you|could you)\s+)?(?:describe|explain|find|give|identify|list|name|outline|show|"
    r"summari[sz]e)\b|^\W*(?:请)?(?:帮我)?(?:总结|概括|列出|介绍|解释)",
    re.IGNORECASE,
)

Floats = NDArray[np.float64]

# One more whenever `terms` gives other terms than before: what is stored is made anew then.
TERM_RULES = 2
LONGEST_TERM = 64
# Messages are short and much of a length: both lower than usual (1.2, 0.75), as Anserini has them for short passages.
K1 = 0.9
B = 0.4

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
# A run of CJK, or a word; inside a word the joints of identifiers (refresh-staging, ERR_1042, a/b.py, 1.2.3).
_TOKEN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:[-_.'’/:@+]+[^\W_{_CJK}]+)*")
_JOINT = re.compile(r"[-_.'’/:@+]+")
_IS_CJK = re.compile(rf"[{_CJK}]")


def terms(text: str) -> list[str]:
    """Search terms of one message, in order, repeats kept.

    Shape: words in lower case, without their endings; an identifier with joints as a whole and as its
    parts; runs of Chinese, Japanese or Korean as overlapping 1- and 2-grams.
    Units: a term has at most 64 characters after NFKC; longer runs are cut.
    Errors: none; any str is accepted.
    Source: Unicode UAX #15 for NFKC; character bigrams for Chinese after Nie et al. (2000); endings by the
    Snowball stemmer for English (Porter2).
    """
    found: list[str] = []
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()
    for token in _TOKEN.findall(folded):
        if _IS_CJK.match(token):
            found.extend(token)
            found.extend(token[i : i + 2] for i in range(len(token) - 1))
        elif token.isalnum():
            found.append(_stem(token))
        else:
            found.extend(_joined(token))
    return found


def _joined(token: str) -> list[str]:
    parts = [part for part in _JOINT.split(token) if part]
    if len(parts) == 2 and len(parts[1]) <= 2 and parts[1] in {"s", "t", "m", "d", "re", "ve", "ll"}:  # noqa: PLR2004
        return [_stem(parts[0])]  # it's, don't, we're: the ending carries nothing to search for
    return [token[:LONGEST_TERM], *(_stem(part) for part in parts)]


def _stem(word: str) -> str:
    word = word[:LONGEST_TERM]
    return str(_ENGLISH.stemWord(word)) if word.isascii() and word.isalpha() else word


FUNCTION_WORDS = frozenset(_stem(word) for word in _SHAPING.split())


def query_terms(text: str) -> list[str]:
    """The distinct terms of a question that say what it is about; all of them when none does."""
    return telling_terms(text) or list(dict.fromkeys(terms(text)))


def telling_terms(text: str) -> list[str]:
    """The distinct terms of a question that say what it is about; there may be none."""
    every = dict.fromkeys(terms(_SHAPING_CJK.sub(" ", _ORDER.sub("", text))))
    return [term for term in every if term not in FUNCTION_WORDS]


@lru_cache(maxsize=200_000)
def term_id(term: str) -> int:
    """A signed 32-bit number for a term, the same on every machine.

    Two of a million terms share a number about once in 4,000 terms; BM25 shrugs at that.
    """
    number = zlib.crc32(term.encode("utf-8", "surrogatepass"))
    return number - (1 << 32) if number >= 1 << 31 else number


def term_ids(text: str) -> list[int]:
    """`terms`, numbered."""
    return [term_id(term) for term in terms(text)]


def idf(df: Floats, live_count: int) -> Floats:
    """How much each term tells, from the number of messages that hold it.

    Source: Robertson and Zaragoza (2009), with the 1 added inside the logarithm as in Lucene, so
    that no weight is negative.
    """
    return np.log1p((live_count - df + 0.5) / (df + 0.5)).clip(min=1e-6)


def bm25(tf: Floats, lengths: Floats, mean_length: float, weights: Floats, *, k1: float = K1, b: float = B) -> Floats:
    """BM25 scores of documents for one query.

    Shapes: `tf` (documents, terms), `lengths` (documents,), `weights` (terms,) → (documents,).
    Source: Robertson and Zaragoza (2009).
    """
    norm = k1 * (1 - b + b * lengths / max(mean_length, 1.0))
    saturated: Floats = tf * (k1 + 1) / (tf + norm[:, None])
    return saturated @ weights


def frequencies(documents: Sequence[Sequence[int] | NDArray[np.int32]], query: Sequence[int]) -> Floats:
    """How often each query term occurs in each document: (documents, terms)."""
    width = len(query)
    if not documents or not width:
        return np.zeros((len(documents), width))
    words = np.concatenate([np.asarray(document) for document in documents]).astype(np.int64)
    rows = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    order = np.argsort(query)
    known = np.asarray(query, dtype=np.int64)[order]
    place = np.minimum(np.searchsorted(known, words), width - 1)
    hit = known[place] == words
    counts = np.bincount(rows[hit] * width + order[place[hit]], minlength=len(documents) * width)
    return counts.reshape(len(documents), width).astype(float)
