"""Three ways to reply: a message that is edited, a stream, and words for the asker alone."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout

from adapters.replies import EditPace
from adapters.slack import render
from adapters.slack.calls import Calls, OutcomeUnknown, SlackRefused
from adapters.slack.escaping import entities, powerless
from adapters.slack.notices import with_question
from adapters.slack.posting import LOST, EditBudget, Posting
from adapters.slack.render import Rendered
from bot.conversation import Answer, Request, Task
from bot.ports import ReplyLost
from knowledge.errors import SourceUnavailable

log = structlog.get_logger()

EDIT_SECONDS = 1.5
# What slack_sdk's own helper gathers before it appends to a stream.
STREAM_CHARS = 256
WAITING_MARK = " …"
RESPONSE_TIMEOUT = ClientTimeout(total=10)


class EditedReply:
    """A message in a channel or a thread, edited while the answer is written."""

    def __init__(self, posting: Posting, request: Request, budget: EditBudget, *, sources: bool = True) -> None:
        self._posting = posting
        self._request = request
        self._budget = budget
        self._sources = sources
        self._pace = EditPace(EDIT_SECONDS)

    @property
    def places(self) -> tuple[str, ...]:
        """Slack's ids of the messages."""
        return self._posting.stamps

    async def waiting(self, place: int) -> None:
        """Posts the placeholder at once, then keeps the asker's place in it."""
        if not self.places or self._budget.take():
            await self._posting.show(render.progress(place or None))

    async def write(self, text: str) -> None:
        """Shows what there is so far, when the pace allows; a failure here is no loss."""
        now = time.monotonic()
        if not self._pace.is_due(text, now) or not self._budget.take():
            return
        self._pace.shown(text, now)
        try:
            await self._posting.show(render.partial(text, waiting_mark=WAITING_MARK))
        except SourceUnavailable as error:
            log.info("progress_not_shown", answer_id=self._request.answer_id, error=type(error).__name__)

    async def finish(self, answer: Answer) -> None:
        """The answer with its sources, in as many messages as it needs."""
        parts = render.answer_parts(
            answer, answer_id=self._request.answer_id, now=datetime.now(UTC), sources=self._sources
        )
        await self._posting.finish([_asked(self._request, parts[0]), *parts[1:]])

    async def fail(self, sentence: str) -> None:
        """What went wrong, in place of the answer."""
        await self._posting.finish([_asked(self._request, render.error_message(sentence))])


class StreamedReply(EditedReply):
    """In a conversation with the bot alone: Slack's status line, then its own stream, then the finished answer.

    Where Slack knows no streams, the message is edited instead.
    """

    def __init__(self, posting: Posting, request: Request, budget: EditBudget, calls: Calls, thread: str) -> None:
        super().__init__(posting, request, budget)
        self._calls = calls
        self._thread = thread
        self._stream: str | None = None
        self._sent = 0
        self._edits = False

    async def waiting(self, place: int) -> None:
        """The status line under the asker's message; a message where Slack has no such line."""
        if self._edits or self.places:
            await super().waiting(place)
            return
        status = render.progress(place or None).text
        try:
            await self._calls.write(
                "assistant_threads_setStatus",
                channel_id=self._request.channel.channel_id,
                thread_ts=self._thread,
                status=status,
            )
        except (SlackRefused, SourceUnavailable):
            self._edits = True
            await super().waiting(place)

    async def write(self, text: str) -> None:
        """Appends what is new, in pieces of some size."""
        if self._edits or (self.places and self._stream is None):
            await super().write(text)
            return
        if len(text) - self._sent < (STREAM_CHARS if self._stream else 1):
            return
        piece = escaped_stream(text[self._sent :])
        try:
            if self._stream is None:
                self._stream = await self._posting.stream(piece)
            else:
                await self._calls.write(
                    "chat_appendStream",
                    patience=0.0,
                    channel=self._request.channel.channel_id,
                    ts=self._stream,
                    markdown_text=piece,
                )
            self._sent = len(text)
        except (SlackRefused, SourceUnavailable) as error:
            log.info("stream_stopped", answer_id=self._request.answer_id, error=type(error).__name__)
            self._edits = self._stream is None

    async def finish(self, answer: Answer) -> None:
        """Ends the stream and puts the answer in its place, with sources and buttons."""
        await self._stop()
        await super().finish(answer)

    async def fail(self, sentence: str) -> None:
        """Ends the stream; the sentence takes its place."""
        await self._stop()
        await super().fail(sentence)

    async def _stop(self) -> None:
        if self._stream is not None:
            await self._posting.end_stream()


