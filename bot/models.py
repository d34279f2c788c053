"""Opens the models that the settings name: a GGUF file, a server, or the small built-in ones."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from bot.errors import BadConfiguration
from bot.generation.chat_model import LlamaChatModel
from bot.generation.embedder import LlamaEmbedder
from bot.generation.engine import Engine
from bot.generation.heard import about_tokens
from bot.generation.loading import check_sha256
from bot.generation.model_files import default_chat_model, default_embedding_model
from bot.generation.remote import RemoteEmbedder
from bot.generation.remote_chat import remote_chat_model
from bot.generation.sequence import ModelSpec
from bot.model_catalogue import known_sha256
from bot.prompts import Count
from knowledge.ports import EmbeddingModel

PROMPT_TOKENS_ON_CPU = 500
PROMPT_TOKENS_ELSEWHERE = 3000
# A vocabulary that does not know our template's marks spells them out; a prompt allows for half of that by itself.
TEMPLATE_TOKENS = 64
# A model of less than about a billion parameters, quantised.
SMALL_MODEL_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class ChatSpec:
    """Which chat model to open. Exactly as the settings of the same names."""

    path: Path | None
    url: str | None
    name: str | None
    api_key: str
    gpu_layers: int
    context: int
    threads: int | None
    max_tokens: int
    temperature: float
    sha256: str | None
    prompt_tokens: int | None
    parallel: int = 1
    cells: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """Which embedding model to open. Exactly as the settings of the same names."""

    path: Path | None
    url: str | None
    name: str | None
    api_key: str
    dimension: int | None
    gpu_layers: int
    context: int
    threads: int | None
    query_prefix: str | None
    passage_prefix: str | None

    @property
    def source(self) -> dict[str, Any]:
        """Where to find this model again, to embed questions until a successor's index is complete. No secrets."""
        return {
            "path": str(self.path.absolute()) if self.path else None,
            "url": self.url,
            "name": self.name,
            "context": self.context,
            "query_prefix": self.query_prefix,
            "passage_prefix": self.passage_prefix,
        }


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """How a local model is. `trouble`, `restarts`, `quarantined`: as of `Engine`."""

    part: str
    trouble: str
    restarts: int
    quarantined: int


def health_of(part: str, engine: Engine) -> ModelHealth:
    """How it is just now."""
    return ModelHealth(part, engine.trouble, engine.restarts, engine.quarantined)


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat model ready for use. `engine` is None when it runs on a server."""

    model: BaseChatModel
    name: str
    count: Count
    engine: Engine | None
    prompt_tokens: int | None
    answer_tokens: int = 0

    async def is_small(self) -> bool:
        """Whether the model is so small that the sources' own words make the better answer."""
        return self.engine is not None and (await self.engine.ready()).size_bytes < SMALL_MODEL_BYTES

    async def prompt_budget(self) -> int:
        """The longest prompt that this hardware reads in good time, and that leaves room for the answer.

        Starts a local model to see where it runs.
        """
        if self.engine is None:
            return self.prompt_tokens or PROMPT_TOKENS_ELSEWHERE
        report = await self.engine.ready()
        usual = PROMPT_TOKENS_ELSEWHERE if report.offloaded_layers else PROMPT_TOKENS_ON_CPU
        return min(self.prompt_tokens or usual, report.n_ctx - self.answer_tokens - TEMPLATE_TOKENS)


async def open_chat_model(spec: ChatSpec, home: Path, stack: AsyncExitStack) -> ChatModel:
    """The chat model; a local one is checked now and loads when it is first asked. Errors: `StartupError`."""
    if spec.url is not None:
        if spec.name is None:
            raise BadConfiguration(
                "THREADLORE_MODEL__NAME: name the model that the server at THREADLORE_MODEL__URL runs."
            )
        remote = remote_chat_model(
            spec.url,
            spec.name,
            api_key=spec.api_key,
            temperature=spec.temperature,
            max_tokens=spec.max_tokens,
            parallel=spec.parallel,
        )
        stack.push_async_callback(remote.close)
        return ChatModel(remote, spec.name, estimate, None, spec.prompt_tokens)
    path = spec.path or default_chat_model(home)
    engine = Engine(
        ModelSpec(
            str(path),
            n_ctx=spec.context,
            gpu_layers=spec.gpu_layers,
            threads=spec.threads or 0,
            parallel=spec.parallel,
            cells=spec.cells,
        )
    )
    engine.check_files()
    await asyncio.to_thread(_verify, path, spec.sha256, home)
    stack.push_async_callback(engine.close)
    model = LlamaChatModel(engine=engine, max_tokens=spec.max_tokens, temperature=spec.temperature)
    return ChatModel(model, path.stem, model.count, engine, spec.prompt_tokens, spec.max_tokens)


def _verify(path: Path, sha256: str | None, home: Path) -> None:
    """A chosen file against the setting; one that `threadlore models pull` fetched against the catalogue."""
    if sha256 is not None:
        check_sha256(path, sha256, "THREADLORE_MODEL__SHA256")
    elif (known := known_sha256(path, home)) is not None:
        check_sha256(path, known, "the catalogue")


async def open_embedding_model(spec: EmbeddingSpec, home: Path, stack: AsyncExitStack) -> EmbeddingModel:
    """The embedding model, loaded. Errors: `StartupError`, `EmbeddingUnavailable`."""
    if spec.url is not None:
        if spec.name is None:
            raise BadConfiguration(
                "THREADLORE_EMBEDDING__NAME: name the model that the server at THREADLORE_EMBEDDING__URL runs."
            )
        remote = await RemoteEmbedder.open(
            spec.url,
            spec.name,
            api_key=spec.api_key,
            dimension=spec.dimension,
            query_prefix=spec.query_prefix,
            passage_prefix=spec.passage_prefix,
        )
        stack.push_async_callback(remote.close)
        return remote
    path = spec.path or default_embedding_model(home)
    if path.is_file():
        await asyncio.to_thread(_verify, path, None, home)
    engine = Engine(
        ModelSpec(str(path), n_ctx=spec.context, gpu_layers=spec.gpu_layers, threads=spec.threads or 0, embedding=True)
    )
    stack.push_async_callback(engine.close)
    embedder = await LlamaEmbedder.open(engine, query_prefix=spec.query_prefix, passage_prefix=spec.passage_prefix)
    if spec.name is not None:
        embedder.name = spec.name
    if spec.dimension is not None and spec.dimension != embedder.dimension:
        raise BadConfiguration(
            f"THREADLORE_EMBEDDING__DIMENSION is {spec.dimension}, but {path.name} gives {embedder.dimension} numbers."
        )
    return embedder


async def estimate(texts: Sequence[str]) -> list[int]:
    """About how many tokens each text has, on the safe side, for models that run elsewhere."""
    return [about_tokens(text) for text in texts]
