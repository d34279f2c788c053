"""Orders that take a while, and how far they are: reindexing a channel, or reading it again from its platform."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from knowledge.database import Database
from knowledge.messages import ChannelRef
from knowledge.units import EMBED_TRIES

ADD_JOB = """
INSERT INTO job (kind, channel_pk)
SELECT 'reindex', channel_pk FROM channel
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s) AND removed_at IS NULL
RETURNING job_pk, channel_pk"""

# Orders for one channel take turns, so that two at once become one job.
OPEN_CHANNEL = """
SELECT channel_pk FROM channel
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s)
  AND removed_at IS NULL AND hidden_at IS NULL FOR NO KEY UPDATE"""
RUNNING = """
SELECT job_pk, coalesce(since, '-infinity') <= coalesce(%(since)s::timestamptz, '-infinity')
               AND (full_rebuild OR NOT %(full)s), cursor IS NOT NULL OR lease_until > now()
FROM job WHERE channel_pk = %(channel)s AND kind = %(kind)s AND state = 'running' ORDER BY job_pk DESC LIMIT 1"""
READ = """
INSERT INTO job (kind, channel_pk, since, full_rebuild)
VALUES (%(kind)s, %(channel)s, %(since)s, %(full)s) RETURNING job_pk"""
# Channels are compared with their platform all day long; yesterday's orders are of no use.
PRUNE = """
DELETE FROM job WHERE channel_pk = %(channel)s AND kind = 'reconcile' AND finished_at < now() - interval '1 day'"""
# A wider order begins anew; the fence turns away whoever reads for the narrower one.
WIDEN = """
UPDATE job SET since = CASE WHEN %(since)s::timestamptz IS NOT NULL THEN least(since, %(since)s) END,
    full_rebuild = full_rebuild OR %(full)s, cursor = NULL, seen = 0, note = '', fence = fence + 1, tries = 0,
    lease_until = '-infinity'
WHERE job_pk = %(job)s"""
REPORT = "UPDATE job SET report = %(place)s WHERE job_pk = %(job)s"
REPORTED = """
SELECT job_pk, report FROM job JOIN channel c USING (channel_pk)
WHERE state = 'running' AND report IS NOT NULL AND (c.platform, c.workspace) = (%(platform)s, %(workspace)s)"""
DROP_MISSING = "DELETE FROM missing WHERE job_pk = %(job)s"

# The names of families, as units.family_of makes them. Texts that were given up get another chance.
MARK_CHANNEL = """
WITH forgiven AS (
    DELETE FROM unit_failure f USING unit u WHERE u.unit_pk = f.unit_pk AND u.channel_pk = %(channel)s)
