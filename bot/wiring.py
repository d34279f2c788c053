"""COMPOSITION ROOT: builds the application from settings, closes it in reverse; platforms in `platform_wiring`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.archive.detect import open_export
from adapters.console import Console, render_answer
from bot.admin import Admin
from bot.answering import Answering
from bot.answers import Answers
from bot.assistant import Assistant
from bot.attachments.reader import DocumentReader
from bot.chain import Limits, Parts, answer_chain
from bot.channel_config import ChannelConfigs
from bot.clerk import Clerk
from bot.config import EmbeddingSettings, Settings, secret
from bot.desk import ChatAdapter, Desk
from bot.errors import BadConfiguration, StartupError
from bot.forget_log import ForgetLog
from bot.generation.embedder import LlamaEmbedder
from bot.generation.reranker import LlamaReranker
from bot.generation.sequence import Lora
from bot.inbox import DOOR_CONNECTIONS, PostgresInbox
from bot.learning import Learning
from bot.memory import RedisMemory, open_redis
from bot.models import (
    ChatModel,
    ChatSpec,
    EmbeddingSpec,
    ModelHealth,
    RerankSpec,
    health_of,
    open_chat_model,
    open_embedding_model,
    open_reranker,
    reranker_health,
)
from bot.outbox import Outbox
from bot.platform_wiring import adapters_of
from bot.ports import Memory, RateLimiter
from bot.queue import FairQueue
from bot.ratelimit import RedisRateLimiter
from bot.readers_first import ReadersFirst
from bot.restored import Restored
from bot.retraction import Retraction
from bot.sufficiency import sufficiency_for
from bot.telemetry import setup_logging
from bot.upkeep import Upkeep
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.backfill import Backfill
from knowledge.database import Database, ensure_database
from knowledge.digest import Digest
from knowledge.embedded import Addresses, default_home, embedded_servers
from knowledge.embeddings import ModelEmbeddings, VectorCache
from knowledge.errors import KnowledgeError
from knowledge.forget import Eraser
from knowledge.freshness import Freshness
from knowledge.importer import Importer
from knowledge.index import Index
from knowledge.indexer import Indexer
from knowledge.jobs import Jobs
from knowledge.messages import ChannelRef, Hidden
from knowledge.migrate import migrate, prepare
from knowledge.models import IndexModels
from knowledge.ports import EmbeddingModel, Reranker
from knowledge.presence import Presence
from knowledge.quarantine import Quarantine
from knowledge.reranking import DEADLINE_SECONDS, Reranking
from knowledge.retention import Retention
from knowledge.retriever import Search

__all__ = [
    "App",
    "Console",
    "Servers",
    "chain_parts",
    "chat_of",
    "chat_spec_of",
    "database_of",
    "embedding_of",
    "evaluation_embeddings",
    "evaluation_reranking",
    "home_of",
    "open_app",
    "open_archive",
    "open_export",
    "open_servers",
    "render_answer",
    "reranker_of",
]

DATABASE = "threadlore"
ASKING_SECONDS = 1.5
"""For one statement of a search; the slowest measured takes a tenth of it."""
FORGET_LOG = "forgotten.log"
DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Servers:
    """Where PostgreSQL and Redis are. `notes`: one line for the person at the terminal on what was started."""

    database_url: str
    redis_url: str
    embedded: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class App:
    """The running application, as commands see it."""

    assistant: Assistant
    admin: Admin
    access: Access
    archive: Archive
    importer: Importer
    indexer: Indexer
    chat: ChatModel
    inbox: PostgresInbox
    answering: Answering
    backfill: Backfill
    learning: Learning
    restored: Restored
    desk: Desk
    adapters: tuple[ChatAdapter, ...]
    embedder: EmbeddingModel
    reranking: Reranking | None
    notes: tuple[str, ...]

    def health(self) -> tuple[ModelHealth, ...]:
        """How the local models are; a server's health is its own business."""
        chat, embedder = self.chat.engine, self.embedder
        return (
            *([health_of("chat_model", chat)] if chat is not None else []),
            *([health_of("embedding_model", embedder.engine)] if isinstance(embedder, LlamaEmbedder) else []),
            *([reranker_health(self.reranking)] if self.reranking is not None else []),
        )


