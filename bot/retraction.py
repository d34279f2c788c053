"""What was deleted is taken back from where it was repeated: conversation memory and posted answers."""

from collections.abc import Mapping, Sequence

import structlog

from bot.errors import BotError
from bot.outbox import Outbox, Posted
from bot.ports import Memory, Platform
from bot.requests import asked_key
from knowledge.errors import KnowledgeError
from knowledge.messages import ChannelRef, MessageRef

log = structlog.get_logger()


class Retraction:
    """Drops remembered turns, and replaces posted answers, that used a message which is gone."""

    def __init__(self, memory: Memory, outbox: Outbox, platforms: Mapping[str, Platform]) -> None:
        self._memory = memory
        self._outbox = outbox
        self._platforms = platforms

    async def retract(self, keys: Sequence[str]) -> None:
        """`keys` are "message_pk:rev" of deleted messages. What fails is logged; the messages themselves are gone."""
        if keys:
            await self.outdate(keys)
            await self.withdraw(keys)

    async def forget_questions(self, messages: Sequence[MessageRef]) -> None:
        """What was asked by messages that are gone, and answered, is kept in no table and no memory."""
        by_channel: dict[ChannelRef, list[str]] = {}
        for message in messages:
            by_channel.setdefault(message.channel, []).append(message.message_id)
        for channel, message_ids in by_channel.items():
            await self._outbox.forget_asked(channel, message_ids)
        await self.outdate([asked_key(message) for message in messages])

    async def outdate(self, keys: Sequence[str]) -> None:
        """Drops remembered turns that used one of these texts: their messages say something else now."""
        if not keys:
            return
        try:
            await self._memory.forget_messages(keys)
        except BotError as error:
            log.warning("memory_not_cleaned", error=type(error).__name__, messages=len(keys))

    async def withdraw(self, keys: Sequence[str]) -> None:
        """Replaces posted answers that cite one of these messages by a notice."""
        for posted in await self._outbox.citing(sorted({int(key.partition(":")[0]) for key in keys})):
            await self._withdraw(posted)

    async def catch_up(self) -> None:
        """Withdraws what could not be withdrawn when it was time to: a platform was away, or the bot was stopped."""
        for posted in await self._outbox.resting_on_gone():
            await self._withdraw(posted)

    async def _withdraw(self, posted: Posted) -> None:
        platform = self._platforms.get(posted.request.channel.platform)
        if platform is None:
            return
        try:
            await platform.withdraw(posted.request, posted.places)
        except (BotError, KnowledgeError) as error:
            log.warning("answer_not_withdrawn", answer_id=posted.request.answer_id, error=type(error).__name__)
        else:
            await self._outbox.removed(posted.request.answer_id)
