"""Messages that a reading did not find on the platform: suspects until its end, then deleted, unless too many."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from knowledge.archive import Archive
from knowledge.database import Connection, Database
from knowledge.messages import Deleted, MessageRef, Posted
from knowledge.ports import Page
from knowledge.reading import Reading, Readings

OnGone = Callable[[Sequence[str]], Awaitable[None]]
"""Takes the "message_pk:rev" of deleted messages; may be called again with the same ones."""

# More than this is rather a platform that hides something, or a right that the bot has lost.
TRUSTED_SHARE = 0.2
TRUSTED_COUNT = 10
BATCH = 500

# A message stored after the claim may be newer than the page, whatever the clocks say.
_SUSPECT = """
INSERT INTO missing (job_pk, message_id)
SELECT %(job)s, message_id FROM message
WHERE channel_pk = %(channel)s AND NOT deleted AND message_pk <= %(known)s AND message_id <> ALL(%(listed)s)
    AND posted_at BETWEEN %(begin)s AND %(end)s AND """
SUSPECT_TALK = _SUSPECT + "(thread_id IS NULL OR thread_id = message_id) ON CONFLICT DO NOTHING"
SUSPECT_REPLIES = _SUSPECT + "thread_id = %(thread)s ON CONFLICT DO NOTHING"
FOUND = "DELETE FROM missing WHERE job_pk = %(job)s AND message_id = ANY(%(ids)s)"

VERDICT = """
SELECT (SELECT count(*) FROM missing x JOIN message m ON (m.channel_pk, m.message_id) = (c.channel_pk, x.message_id)
        WHERE x.job_pk = j.job_pk AND NOT m.deleted), c.live_count, j.seen
FROM job j JOIN channel c USING (channel_pk) WHERE j.job_pk = %(job)s"""
NEXT = """
SELECT m.message_id, m.message_pk, m.rev
FROM missing x JOIN message m ON (m.channel_pk, m.message_id) = (%(channel)s, x.message_id)
WHERE x.job_pk = %(job)s ORDER BY m.message_pk LIMIT %(limit)s"""


class Missing:
    """The table of suspects."""

    def __init__(self, database: Database, archive: Archive, readings: Readings, on_gone: OnGone) -> None:
        self._database = database
        self._archive = archive
        self._readings = readings
        self._on_gone = on_gone

    async def compare(self, connection: Connection, reading: Reading, page: Page, thread_id: str | None) -> None:
        """What is stored of the stretch that a page covers, but not on it, becomes suspect."""
        listed = [change.message.ref.message_id for change in page.changes if isinstance(change, Posted)]
        await connection.execute(FOUND, {"job": reading.job_pk, "ids": listed})
        if page.covers is None:
            return
        row = {
            "job": reading.job_pk,
            "channel": reading.channel_pk,
            "known": reading.known,
            "listed": listed,
            "begin": page.covers[0],
            "end": page.covers[1],
            "thread": thread_id,
        }
        await connection.execute(SUSPECT_TALK if thread_id is None else SUSPECT_REPLIES, row)

    async def settle(self, reading: Reading) -> str:
        """Deletes the suspects at the end of a reading. Returns a sentence when there is reason to believe none of it.

        Cut short and called again it goes on; `on_gone` then hears of some messages twice, and misses none.
        Errors: `Superseded`, `KnowledgeUnavailable`.
        """
        ((suspects, stored, seen),) = await self._database.fetch(VERDICT, {"job": reading.job_pk})
        if not seen and stored and (suspects or reading.since is None):
            return (
                f"The platform showed no messages although {stored} are stored, so none was deleted. "
                "Check that the bot may read the channel's history."
            )
        if suspects > max(TRUSTED_COUNT, TRUSTED_SHARE * stored):
            return (
                f"The platform did not show {suspects} of {stored} stored messages; that is too many to be believed, "
                "so none was deleted."
            )
        where = {"job": reading.job_pk, "channel": reading.channel_pk, "limit": BATCH}
        while rows := await self._database.fetch(NEXT, where):
            deleted = [Deleted(MessageRef(reading.channel, message_id)) for message_id, _, _ in rows]
            await self._archive.record(deleted, then=partial(self._readings.hold, reading=reading))
            await self._on_gone([f"{message_pk}:{known}" for _, message_pk, rev in rows for known in range(1, rev + 1)])
            async with self._database.transaction() as connection:
                await self._readings.remove(connection, reading, len(rows))
                await connection.execute(FOUND, {"job": reading.job_pk, "ids": [row[0] for row in rows]})
        return ""
