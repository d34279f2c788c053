"""The message table: guarded writes, tombstones, dirty marks and search terms, all in one transaction."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from knowledge.access import channel_pks, person_pks
from knowledge.database import Connection, Database
from knowledge.ledger import Ledger
from knowledge.lexical import term_ids
from knowledge.messages import Change, ChannelRef, Deleted, MessageRef, PersonRef, Posted, SourceMessage
from knowledge.units import family_of, labelled_line

# Writers of one channel take turns, so that old terms and counts are read before anybody changes them.
# Terms are locked last and in order, so no two writers can wait for each other.
LOCK_CHANNELS = """
SELECT channel_pk, removed_at IS NOT NULL FROM channel WHERE channel_pk = ANY(%(channels)s)
ORDER BY channel_pk FOR NO KEY UPDATE"""

STORED = """
SELECT m.channel_pk, m.message_id, m.deleted, m.terms, m.thread_id, m.posted_at, m.seq
FROM unnest(%(channels)s::bigint[], %(ids)s::text[]) AS k (channel_pk, message_id)
JOIN message m USING (channel_pk, message_id)"""

UPSERT = """
INSERT INTO message AS m (channel_pk, message_id, edited_ts, event_ts, body, content_hash, author_pk, thread_id,
                          posted_at, seq, permalink, reactions, terms)
SELECT channel_pk, message_id, edited_ts, event_ts, body, content_hash, author_pk, thread_id,
       posted_at, seq, permalink, reactions, terms::integer[]
FROM unnest(%(channels)s::bigint[], %(ids)s::text[], %(edited)s::numeric[], %(event)s::numeric[], %(bodies)s::text[],
            %(hashes)s::bytea[], %(authors)s::bigint[], %(threads)s::text[], %(posted)s::timestamptz[],
            %(seqs)s::bigint[], %(links)s::text[], %(reactions)s::jsonb[], %(terms)s::text[])
    AS t (channel_pk, message_id, edited_ts, event_ts, body, content_hash, author_pk, thread_id,
          posted_at, seq, permalink, reactions, terms)
ON CONFLICT (channel_pk, message_id) DO UPDATE SET
    edited_ts = EXCLUDED.edited_ts, event_ts = EXCLUDED.event_ts, body = EXCLUDED.body,
    content_hash = EXCLUDED.content_hash, author_pk = EXCLUDED.author_pk, thread_id = EXCLUDED.thread_id,
    posted_at = EXCLUDED.posted_at, seq = EXCLUDED.seq, permalink = EXCLUDED.permalink, terms = EXCLUDED.terms,
    -- The report of an edit may leave the reactions out.
    reactions = CASE WHEN EXCLUDED.event_ts > 0 AND EXCLUDED.reactions = '{}' THEN m.reactions
                     ELSE EXCLUDED.reactions END,
    fresh = m.content_hash IS DISTINCT FROM EXCLUDED.content_hash,
    rev = m.rev + (m.content_hash IS DISTINCT FROM EXCLUDED.content_hash)::int
WHERE NOT m.deleted AND (EXCLUDED.edited_ts, EXCLUDED.event_ts) > (m.edited_ts, m.event_ts)
RETURNING channel_pk, message_id, message_pk, rev, fresh"""

# Where a line begins and ends in an old text says nothing of the new one. Until its family is cut again, the message
# is found by itself.
DROP_LINES = "DELETE FROM unit_line WHERE message_pk = ANY(%(messages)s)"

# A delete may come before the message: the row is then born as a tombstone.
TOMBSTONE = """
INSERT INTO message AS m (channel_pk, message_id, edited_ts, event_ts, deleted)
SELECT channel_pk, message_id, 'Infinity', 'Infinity', true
FROM unnest(%(channels)s::bigint[], %(ids)s::text[]) AS t (channel_pk, message_id)
ON CONFLICT (channel_pk, message_id) DO UPDATE SET
    deleted = true, body = NULL, content_hash = NULL, terms = NULL, permalink = NULL, reactions = '{}',
    edited_ts = 'Infinity', event_ts = 'Infinity'
WHERE NOT m.deleted
RETURNING channel_pk, message_id, message_pk, rev"""

# The vector of a unit is made from all of its lines: the whole unit goes, and is built again without the message.
DROP_UNITS = "DELETE FROM unit WHERE unit_pk IN (SELECT unit_pk FROM unit_line WHERE message_pk = ANY(%(messages)s))"

# When its first answer arrives, a message leaves the open talk of its day and becomes the root of a thread.
ROOTS = """
SELECT m.channel_pk, m.message_id, m.posted_at, m.seq
FROM unnest(%(channels)s::bigint[], %(ids)s::text[]) AS k (channel_pk, message_id)
JOIN message m USING (channel_pk, message_id) WHERE m.thread_id IS NULL AND NOT m.deleted"""

REACT = """
UPDATE message m SET reactions = CASE WHEN coalesce((reactions ->> %(emoji)s)::integer, 0) + %(delta)s > 0
    THEN reactions || jsonb_build_object(%(emoji)s::text, coalesce((reactions ->> %(emoji)s)::integer, 0) + %(delta)s)
    ELSE reactions - %(emoji)s::text END