class PrivateReply:
    """Words that only the asker sees: under the command, as an ephemeral message, or in a conversation of two.

    Sent once: such a message cannot be read back, and a missing one is better than two.
    """

    def __init__(self, calls: Calls, request: Request) -> None:
        self._calls = calls
        self._request = request
        # A command has been told so with its acknowledgement; a refusal takes no work.
        self._told = "response_url" in request.reply_to or request.task is Task.REFUSAL

    @property
    def places(self) -> tuple[str, ...]:
        """None: what only one person sees cannot be edited later."""
        return ()

    async def waiting(self, place: int) -> None:
        """Says once that work has begun."""
        if not self._told:
            self._told = True
            await self._send([render.progress(place or None)])

    async def write(self, text: str) -> None:
        """Nothing: such a message is not edited."""

    async def finish(self, answer: Answer) -> None:
        """The answer with its sources."""
        parts = render.answer_parts(answer, answer_id=self._request.answer_id, now=datetime.now(UTC))
        await self._send(parts)

    async def fail(self, sentence: str) -> None:
        """What went wrong."""
        await self._send([render.error_message(sentence)])

    async def _send(self, parts: Sequence[Rendered]) -> None:
        # A shortcut's address belongs to the message it was used on, which is somebody's.
        replaces = "silent" not in self._request.reply_to
        for number, part in enumerate(parts):
            await tell(self._calls, self._request, part, replace=replaces and number == 0)


async def tell(calls: Calls, request: Request, message: Rendered, *, replace: bool = False) -> None:
    """Tells the asker alone: by the command's own address, else as an ephemeral message, else directly.

    Errors: `ReplyLost` when there is no way left.
    """
    address = request.reply_to.get("response_url", "")
    if address and await _respond(address, message, replace=replace):
        return
    if request.asker is None:
        raise ReplyLost
    words: dict[str, Any] = {"text": message.text, "blocks": message.blocks}
    user = request.asker.person_id
    if not request.direct:
        place: dict[str, Any] = {"channel": request.channel.channel_id}
        if request.thread_id:
            place["thread_ts"] = request.thread_id
        try:
            await calls.write("chat_postEphemeral", user=user, **place, **words)
        except SlackRefused as error:
            log.info("ephemeral_refused", answer_id=request.answer_id, error=error.code)
        except OutcomeUnknown:
            return
        else:
            return
    try:
        opened = await calls.write("conversations_open", users=user)
        channel = opened["channel"]["id"]
        await calls.write("chat_postMessage", channel=channel, unfurl_links=False, unfurl_media=False, **words)
    except SlackRefused as error:
        if error.code in LOST or error.code in {"user_disabled", "cannot_dm_bot", "user_not_found"}:
            raise ReplyLost from error
        raise SourceUnavailable(str(error)) from error


async def _respond(address: str, message: Rendered, *, replace: bool) -> bool:
    """By the address that came with a command or a button: five times within half an hour."""
    body = {
        "response_type": "ephemeral",
        "replace_original": replace,
        "text": message.text,
        "blocks": message.blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    return await _post_to(address, body)


async def take_back(address: str) -> bool:
    """Removes the message that a button's address belongs to, as its reader sees it. False when it stays."""
    return await _post_to(address, {"delete_original": True})


async def _post_to(address: str, body: dict[str, Any]) -> bool:
    try:
        async with ClientSession(timeout=RESPONSE_TIMEOUT) as session, session.post(address, json=body) as answer:
            return answer.ok
    except (TimeoutError, ClientError):
        return False


def escaped_stream(text: str) -> str:
    """Text for a stream, as Markdown: without links and pings, and its brackets escaped, whatever Slack makes of it."""
    return entities(powerless(text))


def _asked(request: Request, part: Rendered) -> Rendered:
    """With the question in front, where nobody else has seen it: a command is shown to its sender only."""
    asked = request.reply_to.get("asked_by")
    return with_question(part, asked, request.text) if asked else part
