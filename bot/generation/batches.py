"""The arrays that llama.cpp reads a step from. Runs in the child process only."""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp

from bot.generation.answers import Run


class Batch:
    """Made once for the largest step, filled anew for each."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._batch: Any = llama_cpp.llama_batch_init(size, 0, 1)
        ctypes.memset(self._batch.logits, 0, size)
        for place in range(size):
            self._batch.n_seq_id[place] = 1

    def fill_whole(self, texts: Sequence[Sequence[int]]) -> Any:
        """llama.cpp's structure with these texts in it, each a sequence of its own, all of whose tokens count."""
        runs = [Run(sequence, 0, tuple(tokens), ends=True) for sequence, tokens in enumerate(texts)]
        batch = self.fill(runs)
        ctypes.memset(batch.logits, 1, batch.n_tokens)
        return batch

    def fill(self, runs: Sequence[Run]) -> Any:
        """llama.cpp's structure with these runs in it, one behind the other."""
        batch, place = self._batch, 0
        for run in runs:
            for position, token in enumerate(run.tokens, start=run.start):
                batch.token[place] = token
                batch.pos[place] = position
                batch.seq_id[place][0] = run.sequence
                batch.logits[place] = position >= run.start + len(run.tokens) - run.ends
                place += 1
        batch.n_tokens = place
        return batch
