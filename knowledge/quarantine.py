"""After a restore nothing is served until it is known what was deleted since the backup was made.

That a database was restored shows in itself: its row of `residence` says which table it was written to, and by which
transaction; a copy made by pg_dump fits neither, whoever restored it and whereto. A copy of the server's files fits
both, so of that the operator must tell.
"""

from typing import LiteralString

from knowledge.database import Database
from knowledge.messages import ChannelRef

LIVES_HERE: LiteralString = """EXISTS (
    SELECT FROM residence r WHERE r.table_oid = 'residence'::regclass::oid AND r.written_by = r.xmin
        AND r.server = (SELECT system_identifier FROM pg_control_system()))"""
IS_OPEN: LiteralString = "c.quarantined_at IS NULL AND " + LIVES_HERE

# Any fixed number: processes that find a restored database take turns.
ENTER_LOCK = 0x7EAD_10F
LOCK = "SELECT pg_advisory_xact_lock(%(lock)s)"
LOOK: LiteralString = "SELECT " + LIVES_HERE
CLOSE = "UPDATE channel SET quarantined_at = now(), members_at = NULL"
# What was under way when the backup was made was done long ago, or nobody waits for it any more.
STOP_COMPARING = """
UPDATE job SET state = 'cancelled', finished_at = now(), note = 'The database was restored.'
WHERE state = 'running' AND kind = 'reconcile'"""
DROP_SUSPECTS = "DELETE FROM missing"
DROP_QUESTIONS = "UPDATE answer SET state = 'removed' WHERE state IN ('waiting', 'posting')"
DROP_EVENTS = "UPDATE inbox SET payload = NULL, finished_at = now(), reason = 'Restored' WHERE finished_at IS NULL"
# No new message may take the key of one that came after the backup: what still names that key means the other.
SKIP_KEYS = """
SELECT setval(pg_get_serial_sequence('message', 'message_pk'),
    nextval(pg_get_serial_sequence('message', 'message_pk')) + 1000000000)"""
MOVE_OUT = "DELETE FROM residence"
MOVE_IN = """
INSERT INTO residence (server, table_oid, written_by)
SELECT system_identifier, 'residence'::regclass::oid, pg_current_xact_id()::xid FROM pg_control_system()"""

# What is younger is not compared: a platform may not list it yet. Longer than any adapter says.
SETTLED_SECONDS = 90.0
# No message of the backup was that young at a time.
_IS_SETTLED = """ AND NOT EXISTS (
    SELECT FROM message m WHERE m.channel_pk = c.channel_pk AND NOT m.deleted AND m.posted_at <= c.quarantined_at
        AND m.posted_at + make_interval(secs => %(settled)s) > """
# Only a reading that began after the restore, went back to the very beginning, and was believed, opens a channel.
_LEAVE = """
UPDATE channel c SET quarantined_at = NULL FROM job j
WHERE j.job_pk = %(job)s AND c.channel_pk = j.channel_pk AND j.since IS NULL AND j.created_at >= c.quarantined_at"""
LEAVE = _LEAVE + _IS_SETTLED + "j.created_at)"
CLOSED = """
FROM channel c WHERE c.quarantined_at IS NOT NULL AND c.removed_at IS NULL AND c.hidden_at IS NULL"""
_LIST = "SELECT c.platform, c.workspace, c.channel_id, c.name, c.joined_at IS NOT NULL"
LIST = _LIST + CLOSED + " ORDER BY c.channel_pk"
UNCOMPARED = """ AND c.joined_at IS NOT NULL AND c.platform = ANY(%(platforms)s) AND NOT EXISTS (
    SELECT FROM job j WHERE j.channel_pk = c.channel_pk AND j.kind <> 'reindex' AND j.since IS NULL
        AND j.created_at >= c.quarantined_at AND (j.state = 'running' OR true"""
LIST_UNCOMPARED = (
    _LIST + CLOSED + UNCOMPARED + _IS_SETTLED + "j.created_at)))" + _IS_SETTLED + "now()) ORDER BY c.channel_pk"
)
RELEASE = """
UPDATE channel SET quarantined_at = NULL
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s) AND quarantined_at IS NOT NULL"""


class Quarantine:
    """Which channels are closed since a restore. Errors of every method: `KnowledgeUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_moved(self) -> bool:
        """Whether the database was restored and nobody has noticed yet. Until then nothing of it is readable."""
        return not (await self._database.fetch(LOOK))[0][0]

    async def mark(self) -> None:
        """Makes the database one that was restored: for a backup older than its mark, or one that shows no trace."""
        await self._database.execute(MOVE_OUT)

    async def enter(self) -> bool:
        """Closes every channel of a restored database. Returns False where it was not restored."""
        async with self._database.transaction() as connection:
            await connection.execute(LOCK, {"lock": ENTER_LOCK})
            row = await (await connection.execute(LOOK)).fetchone()
            if row is not None and row[0]:
                return False
            for statement in (CLOSE, STOP_COMPARING, DROP_SUSPECTS, DROP_QUESTIONS, DROP_EVENTS, SKIP_KEYS, MOVE_OUT):
                await connection.execute(statement)
            await connection.execute(MOVE_IN)
            return True

    async def is_anything_closed(self) -> bool:
        """Whether answers lack something because of a restore."""
        return await self.is_moved() or bool(await self.closed())

    async def uncompared(self, platforms: list[str]) -> list[ChannelRef]:
        """Closed channels of these platforms that are yet to be compared, and can be: their messages are old enough."""
        row = {"platforms": platforms, "settled": SETTLED_SECONDS}
        return [ChannelRef(*row[:3]) for row in await self._database.fetch(LIST_UNCOMPARED, row)]

    async def closed(self) -> list[tuple[ChannelRef, str, bool]]:
        """Every closed channel, its name, and whether it can be compared, because the bot is in it."""
        return [(ChannelRef(*row[:3]), row[3], row[4]) for row in await self._database.fetch(LIST)]

    async def release(self, channel: ChannelRef) -> bool:
        """Opens a channel on an operator's word. False: it was not closed."""
        row = {"platform": channel.platform, "workspace": channel.workspace, "id": channel.channel_id}
        return await self._database.execute(RELEASE, row) == 1
