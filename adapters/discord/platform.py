"""Discord as the answering side sees it: where a reply goes, and what its question is."""

from collections.abc import Awaitable, Callable, Sequence

from adapters.discord import render
from adapters.discord.asking import question_of
from adapters.discord.calls import DiscordRefused
from adapters.discord.guild import Guild
from adapters.discord.places import PLATFORM
from adapters.discord.posting import ChannelPlace, Posting, lost
from adapters.discord.replies import EditedReply
from adapters.discord.seen import READER_KINDS
from adapters.discord.telling import held_place
from bot.conversation import Question, Request
from bot.ports import Reply


class DiscordPlatform:
    """All guilds as one platform; `reached` gives one by its id.

    Errors: `ReplyLost` for a guild that the bot is no longer in, `SourceUnavailable` while Discord is away.
    """

    name = PLATFORM
    reader_kinds = READER_KINDS

    def __init__(self, reached: Callable[[str], Awaitable[Guild]]) -> None:
        self._reached = reached

    async def reply_to(self, request: Request, places: Sequence[str], *, resumed: bool) -> Reply:
        """In the place that an interaction holds open, or in reply to the message that asked."""
        guild = await self._of(request)
        is_held = bool(request.reply_to.get("token"))
        place = held_place(guild, request) if is_held else await self._message_place(guild, request)
        posting = Posting(place, places)
        if resumed:
            await posting.take_over()
        config = await guild.desk.upkeep.config(request.channel)
        return EditedReply(posting, request, sources=config.sources == "on", signs=not is_held)

    async def question(self, request: Request) -> Question:
        """The request as a question."""
        return await question_of(await self._of(request), request)

    async def offer_privately(self, request: Request) -> None:
        """Nothing: below each public answer there is a button for that, whether there is more or not."""

    async def withdraw(self, request: Request, places: Sequence[str]) -> None:
        """The first message of the answer becomes a notice, the others go."""
        guild = await self._of(request)
        if request.private and not request.direct:
            return
        channel_id = request.reply_to.get("stands_in") or request.channel.channel_id
        with lost():
            for number, message_id in enumerate(places):
                if number:
                    await guild.calls.delete(channel_id, message_id)
                    continue
                try:
                    await guild.calls.edit(channel_id, message_id, render.removed_notice())
                except DiscordRefused as error:
                    if not error.is_gone:
                        raise

    async def _message_place(self, guild: Guild, request: Request) -> ChannelPlace:
        """Where a message asked. What is for the asker alone goes into the conversation with them."""
        if request.private and not request.direct and request.asker is not None:
            with lost():
                channel_id = await guild.calls.direct_channel(request.asker.person_id)
            return ChannelPlace(guild.calls, request, channel_id, guild.bot_id, "")
        channel_id = request.reply_to.get("stands_in") or request.channel.channel_id
        return ChannelPlace(guild.calls, request, channel_id, guild.bot_id, request.reply_to.get("message_id", ""))

    async def _of(self, request: Request) -> Guild:
        return await self._reached(request.channel.workspace)