FROM channel c WHERE c.channel_pk = m.channel_pk AND m.message_id = %(id)s AND NOT m.deleted
    AND (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(channel)s)"""

# History says how many reactions there are; events, of which some may be missed, only what came and went.
RECOUNT = """
UPDATE message m SET reactions = t.reactions
FROM unnest(%(channels)s::bigint[], %(ids)s::text[], %(reactions)s::jsonb[]) AS t (channel_pk, message_id, reactions)
WHERE (m.channel_pk, m.message_id) = (t.channel_pk, t.message_id) AND NOT m.deleted AND m.reactions <> t.reactions"""

KNOWN = """
SELECT 1 FROM message m JOIN channel c USING (channel_pk) WHERE m.message_id = %(id)s
    AND (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(channel)s)"""

_Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a batch changed: messages written (new or newer), and messages deleted.

    `gone` holds every "message_pk:rev" that an answer may have used of a deleted message, `outdated` those of an
    edited one whose text is another now.
    """

    written: int = 0
    deleted: int = 0
    gone: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Before:
    deleted: bool
    terms: list[int] | None
    family: str


class Archive:
    """Everything that was said. All text goes through `record`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self, changes: Sequence[Change], *, then: Callable[[Connection], Awaitable[None]] | None = None
    ) -> Recorded:
        """Applies changes in any order and any number of times; the newest version of a message wins.

        Text, search terms, counts and dirty marks are written in one transaction. A deleted message
        leaves the index in the same transaction and never comes back. `then` runs at the end of that
        transaction, also without changes; what it raises takes everything back.
        Errors: `KnowledgeUnavailable`.
        """
        if not changes and then is None:
            return Recorded()
        async with self._database.transaction() as connection:
            recorded = await self._record(connection, changes) if changes else Recorded()
            if then is not None:
                await then(connection)
            return recorded

    async def react(self, ref: MessageRef, emoji: str, delta: int) -> None:
        """Adds to how many people chose an emoji. The text stays as it is; unknown and deleted messages are left alone.

        Errors: `KnowledgeUnavailable`.
        """
        await self._database.execute(REACT, {**_ref_columns(ref), "emoji": storable(emoji), "delta": delta})

    async def knows(self, ref: MessageRef) -> bool:
        """Whether a message, or its deletion, has been recorded. Errors: `KnowledgeUnavailable`."""
        return bool(await self._database.fetch(KNOWN, _ref_columns(ref)))

    async def _record(self, connection: Connection, changes: Sequence[Change]) -> Recorded:
        channels = await channel_pks(connection, (_ref(change).channel for change in changes))
        pks = {ref: pk for ref, (pk, _) in channels.items()}
        locked = await connection.execute(LOCK_CHANNELS, {"channels": list(pks.values())})
        # Known only under the lock: a channel may have been forgotten a moment ago.
        forgotten = {pk for pk, is_removed in await locked.fetchall() if is_removed}
        changes = [change for change in changes if pks[_ref(change).channel] not in forgotten]
        return await self._apply(connection, changes, pks)

    async def _apply(self, connection: Connection, changes: Sequence[Change], pks: dict[ChannelRef, int]) -> Recorded:
        posted = _newest(change.message for change in changes if isinstance(change, Posted))
        deleted = {change.ref for change in changes if isinstance(change, Deleted)}
        keys = [(pks[ref.channel], ref.message_id) for ref in {*posted, *deleted}]
        before = await _stored(connection, keys)
        ledger = Ledger()
        written, outdated = await self._write(connection, list(posted.values()), pks, before, ledger)
        gone = await self._delete(connection, deleted, pks, before, ledger)
        await ledger.settle(connection)
        return Recorded(written, len(gone), tuple(key for keys in gone for key in keys), tuple(outdated))

    async def _write(
        self,
        connection: Connection,
        messages: list[SourceMessage],
        pks: dict[ChannelRef, int],
        before: dict[_Key, _Before],
        ledger: Ledger,
    ) -> tuple[int, list[str]]:
        if not messages:
            return 0, []
        names = {m.author: storable(m.author_name or m.author.person_id) for m in messages if m.author is not None}
        people = await person_pks(connection, names)
        # Who opted out wrote nothing that may be kept.
        messages = [m for m in messages if m.author is None or not people[m.author][2]]
        terms = {
            (pks[m.ref.channel], m.ref.message_id): term_ids(labelled_line(_name(m, people), m.text)) if m.text else []
            for m in messages
        }
        rows = await (await connection.execute(UPSERT, _columns(messages, pks, people, terms))).fetchall()
        if listed := [m for m in messages if m.version.event_ts == 0]:
            await connection.execute(RECOUNT, _reaction_columns(listed, pks))
        by_key = {(pks[m.ref.channel], m.ref.message_id): m for m in messages}
        roots: list[_Key] = []
        edited: dict[int, int] = {}
        for channel_pk, message_id, message_pk, rev, fresh in rows:
            key = (channel_pk, message_id)
            message, old = by_key[key], before.get(key)
            ledger.replace(channel_pk, old.terms if old else None, terms[key])
            family = family_of(message_id, message.thread_id, message.posted_at, message.seq)
            if fresh or old is None or old.family != family:
                ledger.mark(channel_pk, family)
            if fresh and old is not None:
                edited[message_pk] = rev
            if old is not None and old.family != family:
                ledger.mark(channel_pk, old.family)
            if message.thread_id is not None and message.thread_id != message_id:
                roots.append((channel_pk, message.thread_id))
            before[key] = _Before(deleted=False, terms=terms[key], family=family)
        if edited:
            await connection.execute(DROP_LINES, {"messages": list(edited)})
        await _mark_roots(connection, roots, ledger)
        return len(rows), [f"{message_pk}:{seen}" for message_pk, rev in edited.items() for seen in range(1, rev)]

    async def _delete(
        self,
        connection: Connection,
        refs: Iterable[MessageRef],
        pks: dict[ChannelRef, int],
        before: dict[_Key, _Before],
        ledger: Ledger,
    ) -> list[list[str]]:
        keys = [(pks[ref.channel], ref.message_id) for ref in refs]
        if not keys:
            return []
        rows = await (await connection.execute(TOMBSTONE, _key_columns(keys))).fetchall()
        await connection.execute(DROP_UNITS, {"messages": [row[2] for row in rows]})
        known: list[list[str]] = []
        roots: list[_Key] = []
        for channel_pk, message_id, message_pk, rev in rows:
            old = before.get((channel_pk, message_id))
            if old is not None:
                known.append([f"{message_pk}:{seen}" for seen in range(1, rev + 1)])
                ledger.replace(channel_pk, old.terms, None)
                ledger.mark(channel_pk, old.family)
                ledger.mark(channel_pk, f"thread:{message_id}")
                roots.append((channel_pk, old.family.removeprefix("thread:")))
        await _mark_roots(connection, roots, ledger)
        return known


async def _stored(connection: Connection, keys: Sequence[_Key]) -> dict[_Key, _Before]:
    rows = await (await connection.execute(STORED, _key_columns(keys))).fetchall()
    return {
        (pk, mid): _Before(deleted, terms, family_of(mid, thread, posted, seq))
        for pk, mid, deleted, terms, thread, posted, seq in rows
    }


async def _mark_roots(connection: Connection, keys: Sequence[_Key], ledger: Ledger) -> None:
    if not keys:
        return
    rows = await (await connection.execute(ROOTS, _key_columns(keys))).fetchall()
    for channel_pk, message_id, posted_at, seq in rows:
        ledger.mark(channel_pk, family_of(message_id, None, posted_at, seq))


def _ref(change: Change) -> MessageRef:
    return change.message.ref if isinstance(change, Posted) else change.ref


def _newest(messages: Iterable[SourceMessage]) -> dict[MessageRef, SourceMessage]:
    newest: dict[MessageRef, SourceMessage] = {}
    for message in messages:
        rival = newest.get(message.ref)
        if rival is None or message.version > rival.version:
            newest[message.ref] = message
    return newest


def storable(text: str) -> str:
    """What PostgreSQL can keep: no NUL, and no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _name(message: SourceMessage, people: dict[PersonRef, tuple[int, str, bool]]) -> str:
    return "" if message.author is None else people[message.author][1]


