"""The bot's own web server: is it alive, is it ready, how much has it done; and where platforms call it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from bot.admin import Admin
from bot.errors import BadConfiguration
from bot.models import ModelHealth
from knowledge.errors import KnowledgeError

log = structlog.get_logger()

DEFAULT_PORT = 8080
CHECK_SECONDS = 2.0

Health = Callable[[], Sequence[ModelHealth]]


def _no_models() -> Sequence[ModelHealth]:
    return ()


@asynccontextmanager
async def web_server(
    host: str, port: int | None, routes: Sequence[web.RouteDef], admin: Admin, health: Health = _no_models
) -> AsyncIterator[int | None]:
    """Serves until the end of the block. Yields the port; None where the default one is taken and none is needed.

    `health` tells how the models are, beside what `admin` knows.
    Errors: `BadConfiguration` when the port that is wanted is taken.
    """
    app = web.Application()
    app.add_routes([web.get("/healthz", _alive), *_reports(admin, health), *routes])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        yield await _listen(runner, host, port, needed=bool(routes) or port is not None)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int | None, *, needed: bool) -> int | None:
    site = web.TCPSite(runner, host, DEFAULT_PORT if port is None else port)
    try:
        await site.start()
    except OSError as error:
        if needed:
            raise BadConfiguration(
                f"The web server cannot listen on {host}:{port or DEFAULT_PORT} ({error.strerror}): "
                "set THREADLORE_HTTP__HOST and THREADLORE_HTTP__PORT to a free one."
            ) from error
        log.warning("no_web_server", port=DEFAULT_PORT)
        return None
    taken = runner.addresses[0]
    return int(taken[1])


def _reports(admin: Admin, health: Health) -> list[web.RouteDef]:
    async def ready(_: web.Request) -> web.Response:
        """Ready means: questions can be answered, if need be (`degraded`) with no more than the messages themselves."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                status = await admin.status()
        except (KnowledgeError, TimeoutError) as error:
            return web.json_response({"ready": False, "database": type(error).__name__}, status=503)
        if status.is_closed:
            return web.json_response({"ready": False, "quarantined": status.quarantined}, status=503)
        degraded = {one.part: one.trouble for one in health() if one.trouble}
        more = {"degraded": degraded} if degraded else {}
        return web.json_response({"ready": True, "waiting": status.waiting, "events": status.events, **more})

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await _exposition(admin, health()), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/readyz", ready), web.get("/metrics", metrics)]


async def _exposition(admin: Admin, models: Sequence[ModelHealth]) -> bytes:
    """Counted in the database when asked, so that several processes say the same; models are each process's own."""
    registry = CollectorRegistry()
    _show_models(registry, models)
    up = Gauge("threadlore_database_up", "Whether the database answers.", registry=registry)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            status = await admin.status()
    except (KnowledgeError, TimeoutError):
        up.set(0)
        return generate_latest(registry)
    up.set(1)
    figures = {
        "threadlore_channels": ("Channels that are kept.", len(status.channels)),
        "threadlore_channels_quarantined": ("Channels closed since a restore.", status.quarantined),
        "threadlore_messages": ("Messages that are kept.", sum(one.messages for one in status.channels)),
        "threadlore_units_waiting": ("Pieces that wait to be indexed.", status.waiting),
        "threadlore_units_parked": ("Pieces that were given up.", sum(one.parked for one in status.channels)),
        "threadlore_answers_waiting": ("Questions that wait for an answer.", status.asked),
        "threadlore_events_waiting": ("Platform events that wait to be handled.", status.events),
        "threadlore_events_lag_seconds": ("Age of the oldest waiting event.", status.lag_seconds),
    }
    for name, (meaning, value) in figures.items():
        Gauge(name, meaning, registry=registry).set(value)
    return generate_latest(registry)


def _show_models(registry: CollectorRegistry, models: Sequence[ModelHealth]) -> None:
    labels = ("part",)
    up = Gauge("threadlore_model_up", "0: requests to this model fail just now.", labels, registry=registry)
    restarts = Gauge("threadlore_model_restarts", "Starts in place of a dead child.", labels, registry=registry)
    held = Gauge("threadlore_prompts_quarantined", "Prompts that killed two children.", labels, registry=registry)
    without = Gauge("threadlore_model_left_out", "Questions that did without this model.", labels, registry=registry)
    for one in models:
        up.labels(one.part).set(not one.trouble)
        restarts.labels(one.part).set(one.restarts)
        held.labels(one.part).set(one.quarantined)
        without.labels(one.part).set(one.left_out)


async def _alive(_: web.Request) -> web.Response:
    return web.json_response({"alive": True})
