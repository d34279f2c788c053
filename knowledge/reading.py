"""A channel that is being read: where its reader is, and the fenced writes to its row of the job table.

Every lease is told by the database's clock, never by that of a host.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple, Self

from knowledge.database import Connection, Database
from knowledge.jobs import DROP_MISSING, MARK_CHANNEL, SET_TOTAL
from knowledge.messages import ChannelRef
from knowledge.ports import Page, Thread
from knowledge.quarantine import LEAVE, SETTLED_SECONDS
from knowledge.retention import Retention

TRIES = 5
PAUSE_SECONDS = 60
WAITS = "The platform does not answer now; reading goes on by itself."
STUMBLED = "Reading failed here, and is tried again by itself."
GIVEN_UP = f"Reading failed {TRIES} times at the same place and was given up. The log says why."

# Nobody reads for a channel that was closed meanwhile.
CLOSE = """
WITH closed AS (
    UPDATE job j SET state = 'cancelled', finished_at = now(), note = 'The channel was closed.'
    WHERE kind <> 'reindex' AND state = 'running' AND lease_until < now() AND NOT EXISTS (
        SELECT FROM channel c WHERE c.channel_pk = j.channel_pk AND c.removed_at IS NULL AND c.hidden_at IS NULL)
    RETURNING job_pk)
DELETE FROM missing USING closed WHERE missing.job_pk = closed.job_pk"""
# Whoever has waited longest comes first, so that jobs take turns. Of two of a kind for one channel the later one waits.
CLAIM = """
UPDATE job j SET fence = j.fence + 1, lease_until = now() + make_interval(secs => %(lease)s)
FROM channel c WHERE c.channel_pk = j.channel_pk AND j.job_pk = (
    SELECT job_pk FROM job JOIN channel USING (channel_pk)
    WHERE kind <> 'reindex' AND state = 'running' AND lease_until < now() AND platform = ANY(%(platforms)s)
        AND NOT EXISTS (SELECT FROM job e WHERE (e.channel_pk, e.kind) = (job.channel_pk, job.kind)
            AND e.state = 'running' AND e.job_pk < job.job_pk)
    ORDER BY lease_until, job_pk LIMIT 1 FOR UPDATE OF job SKIP LOCKED)
RETURNING j.job_pk, j.fence, c.channel_pk, c.platform, c.workspace, c.channel_id, j.since, j.full_rebuild,
    (SELECT coalesce(max(message_pk), 0) FROM message), j.tries, j.note, j.cursor"""

# Whoever holds the row in a transaction may change it there: nobody else can claim or cancel it meanwhile.
HOLD = """
UPDATE job SET lease_until = now() + make_interval(secs => %(lease)s)
WHERE job_pk = %(job)s AND fence = %(fence)s AND state = 'running'
RETURNING EXISTS (SELECT FROM channel c
    WHERE c.channel_pk = job.channel_pk AND c.removed_at IS NULL AND c.hidden_at IS NULL)"""
TURN = "UPDATE job SET cursor = %(cursor)s, seen = seen + %(seen)s, note = %(note)s, tries = 0 WHERE job_pk = %(job)s"
REMOVE = "UPDATE job SET gone = gone + %(gone)s WHERE job_pk = %(job)s"
WAIT = "UPDATE job SET tries = tries + 1, note = %(note)s WHERE job_pk = %(job)s"
STUMBLE = "UPDATE job SET cursor = %(cursor)s, note = %(note)s WHERE job_pk = %(job)s"
END = "UPDATE job SET state = %(state)s, note = %(note)s, finished_at = now() WHERE job_pk = %(job)s"


class Superseded(Exception):
    """The job is another reader's by now, or was cancelled, or its channel closed: this reader may not write."""


class ThreadPlace(NamedTuple):
    """A thread to read, where to go on in it, and its replies as the page that named it counted them."""

    thread_id: str
    cursor: str | None = None
    replies: int = 0
    latest_id: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on: in the threads that the last page of history began, then in older history.

    `history` None: at the newest message, or, once reading has begun, past the oldest one. `faults` counts the
    failures at this very place.
    """

    begun: bool = False
    history: str | None = None
    threads: tuple[ThreadPlace, ...] = ()
    faults: int = 0

    @property
    def is_end(self) -> bool:
        """Everything was read."""
        return self.begun and self.history is None and not self.threads

    @property
    def next(self) -> tuple[str | None, str | None]:
        """The thread whose page comes next, None for one of history, and where it begins."""
        return self.threads[0][:2] if self.threads else (None, self.history)

    def after(self, page: Page, threads: Iterable[Thread]) -> "Place":
        """The place after a page; `threads` are those to read that the page began."""
        if not self.threads:
            begun = tuple(ThreadPlace(one.thread_id, None, one.replies, one.latest_id) for one in threads)
            return Place(begun=True, history=page.cursor, threads=begun)
        current, *others = self.threads
        rest = [current._replace(cursor=page.cursor)] if page.cursor is not None else []
        return Place(begun=True, history=self.history, threads=(*rest, *others))

    def dump(self) -> str:
        """What the job's row keeps."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, kept: str | None) -> Self:
        """The place that was kept; the beginning where none was."""
        if kept is None:
            return cls()
        raw = json.loads(kept)
        return cls(**{**raw, "threads": tuple(ThreadPlace(*thread) for thread in raw["threads"])})


