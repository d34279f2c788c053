"""How far apart two ways are on the same questions. This file performs no I/O."""

import numpy as np

SAMPLES = 2_000


def difference(ours, theirs):
    """The mean of ours less theirs, question by question, and the interval of 95 % of as many drawn with repeats."""
    apart = np.asarray(ours) - np.asarray(theirs)
    drawn = np.random.default_rng(0).integers(0, len(apart), (SAMPLES, len(apart)))
    low, high = np.quantile(apart[drawn].mean(axis=1), [0.025, 0.975])
    return {"mean": round(float(apart.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}
