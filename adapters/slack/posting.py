"""Putting one answer where its asker sees it: posted once, edited in place, found again after a crash."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from adapters import fields
from adapters.slack.blocks import TEXT_CHARS
from adapters.slack.calls import Calls, OutcomeUnknown, SlackRefused
from adapters.slack.render import Rendered
from bot.conversation import Request
from bot.ports import ReplyLost
from knowledge.errors import SourceUnavailable

log = structlog.get_logger()

METADATA = "threadlore_answer"
# Edits count over the whole workspace, 50 a minute and method: what shows progress leaves room for what ends it.
EDITS_A_MINUTE = 36
BURST = 8
FOUND_WITHIN = 200
LOOK_SECONDS = 0.5
EDIT_PAUSES = (0.5, 1.0, 2.0, 4.0)
LOST = frozenset({"channel_not_found", "not_in_channel", "is_archived", "thread_not_found", "restricted_action"})
TOO_MUCH = frozenset({"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format"})


class EditBudget:
    """How often progress may be shown, over all answers of a workspace."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens = float(BURST)
        self._at = clock()

    def take(self) -> bool:
        """Whether one more edit may be made now."""
        now = self._clock()
        self._tokens = min(BURST, self._tokens + (now - self._at) * EDITS_A_MINUTE / 60)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes: a conversation, and a thread in it if any."""

    channel: str
    thread: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """As Slack's methods want it."""
        return {"channel": self.channel} | ({"thread_ts": self.thread} if self.thread else {})


class Posting:
    """The messages of one answer. The first is posted early and edited; more follow when the answer is long."""

    def __init__(self, calls: Calls, request: Request, place: Place, bot_user: str, known: Sequence[str]) -> None:
        self._calls = calls
        self._request = request
        self._place = place
        self._bot_user = bot_user
        self._stamps = list(known)
        self._is_in_doubt = False

    @property
    def stamps(self) -> tuple[str, ...]:
        """The ids of the messages so far."""
        return tuple(self._stamps)

    async def take_over(self) -> None:
        """Finds what an earlier try posted, whose answer from Slack was lost."""
        self._stamps += [stamp for stamp in await self._find() if stamp not in self._stamps]
        self._is_in_doubt = False
        if self._request.direct and self._stamps:
            await self.end_stream()

    async def show(self, message: Rendered) -> None:
        """Puts this into the first message, posting it when there is none."""
        if self._stamps:
            await self._edit(0, message, pauses=())
        else:
            await self._post(message, 0)

    async def finish(self, parts: Sequence[Rendered]) -> None:
        """The whole answer: parts beyond those posted are added, those beyond the answer are taken away."""
        for number, part in enumerate(parts):
            if number < len(self._stamps):
                await self._edit(number, part)
            else:
                await self._post(part, number)
        for stamp in self._stamps[len(parts) :]:
            await delete(self._calls, self._place.channel, stamp)
        del self._stamps[len(parts) :]

    async def stream(self, text: str) -> str:
        """Begins the first message as one that grows. Returns its id. Errors: as `Calls.write`."""
        try:
            answer = await self._calls.write("chat_startStream", markdown_text=text, **self._place.arguments)
        except OutcomeUnknown:
            self._is_in_doubt = True
            raise
        self._stamps.append(fields.text(answer, "ts"))
        return self._stamps[0]

    async def end_stream(self) -> None:
        """A message that still grows cannot be edited. One that does not is left as it is."""
        try:
            await self._calls.write("chat_stopStream", channel=self._place.channel, ts=self._stamps[0])
        except (SlackRefused, SourceUnavailable) as error:
            log.info("stream_not_stopped", answer_id=self._request.answer_id, error=type(error).__name__)

    async def _post(self, message: Rendered, number: int) -> None:
        """Posts once. After an answer of Slack that was lost, looks whether the message is there before another try."""
        for _ in range(2):
            if self._is_in_doubt:
                await asyncio.sleep(LOOK_SECONDS)
                await self.take_over()
                if number < len(self._stamps):
                    await self._edit(number, message)
                    return
            try:
                answer = await self._write("chat_postMessage", message, metadata=self._metadata(number))
            except OutcomeUnknown:
                self._is_in_doubt = True
            else:
                self._stamps.append(fields.text(answer, "ts"))
                return
        raise SourceUnavailable("Slack does not take the answer.")

    async def _edit(self, number: int, message: Rendered, pauses: Sequence[float] = EDIT_PAUSES) -> None:
        """An edit may be repeated: it says the same again."""
        stamp = self._stamps[number]
        for pause in (*pauses, None):
            try:
                await self._write("chat_update", message, ts=stamp, metadata=self._metadata(number))
            except OutcomeUnknown:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def _write(self, method: str, message: Rendered, **more: Any) -> dict[str, object]:
        where = {"channel": self._place.channel} if "ts" in more else self._place.arguments
        args: dict[str, Any] = {**where, **more, "text": message.text, "blocks": message.blocks}
        if "ts" not in more:
            args |= {"unfurl_links": False, "unfurl_media": False}
        try:
            return dict((await self._calls.write(method, **args)).data)
        except SlackRefused as error:
            if error.code in TOO_MUCH:
                log.warning("answer_shown_plain", answer_id=self._request.answer_id, error=error.code)
                plain = args | {"blocks": [], "text": message.text[:TEXT_CHARS], "parse": "none", "link_names": False}
                return dict((await self._calls.write(method, **plain)).data)
            if error.code in LOST or error.code == "message_not_found":
                raise ReplyLost from error
            if error.code == "streaming_state_conflict":
                await self.end_stream()
                raise OutcomeUnknown(str(error)) from error
            raise SourceUnavailable(str(error)) from error

    async def _find(self) -> list[str]:
        """The messages of this answer that are there, in their order.

        A stream bears no mark; in a conversation of two, an unmarked message after the question is this answer's.
        """
        args: dict[str, Any] = {"channel": self._place.channel, "limit": FOUND_WITHIN, "include_all_metadata": True}
        try:
            if self._place.thread:
                args |= {"ts": self._place.thread, "oldest": self._request.message_id}
                answer = await self._calls.read("conversations_replies", **args)
            else:
                answer = await self._calls.read("conversations_history", **args)
        except SlackRefused as error:
            if error.code in LOST:
                raise ReplyLost from error
            raise SourceUnavailable(str(error)) from error
        found: dict[int, str] = {}
        streams: list[str] = []
        for raw in fields.records(answer.get("messages")):
            if fields.text(raw, "user") not in {self._bot_user, ""}:
                continue
            metadata = fields.record(raw.get("metadata"))
            payload = fields.record(metadata.get("event_payload"))
            if metadata.get("event_type") == METADATA and payload.get("answer_id") == self._request.answer_id:
                found[fields.integer(payload, "part") or 0] = fields.text(raw, "ts")
            elif self._request.direct and not metadata:
                streams.append(fields.text(raw, "ts"))
        return [found[number] for number in sorted(found)] or streams[:1]

    def _metadata(self, number: int) -> Mapping[str, object]:
        payload = {"answer_id": self._request.answer_id, "part": number}
        return {"event_type": METADATA, "event_payload": payload}


async def delete(calls: Calls, channel: str, stamp: str) -> None:
    """Deletes a message of ours; one that is gone already is fine."""
    try:
        await calls.write("chat_delete", channel=channel, ts=stamp)
    except SlackRefused as error:
        if error.code != "message_not_found":
            raise SourceUnavailable(str(error)) from error
