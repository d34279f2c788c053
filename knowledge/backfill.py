"""Reads the past of channels from connected platforms, page by page: a page and the place after it are one transaction.

So a reader may die at any moment, and the next one goes on where the last page ended: no message is lost or read twice.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import structlog

from knowledge.archive import Archive
from knowledge.database import Connection, Database
from knowledge.errors import ChannelUnreadable, KnowledgeUnavailable, SourceUnavailable
from knowledge.messages import ChannelRef, Posted
from knowledge.missing import Missing, OnGone
from knowledge.ports import HistorySource, Page, Thread
from knowledge.reading import Place, Reading, Readings, Superseded
from knowledge.retention import Retention

log = structlog.get_logger()

IDLE_SECONDS = 1.0
# After so many pages the next job has its turn: a huge channel must not keep the others waiting.
PAGES_PER_TURN = 8
UNREADABLE = "The platform does not show this channel to the bot."

# Threads whose replies are stored as the page counts them need not be read, nor those that were when it counted so too;
# but in a restored channel a reply may have been edited since, which no count tells.
CHANGED_THREADS = """
SELECT t.thread_id, t.replies, t.latest_id
FROM unnest(%(threads)s::text[], %(replies)s::bigint[], %(latest)s::text[]) WITH ORDINALITY
    AS t (thread_id, replies, latest_id, place),
LATERAL (SELECT count(*), coalesce((array_agg(message_id ORDER BY posted_at DESC NULLS LAST, message_id DESC))[1], '')
         FROM message m WHERE m.channel_pk = %(channel)s AND m.thread_id = t.thread_id
             AND m.message_id <> t.thread_id AND NOT m.deleted) AS s (replies, latest_id)
WHERE %(full)s OR EXISTS (SELECT FROM channel c WHERE c.channel_pk = %(channel)s AND c.quarantined_at IS NOT NULL)
  OR ((s.replies, s.latest_id) <> (t.replies, t.latest_id) AND NOT EXISTS (
    SELECT FROM thread_read r WHERE (r.channel_pk, r.thread_id) = (%(channel)s, t.thread_id)
        AND (r.replies, r.latest_id) = (t.replies, t.latest_id)))
