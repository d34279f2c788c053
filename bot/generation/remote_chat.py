"""A chat model behind a URL, with the same manners as the local one: it streams, ends when closed, and never hangs."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

import structlog
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, PrivateAttr

from bot.adapter_names import with_adapter
from bot.errors import ModelUnavailable
from bot.generation.heard import Heard
from bot.generation.server_faults import BROKE_OFF, NOTHING, BrokeOff, reached_server

log = structlog.get_logger()

# The client itself tries thrice until a server answers at all; this is for one that breaks off behind that.
TRIES = 2
PAUSE_SECONDS = 1.0
CONNECT_SECONDS = 5.0
NO_KEY = "none"  # local servers want no key, the client wants a string


class RemoteChatModel(BaseChatModel):
    """A chat model on a server. Asynchronous only; closing the stream ends the request, and so the server's work.

    At most `parallel` requests are under way. `wall_seconds`: the longest to wait for one answer, all tries together;
    a server that reads a long prompt is silent too. `silence_seconds`: the longest between two pieces of it. Time in
    which the reader of the stream does something else is not counted, nor is waiting for a turn.

    `response_metadata` gains `prefill_ms` (until the first text) and `generation_ms`, measured here; where the server
    counts no tokens, `usage_metadata` is about right, and `usage` says `estimated`.
    A call with `lora` goes to the model of that name, which is one of `adapters`; any other goes to the model alone.
    Errors: `ModelUnavailable`, whose sentence is for the operator; `QuestionTooLong`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: BaseChatModel
    name_there: str = ""
    adapters: tuple[str, ...] = ()
    max_tokens: int = 512
    parallel: int = 1
    wall_seconds: float = 120.0
    silence_seconds: float = 30.0
    client: Any = None
    _turns: asyncio.Semaphore = PrivateAttr()

    def model_post_init(self, _context: Any, /) -> None:
        """Makes the turns."""
        self._turns = asyncio.Semaphore(self.parallel)

    @property
    def _llm_type(self) -> str:
        return "threadlore-remote"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return self.inner._get_ls_params(stop=stop, **kwargs)  # noqa: SLF001 -- the same method of the same class

    async def close(self) -> None:
        """Closes the connections to the server."""
        if self.client is not None:
            await self.client.aclose()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 -- astream reports the tokens itself
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        heard = Heard()
        lora = self._adapter(kwargs)
        async with self._turns:
            heard.asked = time.perf_counter()
            async with aclosing(self._said(messages, stop, lora, kwargs, heard)) as pieces:
                async for piece in pieces:
                    yield piece
        yield ChatGenerationChunk(message=heard.last_chunk(messages))

    async def _said(
        self, messages: list[BaseMessage], stop: list[str] | None, lora: str, given: dict[str, Any], heard: Heard
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        """What the server's adapter says; the model alone, where the server does not know it any more."""
        from openai import NotFoundError

        options = self._options({**given, "model": lora} if lora else given)
        try:
            async with aclosing(self._pieces(messages, stop, options, heard)) as pieces:
                async for piece in pieces:
                    if lora and "model_name" in (told := piece.generation_info or {}):
                        piece.generation_info = {**told, "model_name": with_adapter(self.name_there, lora)}
                    yield piece
        except ModelUnavailable as error:
            if not lora or not isinstance(error.__cause__, NotFoundError):
                raise
            log.warning("adapter_away", adapter=lora)
            async with aclosing(self._said(messages, stop, "", given, heard)) as pieces:
                async for piece in pieces:
                    yield piece

    def _adapter(self, options: dict[str, Any]) -> str:
        """Takes the adapter that was asked for out of the options; "" is the model alone."""
        lora = str(options.pop("lora", ""))
        if lora and lora not in self.adapters:
            log.warning("adapter_away", adapter=lora)
            return ""
        return lora

    async def _pieces(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any], heard: Heard
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        """The answer; asked for again when the server breaks off, as long as nothing of it was told."""
        for tries_left in reversed(range(TRIES)):
            try:
                async with aclosing(self._one_try(messages, stop, options, heard)) as pieces:
                    async for piece in pieces:
                        yield piece
            except ModelUnavailable as error:
                if not isinstance(error, BrokeOff):
                    raise
                if heard.pieces:
                    raise BrokeOff from error
                if not tries_left or heard.waited + PAUSE_SECONDS > self.wall_seconds:
                    raise
            else:
                return
            heard.waited += PAUSE_SECONDS
            await asyncio.sleep(PAUSE_SECONDS)

    async def _one_try(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any], heard: Heard
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        begun = ended = False
        with reached_server():
            # Not `astream`, which would report everything to LangChain's callbacks a second time.
            stream = self.inner._astream(messages, stop=stop, **options)  # noqa: SLF001
            async with aclosing(cast("AsyncGenerator[ChatGenerationChunk, None]", stream)) as chunks:
                while (chunk := await self._next(chunks, heard)) is not None:
                    begun = True
                    ended = ended or bool((chunk.generation_info or {}).get("finish_reason"))
                    heard.read(chunk.message)
                    chunk.message = chunk.message.model_copy(update={"chunk_position": None})
                    yield chunk
        if not ended:
            raise BrokeOff(BROKE_OFF if begun else NOTHING)

    async def _next(
        self, chunks: AsyncGenerator[ChatGenerationChunk, None], heard: Heard
    ) -> ChatGenerationChunk | None:
        """The next chunk, None after the last. Errors: TimeoutError, when it is too long in coming."""
        left = self.wall_seconds - heard.waited
        if heard.pieces:
            left = min(left, self.silence_seconds)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(max(left, 0.0)):
                return await anext(chunks, None)
        finally:
            heard.waited += time.perf_counter() - began

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        """What goes to the server beside the messages.

        LangChain would say `max_completion_tokens`, which some servers, llama-cpp-python's among them, do not know:
        they would write until their context is full.
        """
        options = dict(given)
        extra = {"max_tokens": options.pop("max_tokens", self.max_tokens), **(options.pop("extra_body", None) or {})}
        return {**options, "extra_body": extra}

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("This chat model is asynchronous only: use ainvoke or astream.")


def remote_chat_model(
    url: str,
    model: str,
    *,
    adapters: Sequence[str] = (),
    api_key: str = "",
    temperature: float = 0.0,
    max_tokens: int = 512,
    seed: int | None = None,
    parallel: int = 1,
    wall_seconds: float = 120.0,
    silence_seconds: float = 30.0,
) -> RemoteChatModel:
    """The chat model `model` of the server at `url` (the address that ends in /v1). Close it when done."""
    from langchain.chat_models import init_chat_model
    from openai import DefaultAsyncHttpxClient, Timeout

    timeout = Timeout(wall_seconds, connect=CONNECT_SECONDS)
    client = DefaultAsyncHttpxClient(timeout=timeout)
    inner = init_chat_model(
        model,
        model_provider="openai",
        base_url=url,
        api_key=api_key or NO_KEY,
        temperature=temperature,
        seed=seed,
        timeout=timeout,
        stream_chunk_timeout=None,
        max_retries=2,
        stream_usage=True,
        http_async_client=client,
    )
    return RemoteChatModel(
        inner=inner,
        name_there=model,
        adapters=tuple(adapters),
        max_tokens=max_tokens,
        parallel=parallel,
        wall_seconds=wall_seconds,
        silence_seconds=silence_seconds,
        client=client,
    )
