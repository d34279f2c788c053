"""Models behind a URL: llama-server, vLLM or any other server that speaks the OpenAI protocol."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from bot.adapter_names import with_adapter
from bot.errors import ModelUnavailable
from bot.generation.embedder import Prefixes, prefixes_for
from knowledge.errors import EmbeddingUnavailable

if TYPE_CHECKING:
    from langchain_openai import OpenAIEmbeddings

log = structlog.get_logger()

NO_KEY = "none"  # local servers want no key, the client wants a string
EMBED_BATCH = 32
PROBE = "dimension"


class RemoteChatModel(BaseChatModel):
    """A chat model on a server; what fails on the way is a `ModelUnavailable`. Asynchronous only.

    `response_metadata` gains `prefill_ms` (until the first text) and `generation_ms`, measured here.
    A call with `lora` goes to the model of that name, which is one of `adapters`; any other goes to the model alone.
    """

    inner: BaseChatModel
    name_there: str = ""
    adapters: tuple[str, ...] = ()

    @property
    def _llm_type(self) -> str:
        return "threadlore-remote"

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 -- astream reports the tokens itself
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        lora = self._adapter(kwargs)
        started = time.perf_counter()
        first: float | None = None
        with reached_server():
            async with aclosing(self._chunks(messages, stop, lora, kwargs)) as chunks:
                async for chunk in chunks:
                    first = first or (time.perf_counter() if chunk.content else None)
                    yield ChatGenerationChunk(message=chunk.model_copy(update={"chunk_position": None}))
        ended = time.perf_counter()
        first = first or ended
        times = {"prefill_ms": round((first - started) * 1000, 2), "generation_ms": round((ended - first) * 1000, 2)}
        yield ChatGenerationChunk(message=AIMessageChunk(content="", chunk_position="last", response_metadata=times))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 -- the inner model's own business
        **kwargs: Any,
    ) -> ChatResult:
        lora = self._adapter(kwargs)
        kwargs |= {"model": lora} if lora else {}
        with reached_server():
            message = await self.inner.ainvoke(messages, stop=stop, **kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("This chat model is asynchronous only: use ainvoke or astream.")

    async def _chunks(
        self, messages: list[BaseMessage], stop: list[str] | None, lora: str, options: dict[str, Any]
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """What the server's adapter says; the model alone, where the server does not know it any more."""
        from openai import NotFoundError

        asked = {**options, "model": lora} if lora else options
        try:
            async with aclosing(self.inner.astream(messages, stop=stop, **asked)) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    said = dict(chunk.response_metadata)
                    if lora and "model_name" in said:
                        said["model_name"] = with_adapter(self.name_there, lora)
                    yield chunk.model_copy(update={"response_metadata": said})
        except NotFoundError:
            if not lora:
                raise
            log.warning("adapter_away", adapter=lora)
            async with aclosing(self._chunks(messages, stop, "", options)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def _adapter(self, options: dict[str, Any]) -> str:
        """Takes the adapter that was asked for out of the options; "" is the model alone."""
        lora = str(options.pop("lora", ""))
        if lora and lora not in self.adapters:
            log.warning("adapter_away", adapter=lora)
            return ""
        return lora


def remote_chat_model(
    url: str,
    model: str,
    *,
    adapters: Sequence[str] = (),
    api_key: str = "",
    temperature: float = 0.0,
    max_tokens: int = 512,
    timeout_seconds: float = 120.0,
) -> RemoteChatModel:
    """The chat model `model` of the server at `url` (the address that ends in /v1)."""
    from langchain.chat_models import init_chat_model

    inner = init_chat_model(
        model,
        model_provider="openai",
        base_url=url,
        api_key=api_key or NO_KEY,
        temperature=temperature,
        max_tokens=max_tokens,
        timeout=timeout_seconds,
        max_retries=2,
        stream_usage=True,
    )
    return RemoteChatModel(inner=inner, name_there=model, adapters=tuple(adapters))


class RemoteEmbedder:
    """An `EmbeddingModel` on a server. Make one with `open`."""

    def __init__(self, client: "OpenAIEmbeddings", name: str, dimension: int, prefixes: Prefixes) -> None:
        self.name = name
        self.dimension = dimension
        self._client = client
        self._prefixes = prefixes

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

        client = OpenAIEmbeddings(
            model=model,
            base_url=url,
            api_key=lambda: api_key or NO_KEY,
            chunk_size=EMBED_BATCH,
            check_embedding_ctx_length=False,  # otherwise it sends token numbers of another model's vocabulary
            timeout=timeout_seconds,
            max_retries=2,
        )
        usual = prefixes_for(model)
        prefixes = Prefixes(
            usual.query if query_prefix is None else query_prefix,
            usual.passage if passage_prefix is None else passage_prefix,
        )
        embedder = cls(client, model, dimension or 0, prefixes)
        if dimension is None:
            embedder.dimension = len(await embedder.embed_query(PROBE))
        return embedder

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
        except ModelUnavailable as error:
            raise EmbeddingUnavailable(f"The embedding server did not answer for {self.name}.") from error
        return [unit(vector) for vector in vectors]


def unit(vector: Sequence[float]) -> list[float]:
    """The vector at length 1; some servers do not scale."""
    length = sum(value * value for value in vector) ** 0.5 or 1.0
    return [value / length for value in vector]


@contextmanager
def reached_server() -> Iterator[None]:
    """Turns everything the OpenAI client raises into `ModelUnavailable`, the cause kept."""
    from openai import OpenAIError

    try:
        yield
    except (OpenAIError, OSError) as error:
        raise ModelUnavailable from error
