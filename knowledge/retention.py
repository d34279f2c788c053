"""How long messages are kept, counted from when they were posted: days for every channel, or fewer for one of them.

The limit stands at the archive's one door, so that no reading of the past and no import brings back what is too old.
What grows old while it is kept is found here, and deleted like anything else. Nobody knows how old a message without a
time is: it stays. The database's clock counts.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from knowledge.database import Connection, Database
from knowledge.messages import ChannelRef, MessageRef

# `k` is the row of channel_config. A channel's own number may only be less: what is promised for all holds for each.
KEPT_DAYS = """least(nullif(%(keep_days)s::integer, 0),
    CASE WHEN k.config ->> 'keep' ~ '^[1-9][0-9]{0,4}$' THEN (k.config ->> 'keep')::integer END)"""

_LIMITED = """
SELECT channel_pk, now() - make_interval(days => days), platform, workspace, channel_id FROM (
    SELECT c.*, """
LIMITED = (
    _LIMITED
    + KEPT_DAYS
    + """ AS days
    FROM channel c LEFT JOIN channel_config k USING (platform, workspace, channel_id)) AS limited
WHERE days IS NOT NULL AND removed_at IS NULL AND (%(channels)s::bigint[] IS NULL OR channel_pk = ANY(%(channels)s))
ORDER BY channel_pk"""
)
TOO_OLD = """
SELECT message_id, posted_at, message_pk, rev FROM message
WHERE channel_pk = %(channel)s AND NOT deleted AND posted_at < %(kept_from)s
    AND (posted_at, message_id) > (%(at)s::timestamptz, %(id)s)
ORDER BY posted_at, message_id LIMIT %(limit)s"""

BATCH = 500


class Old(NamedTuple):
    """A message that has been kept long enough, and every "message_pk:rev" that an answer may have used of it."""

    ref: MessageRef
    keys: tuple[str, ...]


class Retention:
    """`keep_days` 0: for ever, but where a channel says otherwise."""

    def __init__(self, database: Database, *, keep_days: int = 0) -> None:
        self._database = database
        self._keep_days = keep_days

    async def kept_from(self, connection: Connection, channel_pks: Sequence[int]) -> dict[int, datetime]:
        """Since when what was posted in these channels is kept; those that keep everything are left out."""
        row = {"keep_days": self._keep_days, "channels": list(channel_pks)}
        rows = await (await connection.execute(LIMITED, row)).fetchall()
        return {channel_pk: kept_from for channel_pk, kept_from, *_ in rows}

    async def too_old(self) -> AsyncIterator[list[Old]]:
        """What is kept and should be no longer, in batches: the caller deletes one before the next is looked for.

        Errors: `KnowledgeUnavailable`.
        """
        everywhere = {"keep_days": self._keep_days, "channels": None}
        for channel_pk, kept_from, *names in await self._database.fetch(LIMITED, everywhere):
            row = {"channel": channel_pk, "kept_from": kept_from, "at": "-infinity", "id": "", "limit": BATCH}
            while found := await self._database.fetch(TOO_OLD, row):
                yield [_old(ChannelRef(*names), *each) for each in found]
                row["id"], row["at"] = found[-1][:2]


def _old(channel: ChannelRef, message_id: str, _posted_at: datetime, message_pk: int, rev: int) -> Old:
    return Old(MessageRef(channel, message_id), tuple(f"{message_pk}:{seen}" for seen in range(1, rev + 1)))
