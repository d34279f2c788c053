"""The engine as the knowledge base's `EmbeddingModel`, with the prefixes each model was trained with."""

import asyncio
import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import ModelUnavailable
from bot.generation.engine import Engine
from knowledge.errors import EmbeddingUnavailable

EDGE_BYTES = 1 << 20
IDENTITY_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What a model wants in front of a question, and in front of a text to be found."""

    query: str = ""
    passage: str = ""


E5 = Prefixes("query: ", "passage: ")
QWEN3 = Prefixes(
    "Instruct: Given a question, retrieve chat messages of the team that answer it\nQuery:",
)
NONE = Prefixes()


def prefixes_for(name: str) -> Prefixes:
    """The prefixes that belong to a model, by its name; bge-m3 and unknown models take none."""
    plain = name.lower().replace("_", "-")
    if "qwen3" in plain and "embed" in plain:
        return QWEN3
    words = plain.replace("/", "-").split("-")
    return E5 if "e5" in words else NONE


class LlamaEmbedder:
    """Embeds through a local model. Make one with `open`; `name` tells its vectors from any other model's."""

    def __init__(self, engine: Engine, name: str, dimension: int, prefixes: Prefixes, *, normalise: bool) -> None:
        self.name = name
        self.dimension = dimension
        self.engine = engine
        self._prefixes = prefixes
        self._normalise = normalise

    @classmethod
    async def open(
        cls, engine: Engine, *, query_prefix: str | None = None, passage_prefix: str | None = None
    ) -> "LlamaEmbedder":
        """Loads the model and reads its name and dimension.

        Errors: those of `Engine.start`.
        """
        report = await engine.start()
        path = Path(engine.spec.path)
        usual = prefixes_for(report.name or path.name)
        prefixes = Prefixes(
            usual.query if query_prefix is None else query_prefix,
            usual.passage if passage_prefix is None else passage_prefix,
        )
        identity = await asyncio.to_thread(identity_of, path, prefixes.passage)
        return cls(
            engine,
            f"{report.name or path.stem}@{identity}",
            report.embedding_dimension,
            prefixes,
            normalise=report.tokenizer == "ugm",
        )

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text that may be found."""
        return await self._embed([self._prefixes.passage + text for text in texts])

    async def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return (await self._embed([self._prefixes.query + text]))[0]

    async def _embed(self, texts: list[str]) -> list[list[float]]:
        if self._normalise:
            texts = [unigram_form(text) for text in texts]
        try:
            return await self.engine.embed(texts)
        except ModelUnavailable as error:
            raise EmbeddingUnavailable(f"The embedding model {self.name} did not answer.") from error


def unigram_form(text: str) -> str:
    """NFKC with every run of white space as one space: what SentencePiece makes of a text before it looks up pieces.

    llama.cpp does this itself only when a file carries the table of replacements, which ours leaves out.
    """
    return " ".join(unicodedata.normalize("NFKC", text).split())


def identity_of(path: Path, passage_prefix: str) -> str:
    """A short name for what decides the vectors: the file's size, its first and last MiB, and the prefix."""
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size}\0{passage_prefix}\0".encode())
    with path.open("rb") as file:
        digest.update(file.read(EDGE_BYTES))
        file.seek(max(0, size - EDGE_BYTES))
        digest.update(file.read(EDGE_BYTES))
    return digest.hexdigest()[:IDENTITY_DIGITS]
