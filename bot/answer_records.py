"""What was asked and answered on the platforms: found again for buttons, threads, deletions, feedback and gaps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from bot.conversation import Outcome, Request, Task
from bot.gaps import Gap, Unanswered, gaps_in
from bot.requests import WITHOUT_TEXT, request_from, without_text
from knowledge.database import Connection, Database
from knowledge.messages import ChannelRef, PersonRef, storable
from knowledge.retention import KEPT_DAYS

GET = "SELECT request, places, outcome, state FROM answer WHERE answer_id = %(id)s"
FIND_BY_PLACE = """
SELECT request, places, outcome, state FROM answer
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(channel)s) AND places @> %(place)s::jsonb
ORDER BY created_at DESC LIMIT 1"""
CITING = """
SELECT request, places, outcome, state FROM answer
WHERE state = 'posted' AND answer_id IN (SELECT answer_id FROM answer_source WHERE message_pk = ANY(%(messages)s))
ORDER BY created_at"""
# Whoever was to take these back was stopped, or the platform was away. Older ones nobody scrolls back to.
RESTING_ON_GONE = """
SELECT request, places, outcome, state FROM answer
WHERE state = 'posted' AND posted_at > now() - interval '30 days' AND answer_id IN (
    SELECT s.answer_id FROM answer_source s LEFT JOIN message m USING (message_pk)
    WHERE m.message_pk IS NULL OR m.deleted)
ORDER BY created_at"""
IN_THREAD = """
SELECT request FROM answer
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(channel)s) AND thread_id = %(thread)s
    AND state <> 'removed'
ORDER BY created_at DESC LIMIT 100"""
THREADS_OF = """
SELECT channel_id, thread_id FROM answer
WHERE (platform, workspace, asker_id) = (%(platform)s, %(workspace)s, %(person)s) AND thread_id IS NOT NULL
    AND (%(channel)s::text IS NULL OR channel_id = %(channel)s)
GROUP BY channel_id, thread_id ORDER BY max(created_at) DESC LIMIT 500"""
# Numbers below 1 are of messages that were shown as near misses, not cited.
SOURCES = "SELECT n, message_pk, rev FROM answer_source WHERE answer_id = %(id)s AND n > 0 ORDER BY n"
LOST_SOURCE = """
SELECT 1 FROM answer_source s LEFT JOIN message m USING (message_pk)
WHERE s.answer_id = %(id)s AND (m.message_pk IS NULL OR m.deleted) LIMIT 1"""
REMOVE = "UPDATE answer SET state = 'removed' WHERE answer_id = %(id)s"
GIVE_FEEDBACK = """
INSERT INTO feedback (answer_id, person_id, helpful, reason, note)
SELECT answer_id, %(person)s, %(helpful)s, %(reason)s, CASE WHEN EXISTS (
    SELECT FROM person p
    WHERE p.opted_out AND (p.platform, p.workspace, p.person_id) = (a.platform, a.workspace, %(person)s)
) THEN '' ELSE %(note)s END
FROM answer a WHERE answer_id = %(id)s
ON CONFLICT (answer_id, person_id) DO UPDATE SET
    helpful = EXCLUDED.helpful, reason = EXCLUDED.reason, note = EXCLUDED.note, given_at = now()"""
# What was asked in private, or in a channel that is not everybody's, is nobody else's business.
UNANSWERED = """
SELECT request, created_at, coalesce(outcome = %(declined)s, false) FROM answer a
WHERE NOT private AND state <> 'removed' AND NOT starts_with(request, %(blank)s)
    AND (%(platform)s::text IS NULL OR (platform, workspace) = (%(platform)s, %(workspace)s))
    AND (outcome = %(declined)s OR answer_id IN (SELECT answer_id FROM feedback WHERE NOT helpful))
    AND EXISTS (SELECT FROM channel c WHERE c.visibility = 'public' AND c.removed_at IS NULL AND c.hidden_at IS NULL
        AND (c.platform, c.workspace, c.channel_id) = (a.platform, a.workspace, a.channel_id))
