"""Checks everything the bot depends on, and tells how to mend what is wrong."""

import shutil
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bot.config import Settings
from bot.errors import BotError, StartupError
from bot.generation.sequence import Report
from bot.memory import open_redis
from bot.models import ChatModel
from bot.tuned import Tuned, chosen
from bot.wiring import Servers, chat_of, embedding_of, home_of, open_servers, reranker_of
from knowledge.database import Database, connect
from knowledge.errors import KnowledgeError
from knowledge.migrate import check_pgvector, pending_in
from knowledge.quarantine import Quarantine
from knowledge.reranking import DEADLINE_SECONDS
from knowledge.wall import missing_wall

LOW_DISK_BYTES = 2_000_000_000
UP_TO_DATE = "up to date"
USUAL_PASSAGE = "Somebody said that the boat is in the harbour and that all of us are there. " * 6


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `mend` says what to do when it is not well."""

    name: str
    ok: bool
    found: str
    mend: str = ""


async def examine(settings: Settings, *, models: bool = True) -> list[Check]:
    """Looks at database, schema, Redis and disk, and by loading them at the models and GPU offload. Raises nothing."""
    checks = [_disk(settings)]
    async with AsyncExitStack() as stack:
        try:
            servers = await stack.enter_async_context(open_servers(settings))
        except KnowledgeError as error:
            checks.append(Check("database", ok=False, found=str(error), mend="Set THREADLORE_DATABASE__URL."))
        else:
            checks += [await _try("database", _database, servers), await _try("schema", _schema, servers)]
            checks.append(await _try("wall", _wall, servers))
            checks.append(await _try("redis", _redis, servers))
            if any(check.name == "schema" and check.found == UP_TO_DATE for check in checks):
                checks.append(await _try("restored", _restored, servers))
        if models:
            checks += await _chat(settings, stack)
            checks.append(await _embedding(settings, stack))
            checks += await _reranker(settings, stack)
    return checks


async def _try(name: str, look: Callable[[Servers], Awaitable[Check]], servers: Servers) -> Check:
    try:
        return await look(servers)
    except KnowledgeError as error:
        return Check(name, ok=False, found=str(error), mend="Start PostgreSQL, or set THREADLORE_DATABASE__URL.")
    except (OSError, ValueError) as error:
        return Check(
            name, ok=False, found=f"{type(error).__name__}: {error}", mend="Check the address in the settings."
        )


async def _database(servers: Servers) -> Check:
    async with connect(servers.database_url) as connection:
        row = await (await connection.execute("SHOW server_version")).fetchone()
        pgvector = await check_pgvector(connection)
    kind = "embedded" if servers.embedded else "given"
    return Check("database", ok=True, found=f"PostgreSQL {row[0] if row else '?'} ({kind}), pgvector {pgvector}")


async def _schema(servers: Servers) -> Check:
    pending = await pending_in(servers.database_url)
    if pending:
        return Check(
            "schema", ok=servers.embedded, found=f"to be migrated: {', '.join(pending)}", mend="threadlore migrate"
        )
    return Check("schema", ok=True, found=UP_TO_DATE)


async def _restored(servers: Servers) -> Check:
    async with Database(servers.database_url, size=1) as database:
        quarantine = Quarantine(database)
        if await quarantine.is_moved():
            found = "from a backup; nothing is answered before `threadlore run` has looked at it"
            return Check("restored", ok=False, found=found, mend="threadlore run")
        closed = await quarantine.closed()
    if not closed:
        return Check("restored", ok=True, found="no channel is closed because of a restore")
    stuck = sum(not joined for _, _, joined in closed)
    found = f"{len(closed)} channels are closed since a restore, {stuck} of them not on a connected platform"
    return Check("restored", ok=False, found=found, mend="threadlore run; for the others threadlore restore --release")


async def _wall(servers: Servers) -> Check:
    async with connect(servers.database_url) as connection:
        missing = await missing_wall(connection)
    # Not a fault: each statement has its scope besides.
    return Check("wall", ok=True, found="off" if missing else "row-level security is on", mend=missing)


async def _redis(servers: Servers) -> Check:
    client = open_redis(servers.redis_url)
    try:
        info = await client.info("server")
        return Check("redis", ok=True, found=f"Redis {info['redis_version']}")
    except Exception as error:  # noqa: BLE001  # whatever the client raises, the check reports it
        mend = "Start Redis or set THREADLORE_REDIS__URL; without it answers come without memory."
        return Check("redis", ok=False, found=type(error).__name__, mend=mend)
    finally:
        await client.aclose()


async def _chat(settings: Settings, stack: AsyncExitStack) -> list[Check]:
    try:
        chat = await chat_of(settings, stack)
        if chat.engine is None:
            reply = await chat.model.ainvoke("Say yes.")
            return [
                Check("model", ok=True, found=f"{chat.name} at {settings.model.url}: {len(str(reply.text))} characters")
            ]
        report = await chat.engine.start()
    except (StartupError, BotError) as error:
        return [Check("model", ok=False, found=str(error), mend="Set THREADLORE_MODEL__PATH or THREADLORE_MODEL__URL.")]
    size = f"{report.size_bytes / 1e6:,.0f} MB, context {report.n_ctx}, {report.threads} threads"
    size += f", {report.parallel} at once" if report.parallel > 1 else ""
    size += "" if report.has_template else f", no chat template: asked as {report.template}"
    size += ", nothing of an answer guessed" if settings.model.lookup and not report.lookup else ""
    return [
        Check("model", ok=True, found=f"{chat.name} ({report.description}, {size})"),
        tuning(chat.tuned, settings.model.model_fields_set),
        offload(report),
        isolation(report, settings.model.rpc),
        *[await adapter(chat, name) for name in chat.adapters()],
    ]


def tuning(tuned: Tuned | None, given: Collection[str]) -> Check:
    """Whether values that `threadlore models tune` found for this model on this machine are in use."""
    if tuned is None:
        found = "the usual values: this model was not tuned on this machine, as it is built now"
        return Check("tuning", ok=True, found=found, mend="threadlore models tune, to measure what is faster")
    values = chosen(tuned, {})
    used = [f"{name} {value}" for name, value in values.items() if name not in given]
    own = sorted(set(values) & set(given))
    found = f"measured on {tuned.measured_at}: {', '.join(used) or 'nothing is left of it'}"
    return Check("tuning", ok=True, found=f"{found}; set by you: {', '.join(own)}" if own else found)


async def adapter(chat: ChatModel, name: str) -> Check:
    """Whether a LoRA adapter can be used, by loading it."""
    try:
        if chat.try_adapter is not None:
            await chat.try_adapter(name)
    except BotError as error:
        return Check("adapter", ok=False, found=str(error), mend="Take it away, or give one made for this model.")
    return Check("adapter", ok=True, found=name)


def isolation(report: Report, rpc: str = "") -> Check:
    """Whether the model's process has given its network up."""
    if rpc:
        return Check("isolation", ok=True, found=f"the model's process keeps the network, to compute on {rpc}")
    if not report.has_network:
        return Check("isolation", ok=True, found="the model's process has no network")
    found = "the model's process kept the network: this system lets no process give it up"
    return Check(
        "isolation", ok=True, found=found, mend="Allow unprivileged user namespaces, if model files are not yours."
    )


