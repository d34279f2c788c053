"""What a team's own archive holds for a question set, read as it stands at one moment and never all of it at once.

Which channels may be read is decided first; from there on the wall of the database shows no other. What was deleted,
and what somebody wrote who wants nothing kept, is left out by every statement.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from bot.conversation import Task
from bot.evaluation.labels import RIGHT, Labelled, Post, is_searchable, label_of
from bot.requests import WITHOUT_TEXT, request_from
from knowledge.database import Database
from knowledge.messages import ChannelRef
from knowledge.quarantine import IS_OPEN

BATCH = 2_000
MOST_REPLIES = 500
"""Of a longer thread the beginning is read."""
MOST_TEXT = 2_000
EARLIER = 3

_CHANNELS: LiteralString = """
SELECT c.channel_pk, c.name, c.visibility = 'private', c.live_count FROM channel c
WHERE c.removed_at IS NULL AND c.hidden_at IS NULL AND c.visibility <> 'direct'
    AND CASE WHEN %(named)s THEN (c.platform, c.workspace, c.channel_id) IN (
            SELECT * FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[]))
        ELSE c.visibility = 'public' END
    AND """
CHANNELS = _CHANNELS + IS_OPEN + " ORDER BY c.channel_pk"
OPTED_OUT = "SELECT person_pk FROM person WHERE opted_out"
# The first message of a thread may not know that it is one. One that is gone is kept in its place, without its text.
THREADS = """
SELECT m.channel_pk, coalesce(m.thread_id, m.message_id), m.message_id, m.author_pk, m.posted_at, m.reactions,
    CASE WHEN m.deleted OR m.author_pk = ANY(%(out)s) THEN '' ELSE left(m.body, %(most)s) END
FROM message m
WHERE m.channel_pk = ANY(%(scope)s) AND (m.thread_id IS NOT NULL OR EXISTS (
    SELECT FROM message r WHERE r.channel_pk = m.channel_pk AND r.thread_id = m.message_id))
ORDER BY m.channel_pk, coalesce(m.thread_id, m.message_id),
    m.message_id <> coalesce(m.thread_id, m.message_id), m.posted_at, m.seq, m.message_id"""
MESSAGES = """
SELECT m.channel_pk, m.message_id, coalesce(p.name, ''), m.body, m.posted_at, m.thread_id, m.seq, m.permalink
FROM message m LEFT JOIN person p ON p.person_pk = m.author_pk
WHERE m.channel_pk = ANY(%(scope)s) AND NOT m.deleted AND (m.author_pk IS NULL OR m.author_pk <> ALL(%(out)s))
ORDER BY m.message_pk"""
# What was asked in private is nobody else's business. A message that was edited since is not the one that helped.
FEEDBACK = """
WITH asked AS NOT MATERIALIZED (
    SELECT a.*, c.channel_pk FROM answer a JOIN channel c USING (platform, workspace, channel_id)
    WHERE c.channel_pk = ANY(%(scope)s) AND NOT a.private AND a.state = 'posted'
        AND NOT starts_with(a.request, %(blank)s)
        AND NOT EXISTS (SELECT FROM person p WHERE p.opted_out
            AND (p.platform, p.workspace, p.person_id) = (a.platform, a.workspace, a.asker_id)))
SELECT a.answer_id::text, a.request, a.channel_pk, f.good > f.bad,
    ARRAY(SELECT m.channel_pk || '-' || m.message_id FROM answer_source s JOIN message m USING (message_pk)
          WHERE s.answer_id = a.answer_id AND s.n > 0 AND s.rev = m.rev AND NOT m.deleted
              AND m.channel_pk = ANY(%(scope)s) AND (m.author_pk IS NULL OR m.author_pk <> ALL(%(out)s)) ORDER BY s.n),
    ARRAY(SELECT e.request FROM asked e
          WHERE (e.channel_pk, e.thread_id) = (a.channel_pk, a.thread_id) AND e.created_at < a.created_at
          ORDER BY e.created_at DESC LIMIT %(earlier)s)
FROM asked a
JOIN (SELECT answer_id, count(*) FILTER (WHERE helpful) AS good, count(*) FILTER (WHERE NOT helpful) AS bad
      FROM feedback GROUP BY answer_id) f USING (answer_id)
