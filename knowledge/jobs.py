"""Orders that take a while, and how far they are: reindexing a channel, its progress, its end."""

from dataclasses import dataclass
from datetime import datetime

from knowledge.database import Database
from knowledge.messages import ChannelRef

ADD_JOB = """
INSERT INTO job (kind, channel_pk)
SELECT 'reindex', channel_pk FROM channel
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s) AND removed_at IS NULL
RETURNING job_pk, channel_pk"""

# The names of families, as units.family_of makes them.
MARK_CHANNEL = """
INSERT INTO dirty AS d (channel_pk, family, full_rebuild, job_pk)
SELECT DISTINCT channel_pk, CASE
    WHEN thread_id IS NOT NULL THEN 'thread:' || thread_id
    WHEN posted_at IS NOT NULL THEN 'day:' || to_char(posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
    WHEN seq IS NOT NULL THEN 'seq:' || floor(seq / 200.0)::bigint
    ELSE 'message:' || message_id END, %(full)s, %(job)s::bigint
FROM message WHERE channel_pk = %(channel)s AND NOT deleted
    AND (%(since)s::timestamptz IS NULL OR posted_at >= %(since)s)
ON CONFLICT (channel_pk, family) DO UPDATE SET
    version = d.version + 1, tries = 0, reason = NULL, job_pk = EXCLUDED.job_pk,
    lease_until = '-infinity', full_rebuild = d.full_rebuild OR EXCLUDED.full_rebuild"""
SET_TOTAL = "UPDATE job SET total = %(total)s WHERE job_pk = %(job)s"

# What changed since stays marked: only the order is taken back, not the news.
CANCEL = "UPDATE job SET state = 'cancelled', finished_at = now() WHERE job_pk = %(job)s AND state = 'running'"
UNMARK = "DELETE FROM dirty WHERE job_pk = %(job)s AND version = 1"
RELEASE = "UPDATE dirty SET job_pk = NULL, full_rebuild = false WHERE job_pk = %(job)s"

JOBS = """
SELECT j.job_pk, j.kind, c.name, j.state, j.total,
       (SELECT count(*) FROM dirty d WHERE d.job_pk = j.job_pk), j.created_at, j.finished_at
FROM job j LEFT JOIN channel c USING (channel_pk) ORDER BY j.job_pk DESC LIMIT 20"""

CHANNELS = """
SELECT c.platform, c.workspace, c.channel_id, c.name, c.visibility, c.live_count,
       (SELECT count(*) FROM unit u WHERE u.channel_pk = c.channel_pk),
       (SELECT count(*) FROM dirty d WHERE d.channel_pk = c.channel_pk AND d.lease_until < 'infinity'),
       (SELECT count(*) FROM dirty d WHERE d.channel_pk = c.channel_pk AND d.lease_until = 'infinity'),
       (SELECT max(m.posted_at) FROM message m WHERE m.channel_pk = c.channel_pk AND NOT m.deleted)
FROM channel c WHERE c.removed_at IS NULL ORDER BY c.platform, c.workspace, c.name"""


@dataclass(frozen=True, slots=True)
class Job:
    """An order. `left` of `total` families are still to be rebuilt."""

    job_pk: int
    kind: str
    channel: str | None
    state: str
    total: int
    left: int
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """What is known of one channel. `waiting`: to be rebuilt; `parked`: given up after several tries."""

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

    async def cancel(self, job_pk: int) -> bool:
        """Takes an order back. Returns False when it is not running."""
        row = {"job": job_pk}
        async with self._database.transaction() as connection:
            if (await connection.execute(CANCEL, row)).rowcount == 0:
                return False
            await connection.execute(UNMARK, row)
            await connection.execute(RELEASE, row)
            return True

    async def jobs(self) -> list[Job]:
        """The latest orders, newest first."""
        return [Job(*row) for row in await self._database.fetch(JOBS)]

    async def channels(self) -> list[ChannelStatus]:
        """Every channel that is kept, by name."""
        return [ChannelStatus(*row) for row in await self._database.fetch(CHANNELS)]
