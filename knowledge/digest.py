"""Reading a stretch of talk for a summary, with its scope in the statement."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString

from knowledge.database import Database
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line
from knowledge.scope import Scope
from knowledge.stretches import Remark, Stretch

# What a summary can take in; of a longer stretch the newest messages are read.
MOST_REMARKS = 2_000

# The texts are read of the newest messages only, the counts taken of all.
_SAID = """
WITH said AS (
    SELECT m.message_pk, m.author_pk, m.thread_id, m.posted_at, m.seq, m.message_id
    FROM message m JOIN channel c USING (channel_pk)
    WHERE (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(channel)s)
      AND m.channel_pk = ANY(%(scope)s) AND NOT m.deleted AND c.removed_at IS NULL AND c.hidden_at IS NULL
      AND """
_REMARKS = """),
newest AS (SELECT message_pk FROM said ORDER BY posted_at DESC, seq DESC, message_id DESC LIMIT %(limit)s),
counted AS (SELECT count(*), count(DISTINCT author_pk), count(DISTINCT thread_id) FROM said)
SELECT m.message_pk, m.rev, m.message_id, m.channel_pk, c.name, coalesce(p.name, ''), substr(m.body, 1, 1200),
       m.posted_at, m.permalink, coalesce(m.thread_id, m.message_id),
       (SELECT coalesce(sum(value::integer), 0) FROM jsonb_each_text(m.reactions)), counted.*
FROM counted, newest
JOIN message m USING (message_pk)
JOIN channel c USING (channel_pk)
LEFT JOIN person p ON p.person_pk = m.author_pk
ORDER BY m.posted_at, m.seq, m.message_id"""
THREAD = _SAID + "(m.thread_id = %(thread)s OR m.message_id = %(thread)s)" + _REMARKS
SINCE = _SAID + "m.posted_at >= %(since)s" + _REMARKS


class Digest:
    """Stretches of talk as they stand now. What is not in scope reads the same as what was never said: empty."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def thread(self, scope: Scope, channel: ChannelRef, thread_id: str, limit: int = MOST_REMARKS) -> Stretch:
        """One thread with its first message. Errors: `KnowledgeUnavailable`."""
        return await self._read(THREAD, scope, channel, {"thread": thread_id, "limit": limit})

    async def since(self, scope: Scope, channel: ChannelRef, since: datetime, limit: int = MOST_REMARKS) -> Stretch:
        """Everything said in a channel, threads too, from that time on. Errors: `KnowledgeUnavailable`."""
        return await self._read(SINCE, scope, channel, {"since": since, "limit": limit})

    async def _read(
        self, statement: LiteralString, scope: Scope, channel: ChannelRef, row: Mapping[str, Any]
    ) -> Stretch:
        where = {"platform": channel.platform, "workspace": channel.workspace, "channel": channel.channel_id}
        rows = await self._database.read(scope.channel_pks, statement, {**row, **where})
        if not rows:
            return Stretch()
        remarks: list[Remark] = []
        for pk, rev, message_id, channel_pk, name, author, text, posted_at, link, thread, reactions, *_ in rows:
            ref = MessageRef(channel, message_id)
            line = Line(pk, rev, ref, channel_pk, name, author, text or "", posted_at, link or "")
            remarks.append(Remark(line, thread, int(reactions)))
        return Stretch(tuple(remarks), *rows[0][-3:])