WHERE %(since)s::timestamptz IS NULL OR a.created_at >= %(since)s
ORDER BY a.created_at, a.answer_id"""
# All rows are wanted, not the first of them soon.
WHOLE = "SET LOCAL cursor_tuple_fraction = 1"


@dataclass(frozen=True, slots=True)
class Source:
    """A channel that is read. `label` is what no other is called. `messages`: about how many it holds."""

    pk: int
    label: str
    private: bool
    messages: int


class OwnTalk:
    """A team's archive, for labelling. Errors of every method: `KnowledgeUnavailable`."""

    def __init__(self, database: Database, scope: Sequence[int], out: Sequence[int]) -> None:
        self._database = database
        self._row: dict[str, Any] = {"scope": list(scope), "out": list(out), "most": MOST_TEXT}

    async def feedback(self, since: datetime | None) -> tuple[list[Labelled], int]:
        """Questions whose answer helped, with what it cited; and how many had one that did not."""
        row = {**self._row, "since": since, "blank": WITHOUT_TEXT, "earlier": EARLIER}
        found: list[Labelled] = []
        unhelpful = 0
        for answer_id, stored, channel_pk, helped, cited, before in await self._database.fetch(FEEDBACK, row):
            request = request_from(stored)
            if request is None or request.task is not Task.ANSWER or not is_searchable(request.text):
                continue
            unhelpful += not helped
            if helped and cited:
                earlier = [one.text for one in map(request_from, reversed(before)) if one is not None]
                asked_in = key_of(channel_pk, request.message_id) if request.message_id else None
                relevant = dict.fromkeys(cited, RIGHT)
                found.append(
                    Labelled(f"answer:{answer_id}", request.text, relevant, "feedback", asked_in, tuple(earlier))
                )
        return found, unhelpful

    async def threads(self, since: datetime | None) -> AsyncGenerator[Labelled, None]:
        """Questions that threads begin with, and the replies that were accepted."""
        current: tuple[int, str] | None = None
        begun: datetime | None = None
        posts: list[Post] = []
        async with aclosing(self._rows(THREADS)) as rows:
            async for channel_pk, thread, message_id, author, posted_at, reactions, text in rows:
                if (channel_pk, thread) != current:
                    if (label := _recent(posts, begun, since)) is not None:
                        yield label
                    current, begun, posts = (channel_pk, thread), posted_at, []
                if len(posts) <= MOST_REPLIES:
                    posts.append(Post(key_of(channel_pk, message_id), author, text, reactions))
        if (label := _recent(posts, begun, since)) is not None:
            yield label

    async def messages(self, sources: Sequence[Source]) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Everything that was said, as rows of a corpus, each with its key."""
        by_pk = {source.pk: source for source in sources}
        async with aclosing(self._rows(MESSAGES)) as rows:
            async for channel_pk, *said in rows:
                row = _corpus_row(by_pk[channel_pk], said)
                yield row["id"], row

    async def _rows(self, statement: LiteralString) -> AsyncGenerator[Any, None]:
        async with self._database.reading(self._row["scope"]) as connection:
            await connection.execute(WHOLE)
            async with connection.cursor(name="own_talk") as cursor:
                cursor.itersize = BATCH
                await cursor.execute(statement, self._row)
                async for row in cursor:
                    yield row


async def sources_of(database: Database, named: Sequence[ChannelRef] | None) -> list[Source]:
    """The channels to read: the named ones, or every public one; never one that is closed to answers."""
    row = {
        "named": named is not None,
        "platforms": [ref.platform for ref in named or ()],
        "workspaces": [ref.workspace for ref in named or ()],
        "ids": [ref.channel_id for ref in named or ()],
    }
    rows = await database.fetch(CHANNELS, row)
    names = [" ".join(name.split())[:60] for _, name, *_ in rows]
    return [
        Source(pk, name if name and names.count(name) == 1 else f"{name} {pk}".strip(), private, messages)
        for name, (pk, _, private, messages) in zip(names, rows, strict=True)
    ]


async def talk_of(database: Database, sources: Sequence[Source]) -> OwnTalk:
    """The archive, seen through these channels alone."""
    out = [person_pk for (person_pk,) in await database.fetch(OPTED_OUT)]
    return OwnTalk(database, [source.pk for source in sources], out)


def key_of(channel_pk: int, message_id: str) -> str:
    """An id that no other message has: those of platforms are unique within a channel only."""
    return f"{channel_pk}-{message_id}"


def _recent(posts: Sequence[Post], begun: datetime | None, since: datetime | None) -> Labelled | None:
    return label_of(posts) if since is None or (begun is not None and begun >= since) else None


def _corpus_row(source: Source, said: Sequence[Any]) -> dict[str, Any]:
    message_id, author, body, posted_at, thread_id, seq, permalink = said
    row = {
        "id": key_of(source.pk, message_id),
        "text": body,
        "channel": source.label,
        "author": author,
        "ts": posted_at.isoformat() if posted_at else None,
        "thread": key_of(source.pk, thread_id) if thread_id else None,
        "seq": seq,
        "permalink": permalink,
        "private": source.private or None,
    }
    return {name: value for name, value in row.items() if value is not None}
