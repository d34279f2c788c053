"""Plain BM25, by bm25s: over its own words with its own numbers, or over ours with ours."""

import re

import bm25s
import numpy as np

from knowledge.lexical import K1, B, query_terms, terms

CJK = re.compile("[\u3400-\u9fff]")


class Bm25:
    """An index in memory. `tokens`, `asked`: the words of documents and of questions."""

    def __init__(self, documents, tokens, asked, most, **numbers):
        self._messages = [document.messages for document in documents]
        self._channels = np.array([document.channel for document in documents])
        self._asked = asked
        self._most = min(most, len(documents))
        self._index = bm25s.BM25(method="lucene", **numbers)
        self._index.index(tokens, show_progress=False)

    async def find(self, text, channel):
        """The messages of each document found, the best document first; one without any of the words is not found."""
        words = self._asked(text)
        if not words:
            return []
        mask = None if channel is None else (self._channels == channel).astype(np.float32)
        places, scores = self._index.retrieve([words], k=self._most, weight_mask=mask, show_progress=False)
        return [self._messages[place] for place, score in zip(places[0], scores[0], strict=True) if score > 0]


def usual(documents, most):
    """k1 1.5, b .75; English by bm25s's own tokenizer, Chinese, which that cannot split, by two characters each."""
    chinese = sum(bool(CJK.search(document.text)) for document in documents) > len(documents) / 2
    split = _bigrams if chinese else _words
    return Bm25(documents, split([document.text for document in documents]), lambda text: split([text])[0], most)


def with_our_terms(documents, most):
    """The words of `knowledge.lexical`, speakers among them, with our k1 and b: our word search must reach it."""
    return Bm25(documents, [terms(document.signed) for document in documents], query_terms, most, k1=K1, b=B)


def _words(texts):
    return bm25s.tokenize(texts, return_ids=False, show_progress=False)


def _bigrams(texts):
    runs = [re.findall(r"\w+", text.lower()) for text in texts]
    return [[run[i : i + 2] for run in one for i in range(max(len(run) - 1, 1))] for one in runs]
