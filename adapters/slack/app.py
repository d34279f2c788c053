"""Slack as the application runs it: every configured workspace connected, caught up, kept in step."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiohttp import ClientSession, ClientTimeout, web
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from adapters import catching_up
from adapters.slack.calls import SlackRefused, TokenRevoked
from adapters.slack.connection import Connection
from adapters.slack.history import History
from adapters.slack.learning import enter
from adapters.slack.listeners import Listeners
from adapters.slack.messages import PLATFORM
from adapters.slack.platform import SlackPlatform
from adapters.slack.progress import resume_progress
from adapters.slack.web import routes_of
from adapters.slack.workspace import Options, Workspace, open_workspace
from adapters.tasks import stop
from bot.conversation import Delivery
from bot.desk import Desk
from bot.errors import BadConfiguration
from knowledge.errors import SourceUnavailable
from knowledge.messages import Channel, ChannelRef, Members, Person, PersonRef
from knowledge.ports import Page

log = structlog.get_logger()

CALL_TIMEOUT = ClientTimeout(total=30)
RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0)


@dataclass(frozen=True, slots=True)
class Connected:
    """One workspace while it runs."""

    workspace: Workspace
    listeners: Listeners
    app: AsyncApp
    gap: asyncio.Event
    ended: asyncio.Event


class SlackAdapter:
    """Every workspace of the settings. `mode` is "socket" or "http"."""

    name = PLATFORM

    def __init__(self, options: Sequence[Options], *, api_url: str, mode: str, sockets: int) -> None:
        self._options = options
        self._api_url = api_url
        self._mode = mode
        self._sockets = sockets
        self._connected: dict[str, Connected] = {}
        self._workspaces: dict[str, Workspace] = {}
        self._session: ClientSession | None = None
        self.platform = SlackPlatform(self._workspaces)

    @property
    def routes(self) -> list[web.RouteDef]:
        """Where Slack calls, when it is to."""
        return routes_of(self._signed) if self._mode == "http" else []

    async def open(self, desk: Desk) -> None:
        """Asks Slack who we are in each workspace. Errors: `BadConfiguration` for a token that Slack refuses."""
        self._session = ClientSession(timeout=CALL_TIMEOUT)
        for options in self._options:
            await self._open_one(options, desk)

    async def close(self) -> None:
        """Ends what still runs, and the connections to Slack."""
        for connected in self._connected.values():
            await connected.workspace.tasks.stop()
        if self._session is not None:
            await self._session.close()

    async def run(self) -> None:
        """Receives events until cancelled. A workspace whose token is revoked ends alone, even if it is the last."""
        async with asyncio.TaskGroup() as group:
            for connected in self._connected.values():
                group.create_task(self._run_one(connected))
        await asyncio.Event().wait()

    async def handle(self, delivery: Delivery) -> None:
        """Handles a delivery from the inbox. One of a workspace that is not connected here waits for who connects it.

        Errors: `SourceUnavailable`, and what its handler raises.
        """
        connected = self._connected.get(delivery.workspace)
        if connected is None:
            raise SourceUnavailable("This Slack workspace is not connected.")
        await connected.listeners.handle(delivery)

    async def history(self, channel: ChannelRef, cursor: str | None, since: datetime | None) -> Page:
        """As `HistorySource`."""
        return await self._history(channel).history(channel, cursor, since)

    async def thread(self, channel: ChannelRef, thread_id: str, cursor: str | None) -> Page:
        """As `HistorySource`."""
        return await self._history(channel).thread(channel, thread_id, cursor)

    async def members(self, channel: ChannelRef) -> Members:
        """As `MembershipSource`."""
        return await self._of(channel.workspace).directory.members(channel)

    async def person(self, ref: PersonRef) -> Person:
        """As `MembershipSource`."""
        return await self._of(ref.workspace).directory.person(ref)

    async def channel(self, ref: ChannelRef) -> Channel:
        """As `MembershipSource`."""
        return await self._of(ref.workspace).directory.channel(ref)

    def _history(self, channel: ChannelRef) -> History:
        return self._of(channel.workspace).history

    def _of(self, team_id: str) -> Workspace:
        workspace = self._workspaces.get(team_id)
        if workspace is None:
            raise SourceUnavailable("This Slack workspace is not connected.")
        return workspace

    async def _open_one(self, options: Options, desk: Desk) -> None:
        client = AsyncWebClient(
            token=options.bot_token, base_url=self._api_url, session=self._session, retry_handlers=[]
        )
        gap, ended = asyncio.Event(), asyncio.Event()
        pauses = iter(RETRY_SECONDS)
        while True:
            try:
                workspace = await open_workspace(options, client, desk, ended.set)
            except (SlackRefused, TokenRevoked) as error:
                raise BadConfiguration(
                    f"Slack does not accept the bot token THREADLORE_SLACK__BOT_TOKEN: {error}"
                ) from error
            except SourceUnavailable as error:
                pause = next(pauses, None)
                if pause is None:
                    raise
                log.warning("slack_away", adapter="slack", error=type(error).__name__, wait_seconds=pause)
                await asyncio.sleep(pause)
            else:
                break
        team_id = workspace.identity.team_id
        if team_id in self._workspaces:
            raise BadConfiguration("Two of the Slack tokens belong to the same workspace: remove one.")
        listeners = Listeners(workspace, gap.set, ended.set)
        self._workspaces[team_id] = workspace
        self._connected[team_id] = Connected(workspace, listeners, self._bolt(workspace, listeners), gap, ended)

    def _bolt(self, workspace: Workspace, listeners: Listeners) -> AsyncApp:
        """Bolt checks signatures and speaks Socket Mode. Who we are it is told, so that no call of its own can fail."""
        identity, token = workspace.identity, workspace.options.bot_token

        async def authorize() -> AuthorizeResult:
            return AuthorizeResult(
                enterprise_id=None, team_id=identity.team_id, bot_token=token, bot_user_id=identity.bot_user_id
            )

        return AsyncApp(
            client=AsyncWebClient(base_url=self._api_url, session=self._session, retry_handlers=[]),
            signing_secret=workspace.options.signing_secret or None,
            request_verification_enabled=self._mode == "http",
            ignoring_self_events_enabled=False,
            authorize=authorize,
            before_authorize=listeners.accept,
            process_before_response=True,
        )

    async def _run_one(self, connected: Connected) -> None:
        workspace = connected.workspace
        workspace.tasks.start(resume_progress(workspace))
        in_step = catching_up.CatchingUp(_kept(workspace), connected.gap)
        work = [in_step.sweep()]
        if self._mode == "socket":
            connection = Connection(
                connected.app, workspace, self._sockets, lambda: connected.listeners.received, connected.gap.set
            )
            work += [connection.run(), in_step.run(lambda: connection.is_open)]
        else:
            connected.gap.set()
            work.append(in_step.run(lambda: True))
        tasks = [asyncio.create_task(one) for one in (*work, _until(connected.ended))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with suppress(TokenRevoked):
                    task.result()
            log.error("workspace_ended", adapter="slack", workspace=workspace.identity.team_id)
        finally:
            await stop(tasks)

    def _signed(self) -> list[tuple[str, AsyncApp]]:
        return [(one.workspace.options.signing_secret, one.app) for one in self._connected.values()]


def _kept(workspace: Workspace) -> catching_up.Workspace:
    async def look_round() -> None:
        for channel in await workspace.directory.sync():
            await enter(workspace, channel, invited=False)

    team_id, upkeep = workspace.identity.team_id, workspace.desk.upkeep
    return catching_up.Workspace(PLATFORM, team_id, workspace.name, upkeep, look_round, workspace.directory.members)


async def _until(event: asyncio.Event) -> None:
    await event.wait()