def offload(report: Report) -> Check:
    """What this build can put on a GPU, and what it did."""
    if not report.can_offload:
        wanted = report.requested_gpu_layers
        found = "this build of llama.cpp runs on the CPU only"
        found += f", though {wanted} layers were to go to a GPU" if wanted > 0 else ""
        return Check("offload", ok=True, found=found, mend="For a GPU: CMAKE_ARGS=-DGGML_CUDA=on make setup")
    devices = ", ".join(report.devices) or "no device"
    found = f"{report.offloaded_layers} of {report.model_layers} layers on {devices}"
    wanted = report.model_layers if report.requested_gpu_layers < 0 else report.requested_gpu_layers
    done = report.offloaded_layers >= min(wanted, report.model_layers)
    return Check(
        "offload", ok=done, found=found, mend="" if done else "Free GPU memory or lower THREADLORE_MODEL__GPU_LAYERS."
    )


async def _embedding(settings: Settings, stack: AsyncExitStack) -> Check:
    try:
        embedding = await embedding_of(settings, stack)
        vector = await embedding.embed_query("Is anybody there?")
    except (StartupError, BotError, KnowledgeError) as error:
        mend = "Set THREADLORE_EMBEDDING__PATH or THREADLORE_EMBEDDING__URL; without it search goes by words alone."
        return Check("embedding", ok=False, found=str(error), mend=mend)
    return Check("embedding", ok=True, found=f"{embedding.name}, {len(vector)} numbers")


async def _reranker(settings: Settings, stack: AsyncExitStack) -> list[Check]:
    try:
        reranker = await reranker_of(settings, stack)
        if reranker is None:
            return []
        passages = [f"{number}. {USUAL_PASSAGE}" for number in range(settings.rerank.candidates)]
        began = time.perf_counter()
        await reranker.relevance("Is anybody there?", passages)
        took = time.perf_counter() - began
    except (StartupError, BotError, KnowledgeError) as error:
        mend = "Set THREADLORE_RERANK__PATH to a reranker, or to nothing; without it search orders passages by itself."
        return [Check("reranker", ok=False, found=str(error), mend=mend)]
    found = f"{reranker.name} reads {settings.rerank.candidates} passages in {took:.1f} s"
    late = f"A question waits {DEADLINE_SECONDS:.0f} s: put it on a GPU, or lower THREADLORE_RERANK__CANDIDATES."
    in_time = took < DEADLINE_SECONDS
    return [Check("reranker", ok=in_time, found=found, mend="" if in_time else late)]


def _disk(settings: Settings) -> Check:
    place = home_of(settings)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:,.1f} GB free under {place}"
    ok = free > LOW_DISK_BYTES
    return Check("disk", ok=ok, found=found, mend="" if ok else "Free some space, or move it with THREADLORE_HOME.")
