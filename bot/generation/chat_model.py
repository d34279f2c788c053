"""The engine as a LangChain chat model: streaming, stop words, token counts, cancellation."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field

from bot.adapter_names import with_adapter
from bot.generation.engine import Engine
from bot.generation.sequence import Finished, Generate, Report
from bot.generation.shelf import Shelf
from bot.generation.templates import FAMILIES, ChatTurn, Role, render, static_segments

ROLES: dict[str, Role] = {"system": "system", "human": "user", "ai": "assistant"}


class LlamaChatModel(BaseChatModel):
    """Answers through a local model. Asynchronous only; closing the stream ends the model's work.

    `lora` names one of the engine's adapters; "" is the model alone. With a `shelf` it is one of those, and the model
    alone answers where it cannot be used. How a token is chosen is said by fields of the names that `Generate` uses, or
    for one call by keywords of the same names. Each answer carries
    `usage_metadata` (tokens read, of those taken from memory, tokens written) and `response_metadata`
    (`finish_reason`, `prefill_ms`, `generation_ms`, `guessed_tokens`, `right_tokens`, `model_name`).
    Errors: `ModelUnavailable`, `QuestionTooLong`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    engine: Engine
    shelf: Shelf | None = None
    max_tokens: int = 512
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = Field(default_factory=dict)
    grammar: str = ""
    seed: int = 0
    stop: list[str] | None = None
    lora: str = ""

    @property
    def _llm_type(self) -> str:
        return "threadlore-llama"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "llama"
        params["ls_model_name"] = str(kwargs.get("model", self.engine.spec.path))
        params["ls_max_tokens"] = self.max_tokens
        return params

    async def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, counted by the model itself."""
        return await self.engine.count(texts)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 -- astream reports the tokens itself
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        report = await self.engine.ready()
        lora = str(kwargs.get("lora", self.lora))
        if lora and self.shelf is not None:
            kwargs["lora"] = await self.shelf.usable(lora)
        request = self._request([turn_of(message) for message in messages], report, stop, kwargs)
        async with aclosing(self.engine.stream(request)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    yield ChatGenerationChunk(message=_last_chunk(event, report, request.lora))
                else:
                    yield ChatGenerationChunk(message=AIMessageChunk(content=event.text))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        whole = AIMessageChunk(content="")
        async for chunk in self._astream(messages, stop, run_manager, **kwargs):
            whole += chunk.message  # type: ignore[assignment] # chunks add up to a chunk
        message = AIMessage(
            content=whole.content,
            usage_metadata=whole.usage_metadata,
            response_metadata=whole.response_metadata,
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("This chat model is asynchronous only: use ainvoke or astream.")

    def get_token_ids(self, text: str) -> list[int]:
        """Not offered: the vocabulary lives in the model's own process."""
        raise NotImplementedError("Counting tokens is asynchronous: use `await model.count(texts)`.")

    def _request(
        self, turns: list[ChatTurn], report: Report, stop: list[str] | None, options: dict[str, Any]
    ) -> Generate:
        words = (*FAMILIES[report.template].stop, *(self.stop or ()), *(stop or ()))

        def chosen(name: str) -> Any:
            return options.get(name, getattr(self, name))

        return Generate(
            self.engine.new_request_id(),
            render(turns, report.template, thinks=report.thinks),
            max_tokens=int(chosen("max_tokens")),
            temperature=float(chosen("temperature")),
            top_k=int(chosen("top_k")),
            top_p=float(chosen("top_p")),
            min_p=float(chosen("min_p")),
            repeat_penalty=float(chosen("repeat_penalty")),
            presence_penalty=float(chosen("presence_penalty")),
            frequency_penalty=float(chosen("frequency_penalty")),
            logit_bias=tuple((int(token), float(bias)) for token, bias in chosen("logit_bias").items()),
            grammar=str(chosen("grammar")),
            stop=tuple(dict.fromkeys(words)),
            seed=int(chosen("seed")),
            static_segments=static_segments(turns, report.template),
            lora=str(chosen("lora")),
        )


def turn_of(message: BaseMessage) -> ChatTurn:
    """A LangChain message as the model sees it; what is neither system nor assistant speaks as the user."""
    return ChatTurn(ROLES.get(message.type, "user"), str(message.text))


def _last_chunk(event: Finished, report: Report, lora: str) -> AIMessageChunk:
    return AIMessageChunk(
        content="",
        chunk_position="last",
        usage_metadata=UsageMetadata(
            input_tokens=event.prompt_tokens,
            output_tokens=event.new_tokens,
            total_tokens=event.prompt_tokens + event.new_tokens,
            input_token_details=InputTokenDetails(cache_read=event.cached_tokens),
        ),
        response_metadata={
            "finish_reason": event.reason,
            "prefill_ms": event.prefill_ms,
            "generation_ms": event.generation_ms,
            "guessed_tokens": event.guessed_tokens,
            "right_tokens": event.right_tokens,
            "model_name": with_adapter(report.name or report.description, lora),
        },
    )
