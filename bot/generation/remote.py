"""Embedding models behind a URL: llama-server, vLLM or any other server that speaks the OpenAI protocol."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from bot.errors import BotError
from bot.generation.embedder import Prefixes, prefixes_for
from bot.generation.remote_chat import CONNECT_SECONDS, NO_KEY
from bot.generation.server_faults import reached_server
from knowledge.errors import EmbeddingUnavailable

if TYPE_CHECKING:
    from langchain_openai import OpenAIEmbeddings

EMBED_BATCH = 32
PROBE = "dimension"


class RemoteEmbedder:
    """An `EmbeddingModel` on a server. Make one with `open`, and close it when done."""

    def __init__(
        self,
        client: "OpenAIEmbeddings",
        name: str,
        dimension: int,
        prefixes: Prefixes,
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.name = name
        self.dimension = dimension
        self._client = client
        self._prefixes = prefixes
        self._close = close

    @classmethod
    async def open(
        cls,
        url: str,
        model: str,
        *,
        api_key: str = "",
        dimension: int | None = None,
        query_prefix: str | None = None,
        passage_prefix: str | None = None,
        timeout_seconds: float = 60.0,
    ) -> "RemoteEmbedder":
        """The embedding model `model` of the server at `url`; asked once for its dimension if that is not given.

        Errors: `EmbeddingUnavailable`.
        """
        from langchain_openai import OpenAIEmbeddings
        from openai import DefaultAsyncHttpxClient, Timeout

        timeout = Timeout(timeout_seconds, connect=CONNECT_SECONDS)
        connections = DefaultAsyncHttpxClient(timeout=timeout)
        client = OpenAIEmbeddings(
            model=model,
            base_url=url,
            api_key=lambda: api_key or NO_KEY,
            chunk_size=EMBED_BATCH,
            check_embedding_ctx_length=False,  # otherwise it sends token numbers of another model's vocabulary
            timeout=timeout,
            max_retries=2,
            http_async_client=connections,
        )
        usual = prefixes_for(model)
        prefixes = Prefixes(
            usual.query if query_prefix is None else query_prefix,
            usual.passage if passage_prefix is None else passage_prefix,
        )
        embedder = cls(client, model, dimension or 0, prefixes, connections.aclose)
        if dimension is None:
            try:
                embedder.dimension = len(await embedder.embed_query(PROBE))
            except EmbeddingUnavailable:
                await embedder.close()
                raise
        return embedder

    async def close(self) -> None:
        """Closes the connections to the server."""
        await self._close()

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector for each text that may be found."""
        if not texts:
            return []
        return await self._embed([self._prefixes.passage + text for text in texts])

    async def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question."""
        return (await self._embed([self._prefixes.query + text]))[0]

    async def _embed(self, texts: list[str]) -> list[list[float]]:
        try:
            with reached_server():
                vectors = await self._client.aembed_documents(texts)
                _check(vectors, len(texts), self.dimension)
        except BotError as error:
            raise EmbeddingUnavailable(f"The embedding server gave no vectors for {self.name}. {error}") from error
        return [unit(vector) for vector in vectors]


def unit(vector: Sequence[float]) -> list[float]:
    """The vector at length 1; some servers do not scale."""
    length = sum(value * value for value in vector) ** 0.5 or 1.0
    return [value / length for value in vector]


def _check(vectors: Sequence[Sequence[float]], texts: int, dimension: int) -> None:
    """Errors: ValueError, when these are not the vectors of so many texts."""
    lengths = {len(vector) for vector in vectors}
    if len(vectors) != texts or len(lengths) > 1 or 0 in lengths or (dimension and lengths != {dimension}):
        raise ValueError("not one vector of the known length for each text")
