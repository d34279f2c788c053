"""What the knowledge base asks of others. No I/O here; adapters and wiring fill these in."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from knowledge.messages import Entry


class Export(Protocol):
    """A file of history from a platform.

    `entries` yields channels and people before the messages that name them, as far as the format
    allows, and a `Problem` for whatever could not be used; it raises `UnreadableSource` only when
    nothing can be read at all. `bytes_total` and `bytes_read` drive the progress bar.
    """

    name: str
    bytes_total: int

    @property
    def bytes_read(self) -> int:
        """How far reading is."""

    def entries(self) -> Iterator[Entry]:
        """Everything in the file, in order."""
        ...


class EmbeddingModel(Protocol):
    """Turns texts into vectors. The name and the dimension are part of the index.

    Shapes: n texts in, n vectors of `dimension` floats out, each of length 1.
    Errors: `EmbeddingUnavailable`.
    """

    name: str
    dimension: int

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Vectors of texts that may be found."""
        ...

    async def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        ...
