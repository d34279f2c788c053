"""Socket Mode: several sockets, each opened again by slack_sdk; and a watchdog for those that only seem to live."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

import structlog
from aiohttp import WSMessage, WSMsgType
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from adapters import fields
from adapters.slack.calls import SlackRefused, TokenRevoked
from adapters.slack.history import moment
from adapters.slack.workspace import Workspace
from knowledge.errors import KnowledgeError
from knowledge.messages import ChannelRef

log = structlog.get_logger()

PING_SECONDS = 5.0
# Silence for so long is looked into: is the workspace quiet, or does Slack no longer send?
SILENCE_SECONDS = 45.0
LOOK_SECONDS = 15.0
# An event may be this late before its absence says anything.
LATE_SECONDS = 10.0
CHANNELS_LOOKED_AT = 3
RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0)


class Connection:
    """The sockets of one workspace. `on_open` is called after each opening: what was missed before is then read."""

    def __init__(
        self,
        app: AsyncApp,
        workspace: Workspace,
        count: int,
        received: Callable[[], int],
        on_open: Callable[[], None],
        *,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._app = app
        self._workspace = workspace
        self._count = count
        self._received = received
        self._on_open = on_open
        self._silence_seconds = silence_seconds
        self._handlers: list[AsyncSocketModeHandler] = []
        self._heard = time.monotonic()
        self._looked_at = 0
        self._looked_for: dict[ChannelRef, datetime] = {}

    @property
    def is_open(self) -> bool:
        """Whether a socket is open, as far as it says itself."""
        sessions = (handler.client.current_session for handler in self._handlers)
        return any(session is not None and not session.closed for session in sessions)

    async def run(self) -> None:
        """Keeps the sockets open until cancelled. Errors: `TokenRevoked` when Slack does not accept the app token."""
        try:
            for _ in range(self._count):
                await self._open()
            await self._watch()
        finally:
            closing = [handler.close_async() for handler in self._handlers]  # type: ignore[no-untyped-call]
            await asyncio.gather(*closing, return_exceptions=True)

    async def _open(self) -> None:
        """Opens one more socket, however long Slack is away."""
        handler = AsyncSocketModeHandler(self._app, self._workspace.options.app_token, ping_interval=PING_SECONDS)
        handler.client.on_message_listeners.append(self._on_message)
        self._handlers.append(handler)
        pauses = iter(RETRY_SECONDS)
        while True:
            try:
                # Asked for here, because slack_sdk goes on asking for ever, whatever Slack answers.
                handler.client.wss_uri = await handler.client.issue_new_wss_url()
                await handler.connect_async()  # type: ignore[no-untyped-call]
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if _is_refused(error):
                    log.exception("token_revoked", adapter="slack", step="apps_connections_open")
                    raise TokenRevoked("Slack does not accept the app-level token (xapp-…).") from error
                pause = next(pauses, RETRY_SECONDS[-1])
                log.warning("socket_not_opened", adapter="slack", error=type(error).__name__, wait_seconds=pause)
                await asyncio.sleep(pause)
            else:
                return

    async def _on_message(self, message: WSMessage) -> None:
        """Every socket greets when it opens, also when slack_sdk opened it again by itself."""
        if message.type is WSMsgType.TEXT and '"hello"' in str(message.data)[:300]:
            log.info("socket_open", adapter="slack", workspace=self._workspace.identity.team_id)
            self._on_open()

    async def _watch(self) -> None:
        received = self._received()
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._silence_seconds / 3))
            if self._received() != received:
                received, self._heard = self._received(), time.monotonic()
            elif time.monotonic() - self._heard >= self._silence_seconds and await self._is_deaf():
                log.warning("socket_deaf", adapter="slack", workspace=self._workspace.identity.team_id)
                await self._reopen()
                self._heard = time.monotonic()

    async def _is_deaf(self) -> bool:
        """Whether Slack knows of messages that never came here: looked up in the liveliest channels in turn."""
        upkeep, identity = self._workspace.desk.upkeep, self._workspace.identity
        try:
            channels = await upkeep.joined("slack", identity.team_id)
            start = self._looked_at % max(len(channels), 1)
            chosen = (channels[start:] + channels[:start])[:CHANNELS_LOOKED_AT]
            self._looked_at += CHANNELS_LOOKED_AT
            for channel in chosen:
                if await self._has_newer(channel.ref):
                    return True
        except KnowledgeError as error:
            log.info("silence_not_explained", adapter="slack", error=type(error).__name__)
        return False

    async def _has_newer(self, channel: ChannelRef) -> bool:
        raws = await self._workspace.history.recent(channel, None, f"{time.time() + 60:.6f}", 1)
        known = await self._workspace.desk.upkeep.latest(channel)
        said = [raw for raw in raws if not self._workspace.identity.wrote(raw) and not raw.get("subtype")]
        newest = moment(fields.text(said[-1], "ts")) if said else None
        if newest is None or not _is_missed(newest, known) or newest == self._looked_for.get(channel):
            return False
        # Sockets are opened anew for it once: of somebody who wants nothing kept, nothing ever comes to be known.
        self._looked_for[channel] = newest
        return True

    async def _reopen(self) -> None:
        for handler in self._handlers:
            try:
                await handler.client.connect_to_new_endpoint(force=True)
            except Exception as error:  # noqa: BLE001 - whatever aiohttp or slack_sdk raise, the next look tries again
                log.warning("socket_not_opened", adapter="slack", error=type(error).__name__)
                self._looked_for.clear()


def _is_missed(newest: datetime, known: datetime | None) -> bool:
    is_late = time.time() - newest.timestamp() > LATE_SECONDS
    return is_late and (known is None or newest > known)


def _is_refused(error: Exception) -> bool:
    code = str(getattr(error, "response", {}) and error.response.get("error"))  # type: ignore[attr-defined]
    return isinstance(error, SlackRefused) or code in {"invalid_auth", "not_authed", "not_allowed_token_type"}
