"""A platform's past in memory. Each page shows what is there when it is asked for."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from knowledge.messages import ChannelRef, Posted, SourceMessage
from knowledge.ports import Page, Thread

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
NOW = datetime(2036, 1, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


class FakeHistory:
    """Ids are of the whole platform. Cursors are times, so no two messages of a channel may have the same.

    `unkept` counts replies of a thread that no page shows, as the bot's own. `on_page` sees each call and its page
    before the reader gets it; there a test waits, raises, or changes the world.
    """

    def __init__(self, *messages: Posted, page_size: int = 3) -> None:
        self.page_size = page_size
        self.covers = True
        self.note = ""
        self.unkept: dict[str, int] = {}
        self.calls: list[str] = []
        self.on_page: Callable[[str, Page], Awaitable[None]] | None = None
        self._messages: dict[str, SourceMessage] = {}
        self.post(*messages)

    def post(self, *messages: Posted) -> None:
        self._messages |= {one.message.ref.message_id: one.message for one in messages}
        self._arrange()

    def delete(self, *message_ids: str) -> None:
        for message_id in message_ids:
            del self._messages[message_id]
        self._arrange()

    @property
    def ids(self) -> set[str]:
        return set(self._messages)

    def _arrange(self) -> None:
        self._talk: dict[ChannelRef, list[SourceMessage]] = defaultdict(list)
        self._replies: dict[str, list[SourceMessage]] = defaultdict(list)
        for one in sorted(self._messages.values(), key=lambda one: one.posted_at):
            if one.thread_id in {None, one.ref.message_id}:
                self._talk[one.ref.channel].append(one)
            else:
                self._replies[one.thread_id].append(one)

    async def history(self, channel: ChannelRef, cursor: str | None, since: datetime | None) -> Page:
        before = NOW if cursor is None else datetime.fromisoformat(cursor) - INSTANT
        oldest = since or BEGINNING
        found = [one for one in reversed(self._talk[channel]) if oldest <= one.posted_at <= before]
        shown, rest = found[: self.page_size], found[self.page_size :]
        begin = shown[-1].posted_at if rest else oldest
        return await self._page(
            f"history {channel.channel_id}",
            Page(
                changes=tuple(Posted(one) for one in shown),
                cursor=begin.isoformat() if rest else None,
                covers=(begin, before) if self.covers else None,
                threads=tuple(
                    Thread(root, len(replies) + self.unkept.get(root, 0), replies[-1].ref.message_id)
                    for one in shown
                    if (replies := self._replies[root := one.ref.message_id])
                ),
                note=self.note,
            ),
        )

    async def thread(self, channel: ChannelRef, thread_id: str, cursor: str | None) -> Page:
        after = BEGINNING if cursor is None else datetime.fromisoformat(cursor) + INSTANT
        first = [self._messages[thread_id]] if thread_id in self._messages else []
        found = [one for one in (*first, *self._replies[thread_id]) if one.posted_at >= after]
        shown, rest = found[: self.page_size], found[self.page_size :]
        end = shown[-1].posted_at if rest else NOW
        return await self._page(
            f"thread {thread_id}",
            Page(
                changes=tuple(Posted(one) for one in shown),
                cursor=end.isoformat() if rest else None,
                covers=(after, end) if self.covers else None,
            ),
        )

    async def _page(self, call: str, page: Page) -> Page:
        self.calls.append(call)
        if self.on_page is not None:
            await self.on_page(call, page)
        return page
