"""What Discord sends: kept at once, handled after. The first file to read of this adapter.

The gateway sends nothing twice: what cannot be kept is made up for by reading the guild again.
"""

from collections.abc import Callable

import discord
import structlog
from aiohttp import ClientError

from adapters.discord.commands import Translator, Tree, tree_hash
from adapters.discord.guild import Guild
from adapters.discord.intake import Intake
from adapters.discord.interaction_listeners import InteractionListeners
from adapters.discord.message_listeners import MessageListeners
from adapters.discord.place_listeners import PlaceListeners
from adapters.discord.places import PLATFORM
from bot.desk import Desk
from knowledge.errors import KnowledgeUnavailable

log = structlog.get_logger()


class Listeners:
    """The bot's ears. `guild_of` gives the guild of an id, and begins to keep a new one in step."""

    def __init__(self, desk: Desk, guild_of: Callable[[int], Guild]) -> None:
        self._intake = Intake(desk, guild_of)
        self.interactions = InteractionListeners(self._intake)
        self.messages = MessageListeners(self._intake)
        self.places = PlaceListeners(self._intake)

    async def on_login(self, client: discord.Client, tree: Tree) -> None:
        """Tells Discord our commands, if they are others than last time: it takes 200 new ones a day."""
        self._intake.use(client)
        current = await tree_hash(tree, Translator())
        try:
            if await self._intake.desk.upkeep.noted(PLATFORM, "commands") != current:
                await tree.sync()
                await self._intake.desk.upkeep.note(PLATFORM, "commands", current)
        except (discord.DiscordException, ClientError, KnowledgeUnavailable) as error:
            log.warning("commands_not_synced", adapter=PLATFORM, error=type(error).__name__)

    async def on_session(self, client: discord.Client) -> None:
        """A new session: what came between is lost, so every guild is caught up with."""
        log.info("session_open", adapter=PLATFORM, count=len(client.guilds))
        for guild in client.guilds:
            self.on_gap(guild)

    def on_gap(self, guild: discord.Guild) -> None:
        """Something of this guild may have been missed."""
        self._intake.guild_of(guild.id).gap.set()
