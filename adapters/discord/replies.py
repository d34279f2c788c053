"""A reply on Discord: a sign at once, edits while it is written, the answer with its sources."""

import time
from datetime import UTC, datetime

import structlog

from adapters.discord import render
from adapters.discord.notices import with_question
from adapters.discord.posting import Posting
from adapters.discord.render import Rendered
from adapters.replies import EditPace
from bot.conversation import Answer, Request
from knowledge.errors import SourceUnavailable

log = structlog.get_logger()

# A channel takes five edits in five seconds; what shows progress leaves room for what ends it.
EDIT_SECONDS = 1.5
WAITING_SECONDS = 3.0
WAITING_MARK = " …"


class EditedReply:
    """One answer. What is public offers everybody to ask the same for themselves alone."""

    def __init__(self, posting: Posting, request: Request, *, sources: bool = True, signs: bool = True) -> None:
        self._posting = posting
        self._request = request
        self._sources = sources
        # An interaction says by itself that the bot is thinking.
        self._has_sign = not signs
        self._told_at = float("-inf")
        self._pace = EditPace(EDIT_SECONDS)

    @property
    def places(self) -> tuple[str, ...]:
        """Discord's ids of the messages."""
        return self._posting.ids

    async def waiting(self, place: int) -> None:
        """A sign at once, then the asker's place in the queue, not too often."""
        now = time.monotonic()
        is_first = not self._has_sign and not self.places
        if is_first or (place and now - self._told_at >= WAITING_SECONDS):
            self._told_at = now
            await self._posting.show(render.progress(place or None))

    async def write(self, text: str) -> None:
        """Shows what there is so far, when the pace allows; a failure here is no loss."""
        now = time.monotonic()
        if not self._pace.is_due(text, now):
            return
        self._pace.shown(text, now)
        try:
            await self._posting.show(render.partial(text, waiting_mark=WAITING_MARK))
        except SourceUnavailable as error:
            log.info("progress_not_shown", answer_id=self._request.answer_id, error=type(error).__name__)

    async def finish(self, answer: Answer) -> None:
        """The answer with its sources, in as many messages as it needs."""
        parts = render.answer_parts(
            answer,
            answer_id=self._request.answer_id,
            now=datetime.now(UTC),
            sources=self._sources,
            private=self._request.private or self._request.direct,
        )
        await self._posting.finish(self._asked(parts))

    async def fail(self, sentence: str) -> None:
        """What went wrong, in place of the answer."""
        await self._posting.finish(self._asked([render.error_message(sentence)]))

    def _asked(self, parts: list[Rendered]) -> list[Rendered]:
        """With the question in front, where nobody else has seen it: a command is shown without its options."""
        asked_by = self._request.reply_to.get("asked_by")
        return with_question(parts, asked_by, self._request.text) if asked_by else parts
