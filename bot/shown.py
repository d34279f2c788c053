"""A reply in the hands of one worker: its calls come one at a time, and only while the question is this worker's."""

import asyncio
import time
from contextlib import suppress

from bot.conversation import Answer
from bot.outbox import Claimed, Outbox
from bot.ports import Reply
from bot.timing import within
from knowledge.errors import KnowledgeUnavailable

CALL_SECONDS = 2.0
TELL_SECONDS = 0.5  # the asker hears within 3 s that the index is away, and has waited for it once already


class LeaseLost(Exception):
    """Another process has the question now."""


class Shown:
    """A reply whose messages are kept as soon as their ids are known. Errors: `LeaseLost`, and the reply's own."""

    def __init__(self, reply: Reply, outbox: Outbox, claimed: Claimed) -> None:
        self._reply = reply
        self._outbox = outbox
        self._answer_id = claimed.request.answer_id
        self._fence = claimed.fence
        self._kept = claimed.places
        self._has_begun = False
        self._held_at = time.monotonic()
        self._turn = asyncio.Lock()

    @property
    def places(self) -> tuple[str, ...]:
        """Ids of the messages that show it."""
        return self._reply.places

    async def waiting(self, place: int) -> None:
        """Work has begun (0), or so many questions are before this one."""
        async with self._turn:
            if not self._has_begun:  # else there is better to see already
                await self._still_hold()
                await self._reply.waiting(place)
                await self._keep_places()

    async def write(self, text: str) -> None:
        """The text so far."""
        self._has_begun = True
        async with self._turn:
            await self._still_hold()
            await self._reply.write(text)
            await self._keep_places()

    async def finish(self, answer: Answer) -> None:
        """The whole answer."""
        self._has_begun = True
        async with self._turn:
            await self._hold()
            await self._reply.finish(answer)

    async def fail(self, sentence: str) -> None:
        """What went wrong. Told even where the database cannot say whose question it is."""
        self._has_begun = True
        async with self._turn:
            with suppress(KnowledgeUnavailable):  # just what the asker may be about to hear of
                await self._hold(TELL_SECONDS)
            await self._reply.fail(sentence)

    async def _hold(self, seconds: float = CALL_SECONDS) -> None:
        if not await within(seconds, self._outbox.posting(self._answer_id, self._fence)):
            raise LeaseLost

    async def _still_hold(self) -> None:
        """Asks again after a while: this process may have stood still for longer than its lease, and not know it."""
        asked_at = time.monotonic()
        if asked_at - self._held_at < self._outbox.lease_seconds / 2:
            return
        if not await within(CALL_SECONDS, self._outbox.renew(self._answer_id, self._fence)):
            raise LeaseLost
        self._held_at = asked_at

    async def _keep_places(self) -> None:
        places = self._reply.places
        if places != self._kept:
            if not await within(CALL_SECONDS, self._outbox.place(self._answer_id, self._fence, places)):
                raise LeaseLost
            self._kept = places
