"""Where everything goes that Discord sends: into the inbox, at once.

The gateway sends nothing twice: what cannot be kept is made up for by reading the guild again.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import discord
import structlog
from aiohttp import ClientError

from adapters.discord.guild import Guild
from adapters.discord.messages import place_of
from adapters.discord.places import PLATFORM
from adapters.discord.seen import READER_KINDS
from bot.conversation import Delivery
from bot.desk import Desk
from knowledge.errors import KnowledgeUnavailable

log = structlog.get_logger()

# Nobody waits for an event as one waits for an interaction. Five tries last eleven seconds at most; where each is
# refused at once they last longer than it takes to find a database that is back.
KEEP_TRIES = 5
PAUSE_SECONDS = 0.1

DIRECT = "@me"
"""The workspace of what is said to the bot alone, until it is known which guild it is about."""


class Intake:
    """What all listeners share. `guild_of` gives the guild of an id, and begins to keep a new one in step."""

    def __init__(self, desk: Desk, guild_of: Callable[[int], Guild]) -> None:
        self.desk = desk
        self.guild_of = guild_of
        self._client: discord.Client | None = None
        self._telling: set[asyncio.Future[None]] = set()
        """What tells who may read what, and is not committed yet."""

    @property
    def client(self) -> discord.Client:
        """Discord as it was logged into."""
        if self._client is None:
            raise RuntimeError("The client has not logged in yet.")
        return self._client

    def use(self, client: discord.Client) -> None:
        """From now on that client is the one that hears."""
        self._client = client

    async def keep(
        self,
        kind: str,
        guild_id: int | None,
        payload: Mapping[str, object],
        delivery_id: str = "",
        *,
        tries: int = KEEP_TRIES,
    ) -> bool:
        """Commits what came. What could not be kept is made up for later. Returns whether it was kept.

        Events are kept side by side, but none before a change of who may read what that came earlier.
        """
        workspace = str(guild_id) if guild_id is not None else DIRECT
        delivery = Delivery(PLATFORM, workspace, delivery_id or f"u:{uuid4()}", str(kind), payload)
        if kind in READER_KINDS:
            with self.telling():
                return await self._commit(delivery, guild_id, tries)
        if self._telling:
            await asyncio.wait(list(self._telling))
        return await self._commit(delivery, guild_id, tries)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Until it ends, a change of who may read what is on its way, and what comes after it waits."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._telling.add(told)
        try:
            yield
        finally:
            self._telling.discard(told)
            told.set_result(None)

    async def _commit(self, delivery: Delivery, guild_id: int | None, tries: int) -> bool:
        for tried in range(tries):
            try:
                await self.desk.inbox.accept(delivery)
            except KnowledgeUnavailable as error:
                workspace = delivery.workspace
                log.warning("event_not_kept", adapter=PLATFORM, workspace=workspace, error=type(error).__name__)
                if tried < tries - 1:
                    await asyncio.sleep(PAUSE_SECONDS * 2**tried)
            else:
                return True
        if guild_id is not None:
            self.guild_of(guild_id).gap.set()
        return False

    async def place(self, guild_id: int, channel_id: int) -> dict[str, str]:
        """Where something stands. A thread that is archived is not in the cache: Discord is asked."""
        guild = self.client.get_guild(guild_id)
        channel: object = guild.get_channel_or_thread(channel_id) if guild else None
        if channel is None and guild is not None:
            try:
                channel = await guild.fetch_channel(channel_id)
            except (discord.DiscordException, ClientError, OSError):
                channel = None
        return place_of(channel_id, guild_id, channel)
