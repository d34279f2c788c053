"""A channel's past, page by page: its messages newest first, then the threads that no message of it began.

discord.py waits for Discord's rate limits by itself.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import discord

from adapters.discord.guild import Guild, translated
from adapters.discord.messages import record_of
from adapters.discord.permissions import Readable, is_private_thread
from knowledge.errors import ChannelUnreadable
from knowledge.messages import Change, ChannelRef
from knowledge.ports import Page, Thread

LIMIT = 100
# What was posted a moment ago may not be on a page yet, though the gateway told of it. Between two sessions discord.py
# waits as long, so that what was deleted meanwhile is older than this.
UNSETTLED = timedelta(seconds=5)
A_MOMENT = timedelta(milliseconds=1)
MESSAGES, ACTIVE, ARCHIVED = "m", "t", "a"
"""What a cursor begins with: where in the messages, at the active threads, where in the archived ones."""

Taken = Callable[[ChannelRef, Sequence[Mapping[str, object]]], Awaitable[Sequence[Change]]]
"""What records of messages change."""


class History:
    """Discord's side of reading the past. `take` makes changes of the records of messages."""

    def __init__(self, guild: Guild, take: Taken) -> None:
        self._guild = guild
        self._take = take

    async def history(self, channel: ChannelRef, cursor: str | None, since: datetime | None) -> Page:
        """One page of a channel, newest first. Errors: `ChannelUnreadable`, `SourceUnavailable`."""
        found = await self._guild.find(channel.channel_id)
        phase, _, place = (cursor or "").partition(" ")
        if isinstance(found, discord.ForumChannel):
            phase = phase or ACTIVE
        if phase == ACTIVE:
            return self._active(found, since)
        if phase == ARCHIVED:
            return await self._archived(found, place, since)
        return await self._messages(found, channel, place, since)

    async def thread(self, channel: ChannelRef, thread_id: str, cursor: str | None) -> Page:
        """One page of a thread, oldest first. One that is gone is an empty page. Errors: as `history`."""
        asked_at = datetime.now(UTC)
        lower = (moment(cursor) if cursor else self._before(channel, thread_id)) + A_MOMENT
        try:
            found = await self._guild.find(thread_id)
        except ChannelUnreadable as error:
            if isinstance(error.__cause__, discord.NotFound):
                return Page(changes=(), covers=(lower, asked_at - UNSETTLED))
            raise
        after = discord.Object(int(cursor)) if cursor else None
        messages = await self._read(found, after=after, oldest_first=True)
        is_last = len(messages) < LIMIT
        upper = asked_at - UNSETTLED if is_last else messages[-1].created_at
        return Page(
            changes=tuple(await self._take(channel, [record_of(message) for message in messages])),
            cursor=None if is_last else str(messages[-1].id),
            covers=(lower, upper) if lower <= upper else None,
        )

    def _before(self, channel: ChannelRef, thread_id: str) -> datetime:
        """What a thread lists is newer. The message that began it has its id, and stands in it in a forum only.

        Errors: `SourceUnavailable`.
        """
        is_post = isinstance(self._guild.guild.get_channel(int(channel.channel_id)), discord.ForumChannel)
        return moment(thread_id) - A_MOMENT if is_post else moment(thread_id)

    async def _messages(self, found: Readable, channel: ChannelRef, place: str, since: datetime | None) -> Page:
        asked_at = datetime.now(UTC)
        messages = await self._read(found, before=discord.Object(int(place)) if place else None)
        wanted = [one for one in messages if since is None or one.created_at >= since]
        is_last = len(wanted) < LIMIT
        upper = moment(place) - A_MOMENT if place else asked_at - UNSETTLED
        lower = (since or datetime.fromtimestamp(0, UTC)) if is_last else wanted[-1].created_at
        following = ACTIVE if isinstance(found, discord.TextChannel) else None
        return Page(
            changes=tuple(await self._take(channel, [record_of(message) for message in wanted])),
            cursor=following if is_last else f"{MESSAGES} {wanted[-1].id}",
            covers=(lower, upper) if lower <= upper else None,
            threads=tuple(thread for one in wanted if (thread := _begun_by(one))),
        )

    def _active(self, found: Readable, since: datetime | None) -> Page:
        threads = [thread for thread in found.threads if not is_private_thread(thread)]  # type: ignore[union-attr]
        listed = tuple(_listed(one) for one in threads if _is_since(one, since))
        return Page(changes=(), cursor=ARCHIVED, threads=listed)

    async def _archived(self, found: Readable, place: str, since: datetime | None) -> Page:
        """Latest archived first."""
        before = datetime.fromisoformat(place) if place else None
        with translated():
            listing = found.archived_threads(limit=LIMIT, before=before)  # type: ignore[union-attr]
            threads = [thread async for thread in listing]
        wanted = [one for one in threads if since is None or one.archive_timestamp >= since]
        onward = len(threads) == LIMIT == len(wanted)
        return Page(
            changes=(),
            cursor=f"{ARCHIVED} {threads[-1].archive_timestamp.isoformat()}" if onward else None,
            threads=tuple(_listed(one) for one in wanted if _is_since(one, since)),
        )

    async def _read(
        self,
        found: Readable,
        *,
        before: discord.Object | None = None,
        after: discord.Object | None = None,
        oldest_first: bool = False,
    ) -> list[discord.Message]:
        with translated():
            reading = found.history(limit=LIMIT, before=before, after=after, oldest_first=oldest_first)  # type: ignore[union-attr]
            return [message async for message in reading]


async def recent(guild: Guild, channel_id: str, before: str, limit: int) -> list[dict[str, object]]:
    """The records of what was said last before a message, oldest first. Errors: as `History.history`."""
    found = await guild.find(channel_id)
    with translated():
        messages = [one async for one in found.history(limit=limit, before=discord.Object(int(before)))]  # type: ignore[union-attr]
    return [record_of(_meant(message)) for message in reversed(messages)]


async def message(guild: Guild, channel_id: str, message_id: str) -> dict[str, object] | None:
    """The record of one message as it is now; None where it is gone. Errors: `SourceUnavailable`."""
    try:
        found = await guild.find(channel_id)
        with translated():
            return record_of(await found.fetch_message(int(message_id)))  # type: ignore[union-attr]
    except ChannelUnreadable:
        return None


def _meant(message: discord.Message) -> discord.Message:
    """The message that began a thread stands outside it: inside is one that points there."""
    points_to = message.reference.resolved if message.reference is not None else None
    is_pointer = message.type is discord.MessageType.thread_starter_message
    return points_to if is_pointer and isinstance(points_to, discord.Message) else message


def _begun_by(message: discord.Message) -> Thread | None:
    thread = message.thread
    return _listed(thread) if thread is not None and not is_private_thread(thread) else None


def _listed(thread: discord.Thread) -> Thread:
    return Thread(str(thread.id), thread.message_count, str(thread.last_message_id or ""))


def _is_since(thread: discord.Thread, since: datetime | None) -> bool:
    return since is None or moment(str(thread.last_message_id or thread.id)) >= since


def moment(snowflake: str) -> datetime:
    """When something was made, by its id; 1970 for what is none."""
    try:
        return discord.utils.snowflake_time(int(snowflake))
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
