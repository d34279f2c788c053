"""Discord as the application runs it: one bot, connected to every guild that invited it, each kept in step."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import discord
import structlog
import yarl
from aiohttp import web

from adapters import catching_up
from adapters.discord.calls import Calls
from adapters.discord.client import Client, ShardedClient
from adapters.discord.guild import AWAY, Guild, Options
from adapters.discord.handling import handle, handle_direct, taken
from adapters.discord.history import History
from adapters.discord.intake import DIRECT
from adapters.discord.learning import look_round
from adapters.discord.listeners import Listeners
from adapters.discord.places import PLATFORM
from adapters.discord.platform import DiscordPlatform
from adapters.discord.progress import resume_progress
from adapters.tasks import stop
from bot.conversation import Delivery
from bot.desk import Desk
from bot.errors import BadConfiguration
from bot.ports import ReplyLost
from knowledge.errors import KnowledgeError, SourceUnavailable
from knowledge.messages import Channel, ChannelRef, Members, Person, PersonRef
from knowledge.ports import Page

log = structlog.get_logger()

NO_INTENT = (
    "Discord does not give the bot what it needs: open the Developer Portal, Bot, Privileged Gateway Intents, and "
    "switch on Server Members Intent and Message Content Intent."
)
REFUSED = "Discord does not accept the bot token THREADLORE_DISCORD__TOKEN: reset it in the Developer Portal, Bot."
SHARDING = "The bot is in so many guilds that Discord wants several connections: set THREADLORE_DISCORD__SHARDS."
ENDED = "Discord ends the connection for good (code {code})."
BAD_TOKEN, NEEDS_SHARDS = 4004, 4011
# Discord grants a thousand starts of a connection a day and then resets the token: some are left for real trouble.
STARTS_KEPT = 50
# So many starts within an hour are a crash that repeats: each further one waits, twice as long as the one before.
FREE_STARTS = 5
LONGEST_WAIT_SECONDS = 900.0
# A question that was left unfinished is taken up before the connection stands.
CONNECTING_SECONDS = 60.0


class DiscordAdapter:
    """The bot and its guilds."""

    name = PLATFORM

    def __init__(self, options: Options, *, token: str, api_url: str, gateway_url: str, shards: int = 0) -> None:
        self._options = options
        self._token = token
        self._api_url = api_url
        self._gateway_url = gateway_url
        self._shards = shards
        self._guilds: dict[str, Guild] = {}
        self._kept: dict[str, asyncio.Task[None]] = {}
        self._client: Client | ShardedClient | None = None
        self._desk: Desk | None = None
        self.platform = DiscordPlatform(self._reached)

    @property
    def routes(self) -> Sequence[web.RouteDef]:
        """None: Discord is called, it does not call."""
        return []

    async def open(self, desk: Desk) -> None:
        """Asks Discord who we are. Errors: `BadConfiguration` for a token it refuses, `SourceUnavailable`."""
        discord.http.Route.BASE = self._api_url.rstrip("/")
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(self._gateway_url)
        self._desk = desk
        listeners = Listeners(desk, self._guild)
        kind = ShardedClient if self._shards else Client
        self._client = kind(listeners, **({"shard_count": self._shards} if self._shards else {}))
        try:
            await self._client.login(self._token)
        except discord.LoginFailure as error:
            raise BadConfiguration(REFUSED) from error
        except (discord.DiscordException, OSError) as error:
            raise SourceUnavailable("Discord cannot be reached.") from error

    async def close(self) -> None:
        """Ends what still runs, and the connection."""
        for guild in self._guilds.values():
            await guild.tasks.stop()
        if self._client is not None:
            await self._client.close()

    async def run(self) -> None:
        """Receives events until cancelled. Errors: `BadConfiguration` when Discord refuses token, intents or shards."""
        client, desk = self._parts()
        await self._wait_for_a_start(client, desk)
        try:
            await client.connect(reconnect=True)
        except discord.PrivilegedIntentsRequired as error:
            raise BadConfiguration(NO_INTENT) from error
        except discord.ConnectionClosed as error:
            sentences = {BAD_TOKEN: REFUSED, NEEDS_SHARDS: SHARDING}
            raise BadConfiguration(sentences.get(error.code, ENDED.format(code=error.code))) from error
        finally:
            await stop(list(self._kept.values()))
            self._kept.clear()

    async def handle(self, delivery: Delivery) -> None:
        """Handles a delivery from the inbox. Errors: `SourceUnavailable`, and what its handler raises."""
        if delivery.workspace == DIRECT:
            await handle_direct(list(self._guilds.values()), delivery)
        else:
            await handle(self._of(delivery.workspace), delivery)

    async def history(self, channel: ChannelRef, cursor: str | None, since: datetime | None) -> Page:
        """As `HistorySource`."""
        return await self._history(channel).history(channel, cursor, since)

    async def thread(self, channel: ChannelRef, thread_id: str, cursor: str | None) -> Page:
        """As `HistorySource`."""
        return await self._history(channel).thread(channel, thread_id, cursor)

    async def members(self, channel: ChannelRef) -> Members:
        """As `MembershipSource`."""
        return await self._of(channel.workspace).members(channel)

    async def person(self, ref: PersonRef) -> Person:
        """As `MembershipSource`."""
        return await self._of(ref.workspace).describe_person(ref)

    async def channel(self, ref: ChannelRef) -> Channel:
        """As `MembershipSource`."""
        return await self._of(ref.workspace).describe(ref)

    def _history(self, channel: ChannelRef) -> History:
        guild = self._of(channel.workspace)
        return History(guild, taken(guild))

    def _of(self, workspace: str) -> Guild:
        guild = self._guilds.get(workspace)
        if guild is None:
            raise SourceUnavailable(AWAY)
        return guild

    def _guild(self, guild_id: int) -> Guild:
        """The guild of that id, kept in step from the first time it is heard of."""
        key = str(guild_id)
        if key not in self._guilds:
            client, desk = self._parts()
            guild = Guild(guild_id, client, Calls(client), desk, self._options, client.unheard)
            self._guilds[key] = guild
            self._kept[key] = asyncio.create_task(self._keep(guild))
        return self._guilds[key]

    async def _reached(self, workspace: str) -> Guild:
        """A guild, as soon as Discord is connected. Errors: `ReplyLost` where the bot is not, `SourceUnavailable`."""
        client, _ = self._parts()
        try:
            async with asyncio.timeout(CONNECTING_SECONDS):
                await client.wait_until_ready()
        except TimeoutError as error:
            raise SourceUnavailable(AWAY) from error
        if workspace not in self._guilds and client.get_guild(int(workspace)) is None:
            raise ReplyLost
        return self._guild(int(workspace))

    async def _keep(self, guild: Guild) -> None:
        """Catches up after each connection, for as long as the bot runs."""
        client, desk = self._parts()

        async def look() -> None:
            await look_round(guild)

        known = client.get_guild(guild.guild_id)
        name = known.name if known is not None else guild.workspace
        kept = catching_up.Workspace(PLATFORM, guild.workspace, name, desk.upkeep, look, guild.members, resends=False)
        guild.tasks.start(resume_progress(guild))
        in_step = catching_up.CatchingUp(kept, guild.gap)
        async with asyncio.TaskGroup() as group:
            group.create_task(in_step.run(lambda: _is_heard(guild)))
            group.create_task(in_step.sweep())

    async def _wait_for_a_start(self, client: discord.Client, desk: Desk) -> None:
        """Connecting costs one of the starts that Discord grants a day: a bot that crashes again and again waits."""
        now = datetime.now(UTC)
        with suppress(KnowledgeError):
            noted = (await desk.upkeep.noted(PLATFORM, "starts")).split()
            starts = [one for one in noted if now - datetime.fromisoformat(one) < timedelta(hours=1)]
            await desk.upkeep.note(PLATFORM, "starts", " ".join([*starts, now.isoformat()]))
            recent = len(starts) + 1
            if recent > FREE_STARTS:
                pause = min(2.0 ** (recent - FREE_STARTS), LONGEST_WAIT_SECONDS)
                log.warning("connection_waits", adapter=PLATFORM, wait_seconds=pause)
                await asyncio.sleep(pause)
        with suppress(discord.DiscordException, OSError, KeyError, TypeError):
            told = await client.http.request(discord.http.Route("GET", "/gateway/bot"))
            limit = told["session_start_limit"]
            if int(limit["remaining"]) <= STARTS_KEPT:
                pause = float(limit["reset_after"]) / 1000
                log.error("connection_waits", adapter=PLATFORM, wait_seconds=pause)
                await asyncio.sleep(pause)

    def _parts(self) -> tuple[Client | ShardedClient, Desk]:
        if self._client is None or self._desk is None:
            raise SourceUnavailable(AWAY)
        return self._client, self._desk


def _is_heard(guild: Guild) -> bool:
    try:
        return guild.guild is not None
    except SourceUnavailable:
        return False
