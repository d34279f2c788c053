"""A channel's past, read page by page: `conversations.history` and `.replies`. Slack's leave is waited for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters import fields
from adapters.safety import LeftOut, Unusable
from adapters.slack.calls import Calls, Lane, SlackRefused, unreadable
from adapters.slack.directory import Directory
from adapters.slack.messages import MessageReader
from knowledge.errors import SourceUnavailable
from knowledge.messages import Change, ChannelRef, Deleted, Posted
from knowledge.ports import Page, Thread

# Slack's own advice is 200; 999 is the most. Larger pages cost fewer of the 50 requests a minute.
LIMIT = 500
SHORT_PAGE = 15
# A question that was asked while no socket was open is answered when its channel is read, if somebody still waits.
MISSED_SECONDS = 600.0
# What was posted within the last minute may not be listed yet, or was posted while the page was on its way.
UNSETTLED = timedelta(seconds=60)
# Slack's times are in microseconds: the message that ended the page before is not on this one.
A_MOMENT = timedelta(microseconds=1)
SLOW_NOTE = (
    "Slack allows this app one request of 15 messages a minute, as it does for apps distributed outside its "
    "marketplace: reading will take long. Install the app from our manifest as your workspace's own, internal app."
)


class History:
    """Slack's side of reading the past. `reader_of` gives the translator of one channel's messages.

    `keep` takes note of a message that is more than a message: one with "files", and a question that was "missed".
    """

    def __init__(
        self,
        calls: Calls,
        directory: Directory,
        reader_of: Callable[[ChannelRef], MessageReader],
        keep: Callable[[str, ChannelRef, Mapping[str, object]], Awaitable[None]],
    ) -> None:
        self._calls = calls
        self._directory = directory
        self._reader_of = reader_of
        self._keep = keep
        self._short_pages = 0

    async def history(self, channel: ChannelRef, cursor: str | None, since: datetime | None) -> Page:
        """One page of a channel, newest first. Errors: `ChannelUnreadable`, `SourceUnavailable`."""
        asked_at = datetime.now(UTC)
        args: dict[str, Any] = {"channel": channel.channel_id, "limit": LIMIT}
        latest, _, place = (cursor or "").partition(" ")
        if place:
            args["cursor"] = place
        elif latest:
            args["latest"] = latest
        if since is not None:
            args["oldest"] = f"{since.timestamp():.6f}"
        answer = await self._read("conversations_history", latest, args)
        raws = fields.records(answer.get("messages"))
        stamps = sorted(ts for raw in raws if (ts := fields.text(raw, "ts")))
        more = _next(answer)
        # The cursor carries the oldest message read: Slack forgets its own cursors, the message's place it does not.
        onward = f"{stamps[0] if stamps else latest} {more}" if more else None
        upper = moment(latest) - A_MOMENT if latest else asked_at - UNSETTLED
        # Of what lies beyond the plan's limit Slack shows nothing, which does not say that nothing is there.
        is_cut = onward is not None or fields.flag(answer.data, "is_limited")
        lower = moment(stamps[0]) if is_cut and stamps else (since or datetime.fromtimestamp(0, UTC))
        return Page(
            changes=await self._changes(channel, raws),
            cursor=onward,
            covers=(lower, upper) if lower <= upper and (stamps or not is_cut) else None,
            threads=tuple(thread for raw in raws if (thread := _thread(raw))),
            note=self._note(len(raws), more),
        )

    async def thread(self, channel: ChannelRef, thread_id: str, cursor: str | None) -> Page:
        """One page of a thread, its first message included, oldest first."""
        asked_at = datetime.now(UTC)
        args: dict[str, Any] = {"channel": channel.channel_id, "ts": thread_id, "limit": LIMIT}
        first, _, place = (cursor or "").partition(" ")
        if place:
            args["cursor"] = place
        try:
            answer = await self._read("conversations_replies", "", args)
        except SourceUnavailable as error:
            refused = error.__cause__.code if isinstance(error.__cause__, SlackRefused) else ""
            if refused == "invalid_cursor" and cursor:
                return await self.thread(channel, thread_id, None)
            if refused == "thread_not_found":
                return Page(changes=(), covers=(moment(thread_id), asked_at - UNSETTLED))
            raise
        raws = fields.records(answer.get("messages"))
        stamps = sorted(ts for raw in raws if (ts := fields.text(raw, "ts")) and ts != thread_id)
        more = _next(answer)
        lower = moment(first) + A_MOMENT if first else moment(thread_id)
        upper = moment(stamps[-1]) if more and stamps else asked_at - UNSETTLED
        return Page(
            changes=await self._changes(channel, raws),
            cursor=f"{stamps[-1] if stamps else first} {more}" if more else None,
            covers=(lower, upper) if lower <= upper else None,
            note=self._note(len(raws), more),
        )

    async def recent(self, channel: ChannelRef, thread_id: str | None, before: str, limit: int) -> list[Any]:
        """What was said last in a thread, or in a channel, before a message; raw, oldest first. Does not wait."""
        args: dict[str, Any] = {"channel": channel.channel_id, "limit": limit, "latest": before, "inclusive": False}
        try:
            if thread_id is None:
                answer = await self._calls.read("conversations_history", patience=1.0, **args)
                return fields.records(answer.get("messages"))[::-1]
            answer = await self._calls.read("conversations_replies", patience=1.0, ts=thread_id, **args)
        except SlackRefused as error:
            raise unreadable(error) from error
        return [raw for raw in fields.records(answer.get("messages")) if fields.text(raw, "ts") < before][-limit:]

    async def message(self, channel: ChannelRef, ts: str, thread_id: str | None) -> dict[str, object] | None:
        """One message as it stands now; None when there is none."""
        args: dict[str, Any] = {
            "channel": channel.channel_id,
            "latest": ts,
            "oldest": ts,
            "inclusive": True,
            "limit": 1,
        }
        try:
            if thread_id is not None and thread_id != ts:
                answer = await self._calls.read("conversations_replies", ts=thread_id, **args)
            else:
                answer = await self._calls.read("conversations_history", **args)
        except SlackRefused as error:
            raise unreadable(error) from error
        return next((raw for raw in fields.records(answer.get("messages")) if raw.get("ts") == ts), None)

    async def _read(self, method: str, latest: str, args: dict[str, Any]) -> Any:
        try:
            return await self._calls.read(method, lane=Lane.BACKFILL, **args)
        except SlackRefused as error:
            if error.code == "invalid_cursor" and latest:
                args.pop("cursor")
                return await self._read(method, "", {**args, "latest": latest})
            raise unreadable(error) from error

    async def _changes(self, channel: ChannelRef, raws: Sequence[dict[str, object]]) -> tuple[Change, ...]:
        await self._directory.know_people(fields.text(raw, "user") for raw in raws)
        reader = self._reader_of(channel)
        recently = time.time() - MISSED_SECONDS
        changes: list[Change] = []
        for number, raw in enumerate(raws):
            if number % 100 == 0:
                await asyncio.sleep(0)  # acknowledgements go out between
            try:
                read = reader.read(raw)
            except Unusable:
                continue
            if isinstance(read, Deleted):
                changes.append(read)
            elif not isinstance(read, str):
                changes.append(Posted(read))
                if raw.get("files"):
                    await self._keep("files", channel, raw)
            elif read is LeftOut.QUESTION and moment(fields.text(raw, "ts")).timestamp() > recently:
                await self._keep("missed", channel, raw)
        return tuple(changes)

    def _note(self, count: int, more: str) -> str:
        """Two full pages of exactly 15 messages, or two long waits in a row, tell the slow tier."""
        self._short_pages = self._short_pages + 1 if more and count == SHORT_PAGE else 0
        return SLOW_NOTE if self._calls.is_slow_tier or self._short_pages > 1 else ""


def _next(answer: Any) -> str:
    return fields.text(fields.record(answer.get("response_metadata")), "next_cursor")


def _thread(raw: dict[str, object]) -> Thread | None:
    replies = fields.integer(raw, "reply_count") or 0
    ts = fields.text(raw, "ts")
    if replies < 1 or not ts or fields.text(raw, "thread_ts") not in {"", ts}:
        return None
    return Thread(ts, replies, fields.text(raw, "latest_reply"))


def moment(ts: str) -> datetime:
    """When a message was posted, by its `ts`; 1970 for what is none."""
    seconds, _, micro = ts.partition(".")
    try:
        return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int((micro or "0").ljust(6, "0")[:6]))
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