INSERT INTO dirty AS d (channel_pk, family, full_rebuild, job_pk)
SELECT DISTINCT channel_pk, CASE
    WHEN thread_id IS NOT NULL THEN 'thread:' || thread_id
    WHEN posted_at IS NOT NULL THEN 'day:' || to_char(posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
    WHEN seq IS NOT NULL THEN 'seq:' || floor(seq / 200.0)::bigint
    ELSE 'message:' || message_id END, %(full)s, %(job)s::bigint
FROM message WHERE channel_pk = %(channel)s AND NOT deleted
    AND (%(since)s::timestamptz IS NULL OR posted_at >= %(since)s)
ORDER BY 1, 2
ON CONFLICT (channel_pk, family) DO UPDATE SET
    version = d.version + 1, tries = 0, reason = NULL, job_pk = EXCLUDED.job_pk,
    lease_until = '-infinity', full_rebuild = d.full_rebuild OR EXCLUDED.full_rebuild"""
SET_TOTAL = "UPDATE job SET total = %(total)s WHERE job_pk = %(job)s"

# What changed since stays marked: only the order is taken back, not the news.
CANCEL = "UPDATE job SET state = 'cancelled', finished_at = now() WHERE job_pk = %(job)s AND state = 'running'"
UNMARK = "DELETE FROM dirty WHERE job_pk = %(job)s AND version = 1"
RELEASE = "UPDATE dirty SET job_pk = NULL, full_rebuild = false WHERE job_pk = %(job)s"

_JOB = """
SELECT j.job_pk, j.kind, c.name, j.state, j.total,
       (SELECT count(*) FROM dirty d WHERE d.job_pk = j.job_pk), j.created_at, j.finished_at,
       j.seen, j.gone, j.note, j.since
FROM job j LEFT JOIN channel c USING (channel_pk)"""
_OF = " WHERE (%(platform)s::text IS NULL OR (c.platform, c.workspace) = (%(platform)s, %(workspace)s))"
JOBS = _JOB + _OF + " ORDER BY j.job_pk DESC LIMIT 20"
JOB = _JOB + _OF + " AND j.job_pk = %(job)s"

COMPARED = """
SELECT greatest(w.connected_at, (
    SELECT max(j.created_at) FROM job j JOIN channel c USING (channel_pk)
    WHERE j.kind = 'reconcile' AND j.since IS NULL AND (c.platform, c.workspace) = (w.platform, w.workspace)))
FROM workspace w WHERE (w.platform, w.workspace) = (%(platform)s, %(workspace)s)"""

CHANNELS = """
SELECT c.platform, c.workspace, c.channel_id, c.name, c.visibility, c.live_count,
       (SELECT count(*) FROM unit u WHERE u.channel_pk = c.channel_pk),
       (SELECT count(*) FROM dirty d WHERE d.channel_pk = c.channel_pk),
       (SELECT count(DISTINCT f.unit_pk) FROM unit_failure f JOIN unit u USING (unit_pk)
        WHERE u.channel_pk = c.channel_pk AND f.tries >= %(tries)s),
       (SELECT max(m.posted_at) FROM message m WHERE m.channel_pk = c.channel_pk AND NOT m.deleted),
       c.hidden_at IS NOT NULL, c.quarantined_at IS NOT NULL
FROM channel c WHERE c.removed_at IS NULL
    AND (%(platform)s::text IS NULL OR (c.platform, c.workspace) = (%(platform)s, %(workspace)s))
ORDER BY c.platform, c.workspace, c.name"""


@dataclass(frozen=True, slots=True)
class Job:
    """An order. `left` of `total` families are still to be rebuilt.

    Of a reading: `seen` messages were read so far, `gone` that were stored are not on the platform any more, `note`
    is a sentence for the admin, and it goes back to `since`, or to the beginning.
    """

    job_pk: int
    kind: str
    channel: str | None
    state: str
    total: int
    left: int
    created_at: datetime
    finished_at: datetime | None
    seen: int = 0
    gone: int = 0
    note: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """What is known of one channel. `waiting`: families to be rebuilt; `parked`: units given up; `hidden`: closed.

    `quarantined`: restored from a backup and not yet compared with its platform, so closed to answers.
    """

    platform: str
    workspace: str
    channel_id: str
    name: str
    visibility: str
    messages: int
    units: int
    waiting: int
    parked: int
    latest: datetime | None
    hidden: bool
    quarantined: bool = False


class Jobs:
    """The job table and the figures behind `status`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reindex(self, channel: ChannelRef, *, since: datetime | None, full: bool) -> tuple[int, int] | None:
        """Orders a channel to be cut and embedded again. Returns the job and how many families it has to do.

        `full` embeds even texts that did not change. None: there is no such channel.
        """
        row = {"platform": channel.platform, "workspace": channel.workspace, "id": channel.channel_id}
        async with self._database.transaction() as connection:
            added = await (await connection.execute(ADD_JOB, row)).fetchone()
            if added is None:
                return None
            mark = {"job": added[0], "channel": added[1], "since": since, "full": full}
            marked = await connection.execute(MARK_CHANNEL, mark)
            await connection.execute(SET_TOTAL, {"job": added[0], "total": marked.rowcount})
            return int(added[0]), marked.rowcount

    async def read(
        self,
        channel: ChannelRef,
        kind: Literal["backfill", "reconcile"],
        *,
        since: datetime | None,
        full: bool = False,
    ) -> int | None:
        """Orders a channel to be read from its platform, back to `since`. Returns the job, perhaps one running already.

        A running job is widened where it does not go as far back, or is not `full`: then every thread is read, and
        every text embedded again. A comparison that has begun has passed the pages where something was missed since:
        another one comes after it. None: there is no such channel, or it is closed.
        """
        row = {"platform": channel.platform, "workspace": channel.workspace, "id": channel.channel_id}
        async with self._database.transaction() as connection:
            found = await (await connection.execute(OPEN_CHANNEL, row)).fetchone()
            if found is None:
                return None
            order = {"channel": found[0], "kind": kind, "since": since, "full": full}
            running = await (await connection.execute(RUNNING, order)).fetchone()
            if running is None or (kind == "reconcile" and running[1] and running[2]):
                await connection.execute(PRUNE, order)
                added = await (await connection.execute(READ, order)).fetchone()
                assert added is not None  # noqa: S101 - RETURNING gives a row for each one inserted
                return int(added[0])
            job_pk, is_wide_enough, _ = running
            if not is_wide_enough:
                await connection.execute(WIDEN, {**order, "job": job_pk})
                await connection.execute(DROP_MISSING, {"job": job_pk})
            return int(job_pk)

    async def cancel(self, job_pk: int) -> bool:
        """Takes an order back. Returns False when it is not running."""
        row = {"job": job_pk}
        async with self._database.transaction() as connection:
            if (await connection.execute(CANCEL, row)).rowcount == 0:
                return False
            await connection.execute(UNMARK, row)
            await connection.execute(RELEASE, row)
            await connection.execute(DROP_MISSING, row)
            return True

    async def report_at(self, job_pk: int, place: str) -> None:
        """Notes where an admin watches a job, in the platform's words."""
        await self._database.execute(REPORT, {"job": job_pk, "place": place})

    async def reported(self, platform: str, workspace: str) -> list[tuple[int, str]]:
        """The running jobs of a workspace that somebody watches, and where."""
        return list(await self._database.fetch(REPORTED, {"platform": platform, "workspace": workspace}))

    async def compared(self, platform: str, workspace: str) -> datetime | None:
        """When a workspace's whole past was last ordered to be compared, or it was connected. None: it never was."""
        rows = await self._database.fetch(COMPARED, {"platform": platform, "workspace": workspace})
        return rows[0][0] if rows else None

    async def jobs(self, platform: str | None = None, workspace: str | None = None) -> list[Job]:
        """The latest orders, newest first; of one workspace if given."""
        row = {"platform": platform, "workspace": workspace}
        return [Job(*job) for job in await self._database.fetch(JOBS, row)]

    async def job(self, job_pk: int, platform: str | None = None, workspace: str | None = None) -> Job | None:
        """One order; None also for one of another workspace than that given."""
        rows = await self._database.fetch(JOB, {"job": job_pk, "platform": platform, "workspace": workspace})
        return Job(*rows[0]) if rows else None

    async def channels(self, platform: str | None = None, workspace: str | None = None) -> list[ChannelStatus]:
        """Every channel that is kept, by name; of one workspace if given."""
        row = {"platform": platform, "workspace": workspace, "tries": EMBED_TRIES}
        return [ChannelStatus(*channel) for channel in await self._database.fetch(CHANNELS, row)]
