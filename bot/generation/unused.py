"""Gives memory back to the system that llama.cpp takes and never uses. Runs in the child process only.

For each token that it reads whole, llama.cpp keeps room for a logit of every word of the vocabulary, all of it set to
nought. An encoder has no logits: with the 250,000 words of XLM-RoBERTa, 512 tokens cost half a gigabyte for nothing.
"""

import ctypes
import mmap
import sys
from typing import Any

import llama_cpp

FLOAT_BYTES = 4


class UnusedLogits:
    """Those of one context of an encoder. Where the system cannot take memory back, nothing happens."""

    def __init__(self, context: Any, words: int) -> None:
        self._context = context
        self._words = words
        self._most_tokens = 0
        self._madvise = None
        if sys.platform == "linux":
            self._madvise = ctypes.CDLL(None).madvise
            self._madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def give_back(self, tokens: int) -> None:
        """After a step of so many tokens; only one that is longer than any before has made the room anew.

        It stays llama.cpp's: should it be looked at after all, it reads as nought again.
        """
        if self._madvise is None or tokens <= self._most_tokens:
            return
        self._most_tokens = tokens
        start = ctypes.cast(llama_cpp.llama_get_logits(self._context), ctypes.c_void_p).value
        if start is not None:
            first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
            last = (start + tokens * self._words * FLOAT_BYTES) // mmap.PAGESIZE * mmap.PAGESIZE
            if last > first:
                self._madvise(first, last - first, mmap.MADV_DONTNEED)