def home_of(settings: Settings) -> Path:
    """Where servers and models keep their data."""
    return (settings.home or default_home()).expanduser().absolute()


@asynccontextmanager
async def open_servers(settings: Settings, *, database: str = DATABASE) -> AsyncIterator[Servers]:
    """The servers that the settings name, or embedded ones for those they do not.

    `database` names the embedded server's database. Errors: `KnowledgeUnavailable`.
    """
    url, redis = secret(settings.database.url), secret(settings.redis.url)
    home = home_of(settings)
    async with embedded_servers(home, postgres=not url, redis=not redis) as started:
        server_url = url or started.database_url or ""
        # A given address names the team's own database; only what must not mix with it gets another one beside it.
        beside = not url or database != DATABASE
        yield Servers(
            database_url=await ensure_database(server_url, database) if beside else server_url,
            redis_url=redis or started.redis_url or "",
            embedded=not url,
            notes=_notes(started, home),
        )


def database_of(servers: Servers) -> Database:
    """A few connections to the database, for a command that needs nothing else."""
    return Database(servers.database_url, size=2)


@asynccontextmanager
async def open_archive(settings: Settings) -> AsyncIterator[Database]:
    """The team's own database, its schema up to date, for a command that asks no model. Errors: `KnowledgeError`."""
    async with open_servers(settings) as servers:
        await (migrate(servers.database_url) if servers.embedded else prepare(servers.database_url))
        async with database_of(servers) as database:
            yield database


@asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    database: str = DATABASE,
    model: ChatModel | None = None,
    embedder: EmbeddingModel | None = None,
    reranker: Reranker | None = None,
    memory: Memory | None = None,
    limiter: RateLimiter | None = None,
    adapters: Sequence[ChatAdapter] | None = None,
) -> AsyncIterator[App]:
    """Everything, ready to answer. Defaults are production; the keywords are what tests replace.

    Errors: `StartupError`, `KnowledgeError`.
    """
    setup_logging(settings.log_level)
    home = home_of(settings)
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(open_servers(settings, database=database))
        await (migrate(servers.database_url) if servers.embedded else prepare(servers.database_url))
        db = await stack.enter_async_context(Database(servers.database_url, size=settings.database.pool_size))
        own_memory, own_limiter = _on_redis(settings, servers.redis_url, stack)
        memory, limiter = memory or own_memory, limiter or own_limiter
        chat = model or await chat_of(settings, stack)
        notes = [*servers.notes, *filter(None, [db.missing_wall])]
        if settings.model.path is None and settings.model.url is None and model is None:
            notes.append(f"Using the built-in small model {chat.name}; set THREADLORE_MODEL__PATH for a better one.")
        spec = _embedding_spec(settings.embedding)
        embedder = embedder or await open_embedding_model(spec, home, stack)
        embedding = ModelEmbeddings(embedder)
        indexer = Indexer(db, embedding, source=spec.source)
        # Whoever asks is told within three seconds that the database is silent; whoever writes has more patience.
        asking = db.hurried(ASKING_SECONDS)
        models = IndexModels(asking)
        embeddings = {embedding.name: embedding}
        if (await indexer.register()).state == "building":
            notes.append(await _open_previous(models, spec, home, stack, embeddings))
        keep_days = settings.knowledge.keep_days
        retention = Retention(db, keep_days=keep_days)
        index, access, archive, quarantine = Index(asking), Access(db), Archive(db, retention), Quarantine(db)
        reranking = _reranking(settings, reranker or await reranker_of(settings, stack))
        search = Search(index, models, embeddings, reranking)
        parts = chain_parts(settings, chat, search, index, memory, embedding_name=embedding.name)
        chats = tuple(adapters_of(settings) if adapters is None else adapters)
        platforms = {one.name: one.platform for one in chats}
        sources = {one.name: one for one in chats}
        reading, outbox = Access(asking), Outbox(asking, keep_days=keep_days)
        readers_first = ReadersFirst(asking, {name: one.reader_kinds for name, one in platforms.items()})
        freshness = Freshness(asking, reading, sources, first=readers_first.wait)
        door = await stack.enter_async_context(_door_of(db)) if chats else db
        inbox = PostgresInbox(db, door=door)
        chain = answer_chain(parts)
        assistant = Assistant(reading, freshness, index, memory, parts, Digest(asking), quarantine, chain, chat.name)
        retraction, eraser = Retraction(memory, outbox, platforms), Eraser(db, archive)
        configs, orders = ChannelConfigs(asking, chat.adapters, chat.try_adapter), ForgetLog(home / FORGET_LOG)
        admin = Admin(db, eraser, indexer, memory, outbox, inbox, retraction, configs, orders, chat.name)
        await admin.forget_again()
        restored = Restored(quarantine, memory, admin, Jobs(db))
        await restored.look()
        notes += _restored(await quarantine.closed())
        learning = Learning(access, archive, Presence(db), eraser, configs, retraction, retention)
        answering = Answering(
            outbox, assistant, FairQueue(lambda: settings.model.parallel or chat.at_once()), platforms, limiter
        )
        desk = Desk(
            inbox=inbox,
            answers=Answers(outbox, reading, freshness, index, answering.wake),
            clerk=Clerk(db, admin, configs, limiter),
            upkeep=Upkeep(learning, access, Presence(db), Jobs(db), configs),
            documents=DocumentReader(),
        )
        for one in chats:
            stack.push_async_callback(one.close)
        yield App(
            assistant=assistant,
            admin=admin,
            access=access,
            archive=archive,
            importer=Importer(access, archive),
            indexer=indexer,
            chat=chat,
            inbox=inbox,
            answering=answering,
            backfill=Backfill(
                db,
                archive,
                sources,
                on_gone=retraction.retract,
                on_outdated=retraction.outdate,
                on_unreadable=_hiding(learning),
                retention=retention,
            ),
            learning=learning,
            restored=restored,
            desk=desk,
            adapters=chats,
            embedder=embedder,
            reranking=reranking,
            notes=tuple(notes),
        )


