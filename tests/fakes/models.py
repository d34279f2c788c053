"""Models that need no weights: one says what the test wants, one embeds by counting words."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from bot.models import ChatModel, estimate
from knowledge.errors import EmbeddingUnavailable
from knowledge.lexical import term_ids


class ScriptedModel(BaseChatModel):
    """Streams what `script` makes of the prompt, and keeps each prompt and the LoRA adapter that was to answer it.

    `cancelled` counts answers cut short.
    """

    script: Callable[[str], str]
    prompts: list[str] = Field(default_factory=list)
    loras: list[str] = Field(default_factory=list)
    delay_seconds: float = 0.0
    cancelled: int = 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        prompt = "\n".join(str(message.text) for message in messages)
        self.prompts.append(prompt)
        self.loras.append(kwargs.get("lora", ""))
        finished = False
        try:
            for word in self.script(prompt).split(" "):
                await asyncio.sleep(self.delay_seconds)
                yield ChatGenerationChunk(message=AIMessageChunk(content=f"{word} "))
            finished = True
        finally:
            self.cancelled += not finished

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        text = self.script("\n".join(str(message.text) for message in messages))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


def scripted(script: Callable[[str], str], *, delay_seconds: float = 0.0) -> ChatModel:
    model = ScriptedModel(script=script, delay_seconds=delay_seconds)
    return ChatModel(model, "scripted", estimate, None, 2000)


def first_source(prompt: str) -> str:
    """An honest little model: it repeats the first source and cites it."""
    line = next(line for line in prompt.splitlines() if line.startswith("[1]"))
    return f"{line.split(': ', 1)[1]} [1]"


class WordEmbedding:
    """Texts that share words are near each other. `texts` keeps what was embedded."""

    def __init__(self, name: str = "words", dimension: int = 1024) -> None:
        self.name = name
        self.dimension = dimension
        self.texts: list[str] = []
        self.is_away = False
        self.poison: str | None = None
        self.delay_seconds = 0.0

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        if self.is_away or (self.poison is not None and any(self.poison in text for text in texts)):
            raise EmbeddingUnavailable("The embedding model is away.")
        await asyncio.sleep(self.delay_seconds)
        self.texts += texts
        return [self._vector(text) for text in texts]

    async def embed_query(self, text: str) -> list[float]:
        if self.is_away:
            raise EmbeddingUnavailable("The embedding model is away.")
        return self._vector(text)

    def _vector(self, text: str) -> list[float]:
        vector = [0.001] * self.dimension
        for term in term_ids(text):
            vector[term % self.dimension] += 1.0
        length = sum(value * value for value in vector) ** 0.5
        return [value / length for value in vector]


class Mirrored(WordEmbedding):
    """A model of the same size, whose numbers mean something else."""

    def _vector(self, text: str) -> list[float]:
        return super()._vector(text)[::-1]
