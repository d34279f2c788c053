"""Forgetting on demand: a channel, everything a person wrote, or one message."""

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.archive import Archive
from knowledge.database import Database
from knowledge.ledger import Ledger
from knowledge.messages import ChannelRef, Deleted, MessageRef, PersonRef

MESSAGES_OF_PERSON = """
SELECT c.platform, c.workspace, c.channel_id, m.message_id
FROM message m JOIN channel c USING (channel_pk) JOIN person p ON p.person_pk = m.author_pk
WHERE (p.platform, p.workspace, p.person_id) = (%(platform)s, %(workspace)s, %(id)s) AND NOT m.deleted"""

FIND_MESSAGES = """
SELECT c.platform, c.workspace, c.channel_id, m.message_id
FROM message m JOIN channel c USING (channel_pk) WHERE m.message_id = %(id)s AND NOT m.deleted
    AND (%(channel)s::text IS NULL
         OR (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(channel)s))"""

MESSAGES_OF_THREAD = """
SELECT c.platform, c.workspace, c.channel_id, m.message_id
FROM message m JOIN channel c USING (channel_pk) WHERE m.thread_id = %(thread)s AND NOT m.deleted
    AND (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(channel)s)
    -- What began the thread may stand in the channel still.
    AND m.message_id <> %(thread)s"""

IS_KEPT = """
SELECT 1 FROM channel
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s) AND removed_at IS NULL"""

# The channel row stays as a tombstone: nothing that still arrives for the channel is stored.
CLOSE_CHANNEL = """
UPDATE channel SET removed_at = now(), live_count = 0, term_count = 0, joined_at = NULL,
    hidden_at = CASE WHEN %(until_back)s THEN hidden_at END
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s) AND removed_at IS NULL
RETURNING channel_pk"""
DROP_UNITS = "DELETE FROM unit WHERE channel_pk = %(channel)s"
DROP_DIRT = "DELETE FROM dirty WHERE channel_pk = %(channel)s"
DROP_THREADS = "DELETE FROM thread_read WHERE channel_pk = %(channel)s"
DROP_MESSAGES = "DELETE FROM message WHERE channel_pk = %(channel)s RETURNING message_pk, rev, terms, deleted"

BATCH = 500


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed. `keys` are the "message_pk:rev" that conversation memory may hold."""

    messages: int
    keys: tuple[str, ...] = ()


class Eraser:
    """Removes text, search terms, units and vectors. What it removes is gone when it returns."""

    def __init__(self, database: Database, archive: Archive) -> None:
        self._database = database
        self._archive = archive

    async def keeps(self, channel: ChannelRef) -> bool:
        """Whether there is such a channel, not forgotten."""
        row = {"platform": channel.platform, "workspace": channel.workspace, "id": channel.channel_id}
        return bool(await self._database.fetch(IS_KEPT, row))

    async def written_by(self, person: PersonRef) -> list[MessageRef]:
        """Everything that is kept of what a person wrote."""
        row = {"platform": person.platform, "workspace": person.workspace, "id": person.person_id}
        return _refs(await self._database.fetch(MESSAGES_OF_PERSON, row))

    async def named(self, message_id: str, channel: ChannelRef | None = None) -> list[MessageRef]:
        """The messages of that id: of one channel, or wherever it is found."""
        row = {
            "id": message_id,
            "platform": channel.platform if channel else None,
            "workspace": channel.workspace if channel else None,
            "channel": channel.channel_id if channel else None,
        }
        return _refs(await self._database.fetch(FIND_MESSAGES, row))

    async def channel(self, channel: ChannelRef, *, until_back: bool = False) -> Forgotten | None:
        """Removes every message of a channel. None: there is no such channel. A later import may bring it back.

        `until_back`: so may its platform, when the bot is in it again.
        """
        where = {"platform": channel.platform, "workspace": channel.workspace, "id": channel.channel_id}
        row = {**where, "until_back": until_back}
        async with self._database.transaction() as connection:
            closed = await (await connection.execute(CLOSE_CHANNEL, row)).fetchone()
            if closed is None:
                return None
            one = {"channel": closed[0]}
            await connection.execute(DROP_UNITS, one)
            await connection.execute(DROP_DIRT, one)
            await connection.execute(DROP_THREADS, one)
            rows = await (await connection.execute(DROP_MESSAGES, one)).fetchall()
            ledger = Ledger()
            for _, _, terms, _ in rows:
                ledger.replace(closed[0], terms, None)
            ledger.forget_channel_counts()
            await ledger.settle(connection)
        live = [(message_pk, rev) for message_pk, rev, _, deleted in rows if not deleted]
        return Forgotten(len(live), tuple(f"{pk}:{seen}" for pk, rev in live for seen in range(1, rev + 1)))

    async def person(self, person: PersonRef) -> Forgotten:
        """Deletes everything a person wrote, as if each message had been deleted: it never comes back."""
        return await self.messages(await self.written_by(person))

    async def thread(self, channel: ChannelRef, thread_id: str) -> Forgotten:
        """Deletes every reply in a thread."""
        row = {"platform": channel.platform, "workspace": channel.workspace, "channel": channel.channel_id}
        return await self.messages(_refs(await self._database.fetch(MESSAGES_OF_THREAD, {**row, "thread": thread_id})))

    async def messages(self, refs: Sequence[MessageRef]) -> Forgotten:
        """Deletes messages; of those not known yet it is noted that they were deleted."""
        deleted, keys = 0, list[str]()
        for start in range(0, len(refs), BATCH):
            recorded = await self._archive.record([Deleted(ref) for ref in refs[start : start + BATCH]])
            deleted += recorded.deleted
            keys += recorded.gone
        return Forgotten(deleted, tuple(keys))


def _refs(rows: Sequence[tuple[str, ...]]) -> list[MessageRef]:
    return [MessageRef(ChannelRef(*row[:3]), row[3]) for row in rows]
