"""Made-up vectors, and how PostgreSQL takes many of them. No I/O."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_KEYS = (("model", 4), ("unit", 8), ("channel", 8))


def directions(dice: np.random.Generator, count: int, dimension: int) -> Vectors:
    """So many directions at random, each of length 1: (count, dimension)."""
    return unit_length(dice.standard_normal((count, dimension), dtype=np.float32))


def unit_length(vectors: Vectors) -> Vectors:
    """The same directions, each of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


def copied(model_pk: int, keys: Sequence[tuple[int, int]], vectors: Vectors) -> bytes:
    """Rows of `unit_vector` as COPY takes them in its binary format. `keys`: unit and channel of each vector.

    Source: PostgreSQL's documentation of COPY; pgvector's of halfvec: the dimension, two unused bytes, the numbers.
    """
    dimension = vectors.shape[1]
    row = np.dtype(
        [
            ("columns", ">i2"),
            *[part for name, size in _KEYS for part in ((f"{name}_bytes", ">i4"), (name, f">i{size}"))],
            ("vector_bytes", ">i4"),
            ("dimension", ">i2"),
            ("unused", ">i2"),
            ("numbers", ">f2", (dimension,)),
        ]
    )
    rows = np.zeros(len(vectors), row)
    rows["columns"] = len(_KEYS) + 1
    for name, size in _KEYS:
        rows[f"{name}_bytes"] = size
    rows["model"] = model_pk
    rows["unit"], rows["channel"] = np.array(keys, dtype=np.int64).reshape(-1, 2).T
    rows["vector_bytes"] = 4 + 2 * dimension
    rows["dimension"] = dimension
    rows["numbers"] = vectors
    return _HEAD + rows.tobytes() + _END