@asynccontextmanager
async def evaluation_embeddings(settings: Settings) -> AsyncIterator[ModelEmbeddings]:
    """The embedding model with a cache on disk: published question sets are embedded once only."""
    async with AsyncExitStack() as stack:
        model = await embedding_of(settings, stack)
        yield ModelEmbeddings(model, VectorCache(home_of(settings) / "cache" / "evaluation-vectors.sqlite"))


def chain_parts(
    settings: Settings, chat: ChatModel, search: Search, index: Index, memory: Memory, *, embedding_name: str
) -> Parts:
    """What the answering chain is made of, by the settings."""
    return Parts(
        memory=memory,
        search=search,
        index=index,
        model=chat.model,
        count=chat.count,
        test=sufficiency_for(embedding_name, settings.answer.decline_below, settings.answer.warn_below),
        limits=Limits(chat.prompt_budget, settings.answer.passages),
        quotes_first=chat.is_small,
    )


def _door_of(db: Database) -> Database:
    return Database(db.url, size=DOOR_CONNECTIONS, breaker=db.breaker)


def _hiding(learning: Learning) -> Callable[[ChannelRef], Awaitable[None]]:
    async def hide(channel: ChannelRef) -> None:
        await learning.observe([Hidden(channel)])

    return hide


async def chat_of(settings: Settings, stack: AsyncExitStack) -> ChatModel:
    """The chat model that the settings name. Errors: `StartupError`."""
    return await open_chat_model(chat_spec_of(settings), home_of(settings), stack)


def chat_spec_of(settings: Settings) -> ChatSpec:
    """The chat model as the settings name it, and which of them somebody set."""
    lora = tuple(Lora(one.name, str(one.path or ""), one.scale) for one in settings.model.lora)
    named = {**settings.model.model_dump(), "api_key": secret(settings.model.api_key) or "", "lora": lora}
    given = frozenset(settings.model.model_fields_set)
    return ChatSpec(**named, first_token_seconds=settings.answer.first_token_seconds, given=given)