@dataclass(slots=True)
class Reading:
    """A claimed job. `fence` rises with each claim, which tells a stale reader from its successor.

    `known`: messages with a greater key were stored after the claim, so a page may be older than they are. `since` is
    what was ordered; `kept_from`: what was posted before that is kept no longer.
    """

    job_pk: int
    fence: int
    channel_pk: int
    channel: ChannelRef
    since: datetime | None
    full: bool
    known: int
    tries: int
    note: str
    place: Place
    kept_from: datetime | None = None

    @property
    def back_to(self) -> datetime | None:
        """How far back it is read; None: to the beginning."""
        bounds = [bound for bound in (self.since, self.kept_from) if bound is not None]
        return max(bounds, default=None)


class Readings:
    """The job table as readers see it."""

    def __init__(self, database: Database, *, lease_seconds: float, retention: Retention | None = None) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._retention = retention or Retention(database)

    async def claim(self, platforms: Collection[str]) -> Reading | None:
        """The job that has waited longest, leased to the caller. None: no job can run now."""
        await self._database.execute(CLOSE)
        row = {"platforms": list(platforms), "lease": self._lease_seconds}
        async with self._database.transaction() as connection:
            claimed = await (await connection.execute(CLAIM, row)).fetchone()
            if claimed is None:
                return None
            job_pk, fence, channel_pk, *names, since, full, known, tries, note, cursor = claimed
            kept_from = (await self._retention.kept_from(connection, [channel_pk])).get(channel_pk)
        note, channel = "" if note in {WAITS, STUMBLED} else note, ChannelRef(*names)
        place = Place.load(cursor)
        return Reading(job_pk, fence, channel_pk, channel, since, full, known, tries, note, place, kept_from)

    async def hold(
        self, connection: Connection, reading: Reading, *, lease_seconds: float | None = None, ending: bool = False
    ) -> None:
        """Renews the lease, and refuses a stale reader's transaction, or, unless `ending`, one for a closed channel.

        Errors: `Superseded`.
        """
        lease = self._lease_seconds if lease_seconds is None else lease_seconds
        row = {"job": reading.job_pk, "fence": reading.fence, "lease": lease}
        held = await (await connection.execute(HOLD, row)).fetchone()
        if held is None or not (held[0] or ending):
            raise Superseded

    async def renew(self, reading: Reading) -> None:
        """Keeps the job while its reader waits. Errors: `Superseded`."""
        async with self._database.transaction() as connection:
            await self.hold(connection, reading)

    async def turn(self, connection: Connection, reading: Reading, place: Place, *, seen: int, note: str) -> None:
        """Where reading goes on, written with the page before it. Errors: `Superseded`."""
        await self.hold(connection, reading)
        row = {"job": reading.job_pk, "cursor": place.dump(), "seen": seen, "note": note}
        await connection.execute(TURN, row)

    async def remove(self, connection: Connection, reading: Reading, gone: int) -> None:
        """Counts messages that are gone. Errors: `Superseded`."""
        await self.hold(connection, reading)
        await connection.execute(REMOVE, {"job": reading.job_pk, "gone": gone})

    async def release(self, reading: Reading) -> None:
        """Lets the next job have its turn. Errors: `Superseded`."""
        async with self._database.transaction() as connection:
            await self.hold(connection, reading, lease_seconds=0)

    async def wait(self, reading: Reading) -> None:
        """The platform is away: the job is tried again after a pause that grows to a minute, for ever.

        Errors: `Superseded`.
        """
        async with self._database.transaction() as connection:
            await self.hold(connection, reading, lease_seconds=_pause(reading.tries))
            await connection.execute(WAIT, {"job": reading.job_pk, "note": WAITS})

    async def stumble(self, reading: Reading) -> None:
        """Something failed that should not: the job is tried again after a pause, then given up.

        Errors: `Superseded`.
        """
        place = replace(reading.place, faults=reading.place.faults + 1)
        if place.faults >= TRIES:
            await self.end(reading, "failed", GIVEN_UP)
            return
        async with self._database.transaction() as connection:
            await self.hold(connection, reading, lease_seconds=_pause(reading.place.faults))
            await connection.execute(STUMBLE, {"job": reading.job_pk, "cursor": place.dump(), "note": STUMBLED})

    async def end(
        self, reading: Reading, state: Literal["done", "failed"], note: str, *, believed: bool = False
    ) -> None:
        """The job is over; when it is done and was a full one, everything is embedded again. Errors: `Superseded`.

        `believed`: what the platform did not show was deleted, so that a restored channel may be open again.
        """
        job = {"job": reading.job_pk}
        async with self._database.transaction() as connection:
            await self.hold(connection, reading, ending=True)
            await connection.execute(END, {**job, "state": state, "note": note})
            await connection.execute(DROP_MISSING, job)
            if believed:
                await connection.execute(LEAVE, {**job, "settled": SETTLED_SECONDS})
            if state == "done" and reading.full:
                mark = {**job, "channel": reading.channel_pk, "since": reading.since, "full": True}
                marked = await connection.execute(MARK_CHANNEL, mark)
                await connection.execute(SET_TOTAL, {**job, "total": marked.rowcount})


def _pause(tries: int) -> int:
    """Seconds before the next try: 1, 2, 4, 8, 16, then a minute."""
    return PAUSE_SECONDS if tries >= TRIES else 2**tries
