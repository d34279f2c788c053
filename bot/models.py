"""Opens the models that the settings name: a GGUF file, a server, or the small built-in ones."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from bot.errors import BadConfiguration, ModelUnavailable
from bot.generation.chat_model import LlamaChatModel
from bot.generation.embedder import LlamaEmbedder
from bot.generation.engine import Engine
from bot.generation.heard import about_tokens
from bot.generation.loading import check_gguf, check_sha256
from bot.generation.model_files import default_chat_model, default_embedding_model
from bot.generation.pace import Budget, affordable
from bot.generation.remote import RemoteEmbedder
from bot.generation.remote_chat import remote_chat_model
from bot.generation.reranker import LlamaReranker
from bot.generation.sequence import CPU_PARALLEL, CacheType, FlashAttention, Lora, ModelSpec, Report, SplitMode
from bot.generation.shelf import Shelf, adapters_directory
from bot.model_catalogue import known_sha256
from bot.prompts import Count
from bot.tuned import Tuned, chosen, tuned_for
from knowledge.ports import EmbeddingModel
from knowledge.reranking import Reranking

PROMPT_TOKENS_ON_CPU = 500
PROMPT_TOKENS_ELSEWHERE = 3000
# However fast it is read. A small model answered no better with more, measured; for others it is what they had.
MOST_FOR_SMALL, MOST_FOR_OTHERS = 500, 3000
# In about so many seconds a small model reads the usual prompt on two cores.
USUAL_SECONDS = 1.5
# Settings that `threadlore models tune` looks for; of those that are None the engine chooses itself, told by a 0.
TUNABLE = frozenset(
    {
        "threads",
        "writing_threads",
        "batch",
        "flash_attention",
        "cache_type_k",
        "cache_type_v",
        "gpu_layers",
        "split_mode",
    }
)
COUNTED = frozenset({"threads", "writing_threads", "batch"})
REMOTE_PARALLEL = 4
# A vocabulary that does not know our template's marks spells them out; a prompt allows for half of that by itself.
TEMPLATE_TOKENS = 64
# A model of less than about a billion parameters, quantised.
SMALL_MODEL_BYTES = 500_000_000
# A question and the longest passage, which has about 300 tokens in English and 800 in Chinese.
RERANKER_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class ChatSpec:
    """Which chat model to open. Exactly as the settings of the same names; `given` are those that somebody set."""

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
    parallel: int | None = None
    cells: int = 0
    rpc: str = ""
    lookup: int = 0
    lora: tuple[Lora, ...] = ()
    writing_threads: int | None = None
    batch: int | None = None
    flash_attention: FlashAttention = "auto"
    cache_type_k: CacheType = "f16"
    cache_type_v: CacheType = "f16"
    split_mode: SplitMode = "layer"
    main_gpu: int = 0
    tensor_split: str = ""
    first_token_seconds: float = 1.5
    given: frozenset[str] = frozenset()

    def model_spec(self, path: Path, tuned: Tuned | None = None) -> ModelSpec:
        """What the engine is told. What was tuned counts only where nothing was `given`."""
        named = {name: getattr(self, name) for name in self.given & TUNABLE}
        usual = {name: getattr(self, name) for name in TUNABLE}
        values: dict[str, Any] = {**usual, **chosen(tuned, named)}
        return ModelSpec(
            str(path),
            n_ctx=self.context,
            parallel=self.parallel or 0,
            cells=self.cells,
            rpc=self.rpc,
            lookup=self.lookup,
            main_gpu=self.main_gpu,
            tensor_split=tuple(float(one) for one in self.tensor_split.split(",") if one),
            **{**values, **{name: values[name] or 0 for name in COUNTED}},
        )


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
class RerankSpec:
    """Which reranker to open. Exactly as the settings of the same names."""

    path: Path
    candidates: int
    gpu_layers: int
    threads: int | None


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """How a local model is. `trouble`, `restarts`, `quarantined`: as of `Engine`.

    `left_out`: how many questions did without it, for it failed or was late.
    """

    part: str
    trouble: str
    restarts: int
    quarantined: int
    left_out: int = 0


def health_of(part: str, engine: Engine) -> ModelHealth:
    """How it is just now."""
    return ModelHealth(part, engine.trouble, engine.restarts, engine.quarantined)


def reranker_health(reranking: Reranking) -> ModelHealth:
    """How the reranker is just now."""
    name, left_out = "reranker", reranking.left_out
    if isinstance(reranking.model, LlamaReranker):
        return replace(health_of(name, reranking.model.engine), left_out=left_out)
    return ModelHealth(name, "", 0, 0, left_out)


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat model ready for use. `engine` is None when it runs on a server.

    `adapters`: names of the LoRA adapters that a channel can choose now. `try_adapter` loads one.
    `learns` False: the length of prompts is the same from the first to the last, whatever the machine does besides.
    """

    model: BaseChatModel
    name: str
    count: Count
    engine: Engine | None
    prompt_tokens: int | None
    answer_tokens: int = 0
    adapters: Callable[[], Sequence[str]] = tuple
    try_adapter: Callable[[str], Awaitable[None]] | None = None
    first_token_seconds: float = 1.5
    tuned: Tuned | None = None
    learns: bool = True

    async def is_small(self) -> bool:
        """Whether the model is so small that the sources' own words make the better answer."""
        return self.engine is not None and (await self.engine.ready()).size_bytes < SMALL_MODEL_BYTES

    def at_once(self) -> int:
        """How many questions it answers at once, unless a setting says so."""
        if self.engine is None:
            return REMOTE_PARALLEL
        try:
            return self.engine.report.parallel
        except ModelUnavailable:  # it is not loaded yet
            return CPU_PARALLEL

    async def prompt_budget(self) -> Budget:
        """The longest prompt that this hardware reads in good time, and that leaves room for the answer.

        Starts a local model to see where it runs.
        """
        if self.engine is None:
            why = "setting" if self.prompt_tokens else "server"
            return Budget(self.prompt_tokens or PROMPT_TOKENS_ELSEWHERE, why)
        report = await self.engine.ready()
        room = report.n_ctx - self.answer_tokens - TEMPLATE_TOKENS
        budget = Budget(self.prompt_tokens, "setting") if self.prompt_tokens else self._paced(self.engine, report)
        return replace(budget, tokens=room, why="context") if budget.tokens > room else budget

    def _paced(self, engine: Engine, report: Report) -> Budget:
        """What is read within the time there is, at the speed of recent answers, of the tuning, or the usual one."""
        small = report.size_bytes < SMALL_MODEL_BYTES
        usual = PROMPT_TOKENS_ELSEWHERE if report.offloaded_layers else PROMPT_TOKENS_ON_CPU
        seconds, most = self.first_token_seconds, MOST_FOR_SMALL if small else MOST_FOR_OTHERS
        known = self.learns and engine.pace.is_known
        seed = self.tuned.prefill_tokens_per_s if self.tuned else usual / USUAL_SECONDS
        speed = engine.pace.reading(seed) if self.learns else seed
        return Budget(
            affordable(speed, seconds, usual, most),
            "measured" if known else "tuned" if self.tuned else "default",
            seconds,
            round(speed, 1) if known or self.tuned else None,
            engine.pace.writing() if self.learns else None,
        )