ORDER BY created_at DESC LIMIT 1000"""
WAITING = "SELECT count(*) FROM answer WHERE state IN ('waiting', 'posting')"

TEXTS_OF_PERSON = """
SELECT answer_id, request FROM answer
WHERE (platform, workspace, asker_id) = (%(platform)s, %(workspace)s, %(person)s)
    AND NOT starts_with(request, %(blank)s) LIMIT 500 FOR UPDATE"""
TEXTS_OF_MESSAGES = """
SELECT answer_id, request FROM answer
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(channel)s)
    AND message_id = ANY(%(messages)s) AND message_id <> '' AND state NOT IN ('waiting', 'posting')
    AND NOT starts_with(request, %(blank)s) LIMIT 500 FOR UPDATE"""
# Of whoever wants nothing kept, or has deleted the message that asked, a question is kept until it is answered.
TEXT_NOT_TO_KEEP = """
SELECT answer_id, request FROM answer a
WHERE answer_id = %(id)s AND NOT starts_with(request, %(blank)s) AND (EXISTS (
    SELECT FROM person p
    WHERE p.opted_out AND (p.platform, p.workspace, p.person_id) = (a.platform, a.workspace, a.asker_id)
) OR EXISTS (
    SELECT FROM message m JOIN channel c USING (channel_pk)
    WHERE m.deleted AND (c.platform, c.workspace, c.channel_id) = (a.platform, a.workspace, a.channel_id)
        AND m.message_id = a.message_id)) FOR UPDATE OF a"""
HAS_OPTED_OUT = """
SELECT 1 FROM person
WHERE opted_out AND (platform, workspace, person_id) = (%(platform)s, %(workspace)s, %(person)s)"""
# No longer than the messages of its channel.
_KEPT_FROM = "now() - make_interval(days => least(90, " + KEPT_DAYS + "))"
_OLD_TEXTS = """
SELECT answer_id, request FROM answer a LEFT JOIN channel_config k USING (platform, workspace, channel_id)
WHERE NOT starts_with(request, %(blank)s) AND a.created_at < """
OLD_TEXTS = _OLD_TEXTS + _KEPT_FROM + " LIMIT 500 FOR UPDATE OF a"
# Without its text a question cannot be answered any more.
ERASE = """
UPDATE answer a SET request = blank.request,
    state = CASE WHEN a.state IN ('waiting', 'posting') THEN 'removed' ELSE a.state END
