"""LangChain's `Embeddings` over the EmbeddingModel port: in batches, and no text twice where a cache is given."""

import asyncio
import hashlib
import sqlite3
from array import array
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from langchain_core.embeddings import Embeddings

from knowledge.ports import EmbeddingModel

BATCH = 32

CREATE = (
    "CREATE TABLE IF NOT EXISTS vector (model TEXT, hash BLOB, vector BLOB, PRIMARY KEY (model, hash)) WITHOUT ROWID"
)
SELECT = "SELECT vector FROM vector WHERE model = ? AND hash = ?"
INSERT = "INSERT OR REPLACE INTO vector VALUES (?, ?, ?)"


class VectorCache:
    """Vectors by model and text hash in one file, for published question sets only.

    A team's own vectors live in the database alone, where a deletion reaches them.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with closing(self._open()) as connection:
            connection.execute(CREATE)

    def read(self, model: str, texts: Sequence[str]) -> list[list[float] | None]:
        """A vector, or None, for each text."""
        with closing(self._open()) as connection:
            rows = [connection.execute(SELECT, (model, _digest(text))).fetchone() for text in texts]
        return [list(array("f", row[0])) if row else None for row in rows]

    def write(self, model: str, texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        """Keeps a vector for each text."""
        rows = [(model, _digest(t), array("f", v).tobytes()) for t, v in zip(texts, vectors, strict=True)]
        with closing(self._open()) as connection, connection:
            connection.executemany(INSERT, rows)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30)


class ModelEmbeddings(Embeddings):
    """One embedding model as LangChain sees it. `name` and `dimension` are part of the index.

    Errors: `EmbeddingUnavailable`.
    """

    def __init__(self, model: EmbeddingModel, cache: VectorCache | None = None) -> None:
        self.name = model.name
        self.dimension = model.dimension
        self._model = model
        self._cache = cache

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of passages: n texts in, n vectors out."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            vectors += await self._passages(texts[start : start + BATCH])
        return vectors

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        if self._cache is None:
            return await self._model.embed_query(text)
        key = f"{self.name} query"
        (known,) = await asyncio.to_thread(self._cache.read, key, [text])
        if known is None:
            known = await self._model.embed_query(text)
            await asyncio.to_thread(self._cache.write, key, [text], [known])
        return known

    async def _passages(self, texts: list[str]) -> list[list[float]]:
        if self._cache is None:
            return await self._model.embed_passages(texts)
        known = await asyncio.to_thread(self._cache.read, self.name, texts)
        missing = [text for text, vector in zip(texts, known, strict=True) if vector is None]
        if missing:
            made = await self._model.embed_passages(missing)
            await asyncio.to_thread(self._cache.write, self.name, missing, made)
            fresh = dict(zip(missing, made, strict=True))
            known = [fresh[text] if vector is None else vector for text, vector in zip(texts, known, strict=True)]
        return [vector for vector in known if vector is not None]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Not offered: Threadlore is asynchronous throughout."""
        raise NotImplementedError("Use aembed_documents.")

    def embed_query(self, text: str) -> list[float]:
        """Not offered: Threadlore is asynchronous throughout."""
        raise NotImplementedError("Use aembed_query.")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