def _key_columns(keys: Sequence[_Key]) -> dict[str, object]:
    return {"channels": [key[0] for key in keys], "ids": [key[1] for key in keys]}


def _ref_columns(ref: MessageRef) -> dict[str, object]:
    channel = ref.channel
    where = {"platform": channel.platform, "workspace": channel.workspace, "channel": channel.channel_id}
    return {**where, "id": ref.message_id}


def _reaction_columns(messages: Sequence[SourceMessage], pks: dict[ChannelRef, int]) -> dict[str, object]:
    keys = [(pks[m.ref.channel], m.ref.message_id) for m in messages]
    return {**_key_columns(keys), "reactions": [Jsonb(dict(m.reactions)) for m in messages]}


def _columns(
    messages: Sequence[SourceMessage],
    pks: dict[ChannelRef, int],
    people: dict[PersonRef, tuple[int, str, bool]],
    terms: dict[_Key, list[int]],
) -> dict[str, object]:
    return {
        **_reaction_columns(messages, pks),
        "edited": [m.version.edited_ts for m in messages],
        "event": [m.version.event_ts for m in messages],
        "bodies": [storable(m.text) for m in messages],
        "hashes": [hashlib.sha256(storable(m.text).encode()).digest() for m in messages],
        "authors": [people[m.author][0] if m.author is not None else None for m in messages],
        "threads": [m.thread_id for m in messages],
        "posted": [m.posted_at for m in messages],
        "seqs": [m.seq for m in messages],
        "links": [m.permalink for m in messages],
        "terms": ["{" + ",".join(map(str, terms[pks[m.ref.channel], m.ref.message_id])) + "}" for m in messages],
    }
