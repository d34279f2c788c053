"""Words to who used a command or a button, in the place that Discord holds open for it."""

from collections.abc import Mapping, Sequence

import structlog

from adapters import fields
from adapters.discord.guild import Guild
from adapters.discord.messages import snowflake
from adapters.discord.posting import ChannelPlace, HeldPlace, Posting, is_alive
from adapters.discord.render import Rendered
from bot.conversation import Request
from bot.ports import ReplyLost

log = structlog.get_logger()


async def tell(guild: Guild, payload: Mapping[str, object], message: Rendered) -> Posting | None:
    """Tells them alone; when the place is held open no longer, directly. None: they cannot be told."""
    posting = posting_for(guild, payload)
    try:
        await posting.show(message)
    except ReplyLost:
        log.info("person_not_told", workspace=guild.workspace)
        return None
    return posting


def posting_for(guild: Guild, payload: Mapping[str, object], known: Sequence[str] = ()) -> Posting:
    """What answers an interaction to whoever used it, alone. `known`: the messages that do so already."""
    request = Request(
        answer_id=snowflake(payload, "id"),
        channel=guild.channel(snowflake(payload, "channel_id")),
        text="",
        asker=guild.person(snowflake(payload, "user_id")),
        private=True,
        reply_to={"token": fields.text(payload, "token"), "opened_at": fields.text(payload, "opened_at")},
    )
    return Posting(held_place(guild, request), known)


def held_place(guild: Guild, request: Request) -> HeldPlace:
    """What the interaction of a request holds open, and where its answer goes when that has run out."""
    token = request.reply_to.get("token", "")

    async def later() -> ChannelPlace:
        if not request.private:
            return ChannelPlace(guild.calls, request, request.reply_to.get("stands_in", ""), guild.bot_id, "")
        if request.asker is None:
            raise ReplyLost
        channel_id = await guild.calls.direct_channel(request.asker.person_id)
        return ChannelPlace(guild.calls, request, channel_id, guild.bot_id, "")

    alive = is_alive(request.reply_to.get("opened_at", ""))
    return HeldPlace(guild.calls, token, later, ephemeral=request.private, alive=alive)