ORDER BY t.place"""
READ_TO_ITS_END = """
INSERT INTO thread_read AS r (channel_pk, thread_id, replies, latest_id)
VALUES (%(channel)s, %(thread)s, %(replies)s, %(latest)s)
ON CONFLICT (channel_pk, thread_id) DO UPDATE SET replies = EXCLUDED.replies, latest_id = EXCLUDED.latest_id"""
# A thread that lost its last reply is a thread no longer: the page does not name it.
EMPTIED_THREADS = """
SELECT DISTINCT r.thread_id, 0, ''
FROM message m JOIN message r ON r.channel_pk = m.channel_pk AND r.thread_id = m.message_id
WHERE m.channel_pk = %(channel)s AND m.posted_at BETWEEN %(begin)s AND %(end)s
    AND r.message_id <> r.thread_id AND NOT r.deleted AND r.message_pk <= %(known)s
    AND r.thread_id <> ALL(%(threads)s)"""


class Backfill:
    """Carries out the orders of `Jobs.read`. Several processes may run one each: jobs are leased and fenced.

    `on_gone` hears of every message that turns out to be deleted, `on_outdated` of texts that were edited since they
    were stored, `on_unreadable` of channels closed to the bot, before their job ends. What these raise counts as a
    failure of the job. What `retention` keeps no longer is not read.
    """

    def __init__(
        self,
        database: Database,
        archive: Archive,
        sources: Mapping[str, HistorySource],
        *,
        on_gone: OnGone | None = None,
        on_outdated: OnGone | None = None,
        on_unreadable: Callable[[ChannelRef], Awaitable[None]] | None = None,
        lease_seconds: float = 60,
        workers: int = 2,
        idle_seconds: float | None = None,
        retention: Retention | None = None,
    ) -> None:
        self._database = database
        self._archive = archive
        self._sources = sources
        self._on_gone = on_gone or _ignore
        self._on_outdated = on_outdated or _ignore
        self._on_unreadable = on_unreadable or _ignore
        self._lease_seconds = lease_seconds
        self._workers = workers
        self._idle_seconds = idle_seconds
        self._readings = Readings(database, lease_seconds=lease_seconds, retention=retention)
        self._missing = Missing(database, archive, self._readings, self._on_gone)

    async def run(self) -> None:
        """Works for ever: the background service of `threadlore run`. Errors are logged and tried again."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    async def drain(self) -> None:
        """Works until no job can run: all are done, waiting, or somebody else's. Errors: `KnowledgeUnavailable`."""
        while not _is_cancelled() and await self._take_turn():
            pass

    async def _work(self) -> None:
        while not _is_cancelled():
            try:
                worked = await self._take_turn()
            except KnowledgeUnavailable as error:
                log.warning("reading_waits", error=type(error).__name__)
                worked = False
            if not worked:
                await asyncio.sleep(IDLE_SECONDS if self._idle_seconds is None else self._idle_seconds)

    async def _take_turn(self) -> bool:
        """Claims a job and reads some pages for it. Returns whether there was one."""
        reading = await self._readings.claim(self._sources.keys())
        if reading is None:
            return False
        ids = {"job_id": reading.job_pk, "channel_pk": reading.channel_pk}
        try:
            await self._read(reading)
        except Superseded:
            log.info("reading_taken_away", **ids)
        except SourceUnavailable as error:
            log.warning("reading_waits", error=type(error).__name__, attempt=reading.tries + 1, **ids)
            with suppress(Superseded):
                await self._readings.wait(reading)
        except (asyncio.CancelledError, KnowledgeUnavailable):
            with suppress(Superseded, KnowledgeUnavailable):
                await self._readings.release(reading)
            raise
        except Exception:
            log.exception("reading_failed", attempt=reading.place.faults + 1, **ids)
            with suppress(Superseded):
                await self._readings.stumble(reading)
        return True

    async def _read(self, reading: Reading) -> None:
        async with self._kept_alive(reading):
            try:
                for _ in range(PAGES_PER_TURN):
                    if _is_cancelled():
                        break
                    if reading.place.is_end:
                        note = await self._missing.settle(reading)
                        await self._readings.end(reading, "done", note or reading.note, believed=not note)
                        return
                    await self._read_page(reading)
            except ChannelUnreadable as error:
                await self._on_unreadable(reading.channel)
                await self._readings.end(reading, "failed", str(error) or UNREADABLE)
                return
        await self._readings.release(reading)

    async def _read_page(self, reading: Reading) -> None:
        source = self._sources[reading.channel.platform]
        thread_id, cursor = reading.place.next
        if thread_id is None:
            page = await source.history(reading.channel, cursor, reading.back_to)
        else:
            page = await source.thread(reading.channel, thread_id, cursor)
        # A thread's first message was counted where its channel showed it.
        ids = [change.message.ref.message_id for change in page.changes if isinstance(change, Posted)]
        seen, note = sum(message_id != thread_id for message_id in ids), page.note or reading.note
        place: Place = reading.place

        async def turn(connection: Connection) -> None:
            nonlocal place
            threads = await _threads(connection, reading, page) if thread_id is None else []
            place = reading.place.after(page, threads)
            await self._readings.turn(connection, reading, place, seen=seen, note=note)
            await self._missing.compare(connection, reading, page, thread_id)
            if thread_id is not None and page.cursor is None and page.covers is not None:
                await _note_end(connection, reading)

        recorded = await self._archive.record(page.changes, then=turn)
        reading.place, reading.note, reading.tries = place, note, 0
        if recorded.gone:
            await self._on_gone(recorded.gone)
        if recorded.outdated:
            await self._on_outdated(recorded.outdated)

    @asynccontextmanager
    async def _kept_alive(self, reading: Reading) -> AsyncIterator[None]:
        """Renews the lease while the platform makes the reader wait."""
        heart = asyncio.create_task(self._beat(reading))
        try:
            yield
        finally:
            heart.cancel()
            await asyncio.wait([heart])

    async def _beat(self, reading: Reading) -> None:
        with suppress(Superseded):
            while not _is_cancelled():
                await asyncio.sleep(self._lease_seconds / 3)
                with suppress(KnowledgeUnavailable):
                    await self._readings.renew(reading)


async def _threads(connection: Connection, reading: Reading, page: Page) -> list[Thread]:
    """The threads of a page of history that are to be read, newest first."""
    row = {
        "channel": reading.channel_pk,
        "full": reading.full,
        "threads": [thread.thread_id for thread in page.threads],
        "replies": [thread.replies for thread in page.threads],
        "latest": [thread.latest_id for thread in page.threads],
    }
    rows = await (await connection.execute(CHANGED_THREADS, row)).fetchall()
    if page.covers is not None:
        row |= {"begin": page.covers[0], "end": page.covers[1], "known": reading.known}
        rows += await (await connection.execute(EMPTIED_THREADS, row)).fetchall()
    return [Thread(*row) for row in rows]


async def _note_end(connection: Connection, reading: Reading) -> None:
    thread = reading.place.threads[0]
    row = {"thread": thread.thread_id, "replies": thread.replies, "latest": thread.latest_id}
    await connection.execute(READ_TO_ITS_END, {"channel": reading.channel_pk, **row})


def _is_cancelled() -> bool:
    """Whether this task was told to stop: the connection pool may swallow that, as Python 3.11's `wait_for` does."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _ignore(_what: object) -> None:
    """Nobody wants to know."""
