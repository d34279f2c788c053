"""Questions from the platforms, kept until their answers are posted.

The row of a question is made once, whoever brings it and however often. Whoever claims it holds a lease and a fence:
a process that lost its lease is refused by the fence, so no two ever post one answer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import structlog

from bot.answer_records import TEXT_NOT_TO_KEEP, AnswerRecords, Posted, erase_texts, uuid_of
from bot.conversation import Request
from bot.requests import WITHOUT_TEXT, request_from, request_json
from bot.worker_pool import first_lease
from knowledge.database import Database

__all__ = ["Claimed", "Outbox", "Posted"]

log = structlog.get_logger()

LEASE_SECONDS = 30.0

OPEN = """
INSERT INTO answer (answer_id, platform, workspace, channel_id, thread_id, message_id, asker_id, private, request)
VALUES (%(id)s, %(platform)s, %(workspace)s, %(channel)s, %(thread)s, %(message)s, %(asker)s, %(private)s, %(request)s)
ON CONFLICT DO NOTHING"""
CLAIM = """
WITH oldest AS (
    SELECT answer_id FROM answer
    WHERE state IN ('waiting', 'posting') AND lease_until < now() AND platform = ANY(%(platforms)s)
    ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE answer a SET lease_until = now() + make_interval(secs => %(lease)s), fence = fence + 1, tries = tries + 1
FROM oldest WHERE a.answer_id = oldest.answer_id
RETURNING a.created_at, a.answer_id::text, a.request, a.fence, a.places, a.tries,
    extract(epoch FROM now() - a.created_at)::float8"""
RENEW = """
UPDATE answer SET lease_until = now() + make_interval(secs => %(lease)s)
WHERE answer_id = %(id)s AND fence = %(fence)s AND state <> 'removed'"""
PLACE = """
UPDATE answer SET places = %(places)s::jsonb
WHERE answer_id = %(id)s AND fence = %(fence)s AND state IN ('waiting', 'posting')"""
POSTING = """
UPDATE answer SET state = 'posting'
WHERE answer_id = %(id)s AND fence = %(fence)s AND state IN ('waiting', 'posting')"""
POSTED = """
UPDATE answer SET state = 'posted', outcome = %(outcome)s, places = %(places)s::jsonb, posted_at = now()
WHERE answer_id = %(id)s AND fence = %(fence)s AND state IN ('waiting', 'posting')"""
ADD_SOURCES = """
INSERT INTO answer_source (answer_id, n, message_pk, rev)
SELECT %(id)s, * FROM unnest(%(n)s::integer[], %(messages)s::bigint[], %(revs)s::integer[]) ON CONFLICT DO NOTHING"""
# A process that stops is no fault of the question: the try does not count.
RELEASE = """
UPDATE answer SET lease_until = '-infinity', tries = tries - 1
WHERE answer_id = %(id)s AND fence = %(fence)s AND state IN ('waiting', 'posting')"""
# Nor is a platform or a database that is away: the longer it is, the longer the pause.
POSTPONE = """
UPDATE answer SET tries = tries - 1,
    lease_until = now() + greatest(least(now() - created_at, make_interval(secs => %(most)s)), interval '1 s')
WHERE answer_id = %(id)s AND fence = %(fence)s AND state IN ('waiting', 'posting')"""
RETRY = """
UPDATE answer SET lease_until = now() + make_interval(secs => %(pause)s)
WHERE answer_id = %(id)s AND fence = %(fence)s AND state IN ('waiting', 'posting')"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A question that this process alone may answer, as long as its lease lasts. `fence` proves it to the table.

    `places`: the messages that already show something of the answer. `tries` counts this claim too. A fence above 1
    tells of an earlier claim, which may have posted more than it could still note. `age_seconds`: since it was asked.
    """

    request: Request
    fence: int
    places: tuple[str, ...]
    tries: int
    age_seconds: float = 0.0


class Outbox(AnswerRecords):
    """The answer table. What returns a bool returns False to whoever has lost the question to another."""

    def __init__(self, database: Database, *, lease_seconds: float = LEASE_SECONDS, keep_days: int = 0) -> None:
        super().__init__(database, keep_days=keep_days)
        self.lease_seconds = lease_seconds

    async def open(self, request: Request) -> bool:
        """Keeps a question; False when it was known."""
        row = {
            "id": uuid_of(request.answer_id),
            "platform": request.channel.platform,
            "workspace": request.channel.workspace,
            "channel": request.channel.channel_id,
            "thread": request.thread_id or request.message_id or None,
            "message": request.message_id or "",
            "asker": request.asker.person_id if request.asker else None,
            "private": request.private or request.direct,
            "request": request_json(request),
        }
        return await self._database.execute(OPEN, row) == 1

    async def claim(self, platforms: Sequence[str], limit: int) -> list[Claimed]:
        """Takes open questions, oldest first. One that only a newer version can read is left to it."""
        row = {"platforms": list(platforms), "limit": limit, "lease": first_lease(self.lease_seconds)}
        claimed: list[Claimed] = []
        for _, answer_id, stored, fence, places, tries, age in sorted(await self._database.fetch(CLAIM, row)):
            request = request_from(stored)
            if request is None:
                log.warning("request_unreadable", answer_id=answer_id)
            else:
                claimed.append(Claimed(request, fence, tuple(places), tries, age))
        return claimed

    async def renew(self, answer_id: str, fence: int) -> bool:
        """Makes the lease last."""
        return await self._write(RENEW, answer_id, fence, lease=self.lease_seconds)

    async def place(self, answer_id: str, fence: int, places: Sequence[str]) -> bool:
        """Keeps the ids of the messages that show the answer."""
        return await self._write(PLACE, answer_id, fence, places=json.dumps(list(places)))

    async def posting(self, answer_id: str, fence: int) -> bool:
        """The whole answer is about to be shown."""
        return await self._write(POSTING, answer_id, fence)

    async def posted(
        self,
        answer_id: str,
        fence: int,
        outcome: str,
        places: Sequence[str],
        sources: Sequence[tuple[int, int, int]] = (),
    ) -> bool:
        """The asker has been answered.

        `sources`: number, message_pk and rev of each message shown; a number below 1 for one that is not cited.
        """
        row = {
            "id": uuid_of(answer_id),
            "fence": fence,
            "outcome": outcome,
            "places": json.dumps(list(places)),
            "n": [n for n, _, _ in sources],
            "messages": [message_pk for _, message_pk, _ in sources],
            "revs": [rev for _, _, rev in sources],
        }
        async with self._database.transaction() as connection:
            if (await connection.execute(POSTED, row)).rowcount == 0:
                return False
            await connection.execute(ADD_SOURCES, row)
            await erase_texts(connection, TEXT_NOT_TO_KEEP, {"id": row["id"], "blank": WITHOUT_TEXT})
            return True

    async def release(self, answer_id: str, fence: int, *, pause_seconds: float | None = None) -> bool:
        """Gives a question back: at once and as if never claimed, or counted as a try and after a pause."""
        if pause_seconds is None:
            return await self._write(RELEASE, answer_id, fence)
        return await self._write(RETRY, answer_id, fence, pause=pause_seconds)

    async def postpone(self, answer_id: str, fence: int, most_seconds: float) -> bool:
        """Gives a question back until what is away may be there again, for so long at most."""
        return await self._write(POSTPONE, answer_id, fence, most=most_seconds)

    async def _write(self, statement: LiteralString, answer_id: str, fence: int, **values: Any) -> bool:
        row = {"id": uuid_of(answer_id), "fence": fence, **values}
        return await self._database.execute(statement, row) == 1