async def open_chat_model(spec: ChatSpec, home: Path, stack: AsyncExitStack) -> ChatModel:
    """The chat model; a local one is checked now and loads when it is first asked. Errors: `StartupError`."""
    if spec.url is not None:
        if spec.name is None:
            raise BadConfiguration(
                "THREADLORE_MODEL__NAME: name the model that the server at THREADLORE_MODEL__URL runs."
            )
        names = [one.name for one in spec.lora]
        remote = remote_chat_model(
            spec.url,
            spec.name,
            adapters=names,
            api_key=spec.api_key,
            temperature=spec.temperature,
            max_tokens=spec.max_tokens,
            parallel=spec.parallel or REMOTE_PARALLEL,
        )
        stack.push_async_callback(remote.close)
        return ChatModel(remote, spec.name, estimate, None, spec.prompt_tokens, adapters=lambda: names)
    tuned = await asyncio.to_thread(tuned_for, spec.path, home)
    # A checksum that somebody set is that of the usual file.
    path = spec.path or default_chat_model(home, tuned.values.file_type if tuned and not spec.sha256 else "q4_0")
    engine = Engine(spec.model_spec(path, tuned))
    engine.check_files()
    for adapter in spec.lora:
        check_gguf(Path(adapter.path), "THREADLORE_MODEL__LORA", "a LoRA adapter as GGUF")
    await asyncio.to_thread(_verify, path, spec.sha256, home)
    stack.push_async_callback(engine.close)
    shelf = Shelf(engine, spec.lora, adapters_directory(home))
    model = LlamaChatModel(engine=engine, shelf=shelf, max_tokens=spec.max_tokens, temperature=spec.temperature)
    return ChatModel(
        model,
        path.stem,
        model.count,
        engine,
        spec.prompt_tokens,
        spec.max_tokens,
        adapters=shelf.names,
        try_adapter=shelf.fetch,
        first_token_seconds=spec.first_token_seconds,
        tuned=tuned,
    )


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


async def open_reranker(spec: RerankSpec, home: Path, stack: AsyncExitStack) -> LlamaReranker:
    """The reranker, loaded. Errors: `StartupError`."""
    engine = Engine(
        ModelSpec(
            str(spec.path),
            n_ctx=RERANKER_TOKENS,
            gpu_layers=spec.gpu_layers,
            threads=spec.threads or 0,
            embedding=True,
            pooling="rank",
        )
    )
    engine.check_files()
    await asyncio.to_thread(_verify, spec.path, None, home)
    stack.push_async_callback(engine.close)
    return await LlamaReranker.open(engine)


async def estimate(texts: Sequence[str]) -> list[int]:
    """About how many tokens each text has, on the safe side, for models that run elsewhere."""
    return [about_tokens(text) for text in texts]