FROM unnest(%(ids)s::uuid[], %(requests)s::text[]) AS blank (answer_id, request) WHERE a.answer_id = blank.answer_id"""
ERASE_NOTES_OF_PERSON = """
UPDATE feedback f SET note = '' FROM answer a
WHERE a.answer_id = f.answer_id AND f.note <> ''
    AND (a.platform, a.workspace, f.person_id) = (%(platform)s, %(workspace)s, %(person)s)"""
_ERASE_OLD_NOTES = """
UPDATE feedback f SET note = '' FROM answer a LEFT JOIN channel_config k USING (platform, workspace, channel_id)
WHERE a.answer_id = f.answer_id AND f.note <> '' AND f.given_at < """
ERASE_OLD_NOTES = _ERASE_OLD_NOTES + _KEPT_FROM


@dataclass(frozen=True, slots=True)
class Posted:
    """A question as it was asked and what became of it. `places` are the ids of the messages that show the answer.

    `outcome` is None while it waits; `state`: waiting, posting, posted or removed. An old request has no text.
    """

    request: Request
    places: tuple[str, ...]
    outcome: str | None
    state: str


class AnswerRecords:
    """The answer table, read; what is said about an answer afterwards; and what of it is forgotten when."""

    def __init__(self, database: Database, *, keep_days: int = 0) -> None:
        self._database = database
        self._keep_days = keep_days

    async def get(self, answer_id: str) -> Posted | None:
        """One question. None: there is none."""
        records = _records(await self._database.fetch(GET, {"id": uuid_of(answer_id)}))
        return records[0] if records else None

    async def find_by_place(self, platform: str, workspace: str, channel_id: str, place: str) -> Posted | None:
        """The question whose answer this message shows."""
        row = {"platform": platform, "workspace": workspace, "channel": channel_id, "place": json.dumps([place])}
        records = _records(await self._database.fetch(FIND_BY_PLACE, row))
        return records[0] if records else None

    async def in_thread(self, channel: ChannelRef, thread_id: str) -> tuple[list[str], int]:
        """Who asked in a thread, once for each question, the latest first; and how many of the questions were bots'.

        A question asked in the open belongs to the thread that its message begins.
        """
        row = {**_channel(channel), "thread": thread_id}
        requests = [request_from(stored) for (stored,) in await self._database.fetch(IN_THREAD, row)]
        known = [request for request in requests if request is not None]
        return [one.asker.person_id for one in known if one.asker is not None], sum(one.by_bot for one in known)

    async def threads_of(self, person: PersonRef, channel: ChannelRef | None = None) -> list[tuple[ChannelRef, str]]:
        """The threads in which a person asked, of one channel if given, the latest first."""
        row = {**_person(person), "channel": channel.channel_id if channel is not None else None}
        found = await self._database.fetch(THREADS_OF, row)
        return [(ChannelRef(person.platform, person.workspace, channel_id), thread) for channel_id, thread in found]

    async def resting_on_gone(self) -> list[Posted]:
        """Answers that are still shown though a message they rest on is gone, the oldest first."""
        return _records(await self._database.fetch(RESTING_ON_GONE))

    async def citing(self, message_pks: Sequence[int]) -> list[Posted]:
        """The posted answers that show any of these messages, oldest first."""
        return _records(await self._database.fetch(CITING, {"messages": list(message_pks)}))

    async def sources(self, answer_id: str) -> list[tuple[int, int, int]]:
        """The messages an answer cites: number, message_pk, rev."""
        rows = await self._database.fetch(SOURCES, {"id": uuid_of(answer_id)})
        return [(n, message_pk, rev) for n, message_pk, rev in rows]

    async def lost_source(self, answer_id: str) -> bool:
        """True when a message that the answer shows has been deleted."""
        return bool(await self._database.fetch(LOST_SOURCE, {"id": uuid_of(answer_id)}))

    async def removed(self, answer_id: str) -> None:
        """The answer is no longer shown."""
        await self._database.execute(REMOVE, {"id": uuid_of(answer_id)})

    async def feedback(
        self,
        answer_id: str,
        person_id: str,
        helpful: bool,  # noqa: FBT001 - the columns of the table, in their order
        reason: str = "",
        note: str = "",
    ) -> bool:
        """Keeps what a person thinks of an answer; the last word counts. False: there is no such answer."""
        row = {
            "id": uuid_of(answer_id),
            "person": person_id,
            "helpful": helpful,
            "reason": storable(reason),
            "note": storable(note),
        }
        return await self._database.execute(GIVE_FEEDBACK, row) == 1

    async def gaps(self, limit: int, *, platform: str | None = None, workspace: str | None = None) -> list[Gap]:
        """Public questions of late that were declined, or whose answer did not help; of one workspace if given."""
        row = {
            "platform": platform,
            "workspace": workspace,
            "declined": Outcome.DECLINED.value,
            "blank": WITHOUT_TEXT,
        }
        questions = [
            Unanswered(request.text, asked_at, "declined" if is_declined else "unhelpful")
            for stored, asked_at, is_declined in await self._database.fetch(UNANSWERED, row)
            if (request := request_from(stored)) is not None and request.task is Task.ANSWER
        ]
        return gaps_in(questions)[:limit]

    async def waiting(self) -> int:
        """How many questions are not yet answered."""
        return int((await self._database.fetch(WAITING))[0][0])

    async def forget_person(self, platform: str, workspace: str, person_id: str) -> int:
        """Erases the texts of a person's questions, and notes to answers. Returns the number of questions."""
        row = {"platform": platform, "workspace": workspace, "person": person_id, "blank": WITHOUT_TEXT}
        await self._database.execute(ERASE_NOTES_OF_PERSON, row)
        erased = 0
        while count := await self._erase(TEXTS_OF_PERSON, row):
            erased += count
        return erased

    async def forget_asked(self, channel: ChannelRef, message_ids: Sequence[str]) -> int:
        """Erases the texts of answered questions whose messages were deleted. Returns the number of questions."""
        row = {**_channel(channel), "messages": list(message_ids), "blank": WITHOUT_TEXT}
        erased = 0
        while count := await self._erase(TEXTS_OF_MESSAGES, row):
            erased += count
        return erased

    async def sweep(self) -> int:
        """Erases the texts of old questions and notes. Returns the number of questions.

        Old is what is older than 90 days, or than the messages of its channel may become.
        """
        row = {"blank": WITHOUT_TEXT, "keep_days": self._keep_days}
        await self._database.execute(ERASE_OLD_NOTES, row)
        erased = 0
        while count := await self._erase(OLD_TEXTS, row):
            erased += count
        return erased

    async def has_opted_out(self, person: PersonRef) -> bool:
        """Whether a person wants nothing to be kept of what they write and ask."""
        return bool(await self._database.fetch(HAS_OPTED_OUT, _person(person)))

    async def _erase(self, statement: LiteralString, row: Mapping[str, object]) -> int:
        async with self._database.transaction() as connection:
            return await erase_texts(connection, statement, row)


async def erase_texts(connection: Connection, statement: LiteralString, row: Mapping[str, object]) -> int:
    """Erases the texts of the questions that the statement finds: their ids, and how they are stored."""
    rows = await (await connection.execute(statement, row)).fetchall()
    blank = {"ids": [found[0] for found in rows], "requests": [without_text(found[1]) for found in rows]}
    return (await connection.execute(ERASE, blank)).rowcount


def uuid_of(answer_id: str) -> UUID:
    """The id as the table has it; for what is no id, one that no row has."""
    try:
        return UUID(answer_id)
    except ValueError:
        return UUID(int=0)


def _records(rows: Sequence[tuple[str, list[str], str | None, str]]) -> list[Posted]:
    return [
        Posted(request, tuple(places), outcome, state)
        for stored, places, outcome, state in rows
        if (request := request_from(stored)) is not None
    ]


def _channel(channel: ChannelRef) -> dict[str, object]:
    return {"platform": channel.platform, "workspace": channel.workspace, "channel": channel.channel_id}


def _person(person: PersonRef) -> dict[str, object]:
    return {"platform": person.platform, "workspace": person.workspace, "person": person.person_id}