async def embedding_of(settings: Settings, stack: AsyncExitStack) -> EmbeddingModel:
    """The embedding model that the settings name. Errors: `StartupError`, `EmbeddingUnavailable`."""
    return await open_embedding_model(_embedding_spec(settings.embedding), home_of(settings), stack)


async def reranker_of(settings: Settings, stack: AsyncExitStack) -> LlamaReranker | None:
    """The reranker, where the settings name one. Errors: `StartupError`."""
    if settings.rerank.path is None:
        return None
    return await open_reranker(RerankSpec(**settings.rerank.model_dump()), home_of(settings), stack)


async def evaluation_reranking(settings: Settings, stack: AsyncExitStack) -> Reranking | None:
    """The reranker for a measurement, which waits for it as long as it takes. Errors: `StartupError`."""
    return _reranking(settings, await reranker_of(settings, stack), deadline_seconds=None)


def _reranking(
    settings: Settings, reranker: Reranker | None, *, deadline_seconds: float | None = DEADLINE_SECONDS
) -> Reranking | None:
    if reranker is None:
        return None
    return Reranking(reranker, candidates=settings.rerank.candidates, deadline_seconds=deadline_seconds)


def _on_redis(settings: Settings, url: str, stack: AsyncExitStack) -> tuple[RedisMemory, RedisRateLimiter]:
    try:
        client = open_redis(url)
    except ValueError as error:
        raise BadConfiguration(f"THREADLORE_REDIS__URL: {error}") from error
    stack.push_async_callback(client.aclose)
    kept = settings.memory
    ttl_seconds = min(kept.ttl_seconds, settings.knowledge.keep_days * DAY_SECONDS or kept.ttl_seconds)
    memory = RedisMemory(client, ttl_seconds=ttl_seconds, max_turns=kept.max_turns, max_chars=kept.max_chars)
    return memory, RedisRateLimiter(client, **settings.limits.model_dump())


async def _open_previous(
    models: IndexModels,
    spec: EmbeddingSpec,
    home: Path,
    stack: AsyncExitStack,
    embeddings: dict[str, ModelEmbeddings],
) -> str:
    """Opens the model of the index still in use, so that questions find it until the new index is complete."""
    active = await models.active()
    if active is None:
        return "A new index is being built."
    source: dict[str, Any] = active.source
    previous = replace(
        spec,
        path=Path(source["path"]) if source.get("path") else None,
        url=source.get("url"),
        name=source.get("name"),
        dimension=None,
        context=source.get("context", spec.context),
        query_prefix=source.get("query_prefix"),
        passage_prefix=source.get("passage_prefix"),
    )
    try:
        opened = ModelEmbeddings(await open_embedding_model(previous, home, stack))
    except (StartupError, KnowledgeError):
        return f"A new index is being built; until it is complete, search goes by words alone ({active.name} is away)."
    embeddings[opened.name] = opened
    return f"A new index is being built; until it is complete, {active.name} is searched."


def _notes(started: Addresses, home: Path) -> tuple[str, ...]:
    names = [
        name for name, url in (("PostgreSQL", started.database_url), ("Redis", started.redis_url)) if url is not None
    ]
    return (f"Using the embedded {' and '.join(names)} in {home}.",) if names else ()


def _restored(closed: Sequence[tuple[ChannelRef, str, bool]]) -> tuple[str, ...]:
    if not closed:
        return ()
    ours = sum(joined for _, _, joined in closed)
    line = (
        f"Restored from a backup: {len(closed)} channels are closed to answers. {ours} of them open by themselves when "
        "they have been compared with their platform; `threadlore restore --release` shows the others."
    )
    return (line,)


def _embedding_spec(settings: EmbeddingSettings) -> EmbeddingSpec:
    return EmbeddingSpec(**{**settings.model_dump(), "api_key": secret(settings.api_key) or ""})
