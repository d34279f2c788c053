"""The message table: guarded writes, tombstones, dirty marks and search terms, all in one transaction."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from knowledge.access import channel_pks, person_pks
from knowledge.database import Connection, Database
from knowledge.lexical import term_ids
from knowledge.messages import Change, ChannelRef, Deleted, MessageRef, PersonRef, Posted, SourceMessage
from knowledge.units import family_of, labelled_line

# Writers of one channel take turns, so that old terms and counts are read before anybody changes them.
# Terms are locked last and in order, so no two writers can wait for each other.
LOCK_CHANNELS = """
SELECT channel_pk FROM channel WHERE channel_pk = ANY(%(channels)s) ORDER BY channel_pk FOR NO KEY UPDATE"""

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
    posted_at = EXCLUDED.posted_at, seq = EXCLUDED.seq, permalink = EXCLUDED.permalink,
    reactions = EXCLUDED.reactions, terms = EXCLUDED.terms,
    fresh = m.content_hash IS DISTINCT FROM EXCLUDED.content_hash,
    rev = m.rev + (m.content_hash IS DISTINCT FROM EXCLUDED.content_hash)::int
WHERE NOT m.deleted AND (EXCLUDED.edited_ts, EXCLUDED.event_ts) > (m.edited_ts, m.event_ts)
RETURNING channel_pk, message_id, fresh"""

# A delete may come before the message: the row is then born as a tombstone.
TOMBSTONE = """
INSERT INTO message AS m (channel_pk, message_id, edited_ts, event_ts, deleted)
SELECT channel_pk, message_id, 'Infinity', 'Infinity', true
FROM unnest(%(channels)s::bigint[], %(ids)s::text[]) AS t (channel_pk, message_id)
ON CONFLICT (channel_pk, message_id) DO UPDATE SET
    deleted = true, body = NULL, content_hash = NULL, terms = NULL, permalink = NULL, reactions = '{}',
    edited_ts = 'Infinity', event_ts = 'Infinity'
WHERE NOT m.deleted
RETURNING channel_pk, message_id, message_pk"""

# The vector of a unit is made from all of its lines: the whole unit goes, and is built again without the message.
DROP_UNITS = "DELETE FROM unit WHERE unit_pk IN (SELECT unit_pk FROM unit_line WHERE message_pk = ANY(%(messages)s))"

COUNT_TERMS = """
INSERT INTO term AS t (term, df)
SELECT term, delta FROM unnest(%(terms)s::integer[], %(deltas)s::integer[]) AS d (term, delta) ORDER BY term
ON CONFLICT (term) DO UPDATE SET df = t.df + EXCLUDED.df"""

COUNT_CHANNELS = """
UPDATE channel c SET live_count = c.live_count + d.live, term_count = c.term_count + d.terms
FROM unnest(%(channels)s::bigint[], %(live)s::bigint[], %(terms)s::bigint[]) AS d (channel_pk, live, terms)
WHERE c.channel_pk = d.channel_pk"""

MARK_DIRTY = """
INSERT INTO dirty AS d (channel_pk, family)
SELECT DISTINCT channel_pk, family FROM unnest(%(channels)s::bigint[], %(families)s::text[]) AS t (channel_pk, family)
ORDER BY channel_pk, family
ON CONFLICT (channel_pk, family) DO UPDATE SET version = d.version + 1, tries = 0, reason = NULL"""

# When its first answer arrives, a message leaves the open talk of its day and becomes the root of a thread.
ROOTS = """
SELECT m.channel_pk, m.message_id, m.posted_at, m.seq
FROM unnest(%(channels)s::bigint[], %(ids)s::text[]) AS k (channel_pk, message_id)
JOIN message m USING (channel_pk, message_id) WHERE m.thread_id IS NULL AND NOT m.deleted"""

MESSAGES_OF_PERSON = """
SELECT c.platform, c.workspace, c.channel_id, m.message_id
FROM message m JOIN channel c USING (channel_pk) JOIN person p ON p.person_pk = m.author_pk
WHERE (p.platform, p.workspace, p.person_id) = (%(platform)s, %(workspace)s, %(id)s) AND NOT m.deleted"""

FIND_MESSAGES = """
SELECT c.platform, c.workspace, c.channel_id, m.message_id
FROM message m JOIN channel c USING (channel_pk) WHERE m.message_id = %(id)s AND NOT m.deleted"""

FORGET_CHANNEL = """
UPDATE channel SET removed_at = now(), live_count = 0, term_count = 0
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s) RETURNING channel_pk"""
CHANNEL_TERMS = "SELECT terms FROM message WHERE channel_pk = %(channel)s AND terms IS NOT NULL"
DROP_CHANNEL_UNITS = "DELETE FROM unit WHERE channel_pk = %(channel)s"
DROP_CHANNEL_MESSAGES = "DELETE FROM message WHERE channel_pk = %(channel)s"
DROP_CHANNEL_DIRT = "DELETE FROM dirty WHERE channel_pk = %(channel)s"

_Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a batch changed: messages written (new or newer), and messages deleted."""

    written: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class _Before:
    deleted: bool
    terms: list[int] | None
    family: str


class Archive:
    """Everything that was said. All writes go through `record`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, changes: Sequence[Change]) -> Recorded:
        """Applies changes in any order and any number of times; the newest version of a message wins.

        Text, search terms, counts and dirty marks are written in one transaction. A deleted message
        leaves the index in the same transaction and never comes back.
        Errors: `KnowledgeUnavailable`.
        """
        if not changes:
            return Recorded()
        async with self._database.transaction() as connection:
            channels = await channel_pks(connection, (_ref(change).channel for change in changes))
            changes = [change for change in changes if not channels[_ref(change).channel][1]]
            pks = {ref: pk for ref, (pk, _) in channels.items()}
            await connection.execute(LOCK_CHANNELS, {"channels": list(pks.values())})
            return await self._apply(connection, changes, pks)

    async def _apply(self, connection: Connection, changes: Sequence[Change], pks: dict[ChannelRef, int]) -> Recorded:
        posted = _newest(change.message for change in changes if isinstance(change, Posted))
        deleted = {change.ref for change in changes if isinstance(change, Deleted)}
        keys = [(pks[ref.channel], ref.message_id) for ref in {*posted, *deleted}]
        before = await _stored(connection, keys)
        ledger = _Ledger()
        written = await self._write(connection, list(posted.values()), pks, before, ledger)
        gone = await self._delete(connection, deleted, pks, before, ledger)
        await ledger.settle(connection)
        return Recorded(written, gone)

    async def _write(
        self,
        connection: Connection,
        messages: list[SourceMessage],
        pks: dict[ChannelRef, int],
        before: dict[_Key, _Before],
        ledger: "_Ledger",
    ) -> int:
        if not messages:
            return 0
        names = {m.author: m.author_name or m.author.person_id for m in messages if m.author is not None}
        people = await person_pks(connection, names)
        terms = {
            (pks[m.ref.channel], m.ref.message_id): term_ids(labelled_line(_name(m, people), m.text)) for m in messages
        }
        rows = await (await connection.execute(UPSERT, _columns(messages, pks, people, terms))).fetchall()
        by_key = {(pks[m.ref.channel], m.ref.message_id): m for m in messages}
        roots: list[_Key] = []
        for channel_pk, message_id, fresh in rows:
            key = (channel_pk, message_id)
            message, old = by_key[key], before.get(key)
            ledger.replace(channel_pk, old.terms if old else None, terms[key])
            family = family_of(message_id, message.thread_id, message.posted_at, message.seq)
            if fresh or old is None or old.family != family:
                ledger.mark(channel_pk, family)
            if old is not None and old.family != family:
                ledger.mark(channel_pk, old.family)
            if message.thread_id is not None and message.thread_id != message_id:
                roots.append((channel_pk, message.thread_id))
            before[key] = _Before(deleted=False, terms=terms[key], family=family)
        await _mark_roots(connection, roots, ledger)
        return len(rows)

    async def _delete(
        self,
        connection: Connection,
        refs: Iterable[MessageRef],
        pks: dict[ChannelRef, int],
        before: dict[_Key, _Before],
        ledger: "_Ledger",
    ) -> int:
        keys = [(pks[ref.channel], ref.message_id) for ref in refs]
        if not keys:
            return 0
        rows = await (await connection.execute(TOMBSTONE, _key_columns(keys))).fetchall()
        await connection.execute(DROP_UNITS, {"messages": [row[2] for row in rows]})
        known = 0
        roots: list[_Key] = []
        for channel_pk, message_id, _ in rows:
            old = before.get((channel_pk, message_id))
            if old is not None:
                known += 1
                ledger.replace(channel_pk, old.terms, None)
                ledger.mark(channel_pk, old.family)
                ledger.mark(channel_pk, f"thread:{message_id}")
                roots.append((channel_pk, old.family.removeprefix("thread:")))
        await _mark_roots(connection, roots, ledger)
        return known

    async def forget_channel(self, channel: ChannelRef) -> int:
        """Removes every message of a channel, its units and vectors. Returns how many there were."""
        row = {"platform": channel.platform, "workspace": channel.workspace, "id": channel.channel_id}
        async with self._database.transaction() as connection:
            found = await (await connection.execute(FORGET_CHANNEL, row)).fetchone()
            if found is None:
                return 0
            one = {"channel": found[0]}
            ledger = _Ledger()
            for (terms,) in await (await connection.execute(CHANNEL_TERMS, one)).fetchall():
                ledger.replace(found[0], terms, None)
            for statement in (DROP_CHANNEL_UNITS, DROP_CHANNEL_DIRT):
                await connection.execute(statement, one)
            removed = await connection.execute(DROP_CHANNEL_MESSAGES, one)
            ledger.forget_channel_counts()
            await ledger.settle(connection)
            return removed.rowcount

    async def forget_person(self, person: PersonRef) -> int:
        """Deletes everything a person wrote, as if each message had been deleted."""
        row = {"platform": person.platform, "workspace": person.workspace, "id": person.person_id}
        return await self._forget(await self._database.fetch(MESSAGES_OF_PERSON, row))

    async def forget_message(self, message_id: str) -> int:
        """Deletes the messages of that id (one, unless two workspaces use the same id)."""
        return await self._forget(await self._database.fetch(FIND_MESSAGES, {"id": message_id}))

    async def _forget(self, rows: Sequence[tuple[str, ...]]) -> int:
        gone = 0
        for start in range(0, len(rows), 500):
            batch = [Deleted(MessageRef(ChannelRef(*row[:3]), row[3])) for row in rows[start : start + 500]]
            gone += (await self.record(batch)).deleted
        return gone


class _Ledger:
    """Collects what a batch does to counts and families, to write each count once."""

    def __init__(self) -> None:
        self._df: Counter[int] = Counter()
        self._live: Counter[int] = Counter()
        self._terms: Counter[int] = Counter()
        self._dirty: set[tuple[int, str]] = set()

    def replace(self, channel_pk: int, old: list[int] | None, new: list[int] | None) -> None:
        if old is not None:
            self._df.subtract(set(old))
            self._live[channel_pk] -= 1
            self._terms[channel_pk] -= len(old)
        if new is not None:
            self._df.update(set(new))
            self._live[channel_pk] += 1
            self._terms[channel_pk] += len(new)

    def mark(self, channel_pk: int, family: str) -> None:
        self._dirty.add((channel_pk, family))

    def forget_channel_counts(self) -> None:
        self._live.clear()
        self._terms.clear()

    async def settle(self, connection: Connection) -> None:
        if self._dirty:
            channels, families = zip(*sorted(self._dirty), strict=True)
            await connection.execute(MARK_DIRTY, {"channels": list(channels), "families": list(families)})
        if self._live:
            channels_changed = sorted(self._live)
            await connection.execute(
                COUNT_CHANNELS,
                {
                    "channels": channels_changed,
                    "live": [self._live[pk] for pk in channels_changed],
                    "terms": [self._terms[pk] for pk in channels_changed],
                },
            )
        changed = {term: delta for term, delta in self._df.items() if delta}
        if changed:
            await connection.execute(COUNT_TERMS, {"terms": list(changed), "deltas": list(changed.values())})


async def _stored(connection: Connection, keys: Sequence[_Key]) -> dict[_Key, _Before]:
    rows = await (await connection.execute(STORED, _key_columns(keys))).fetchall()
    return {
        (pk, mid): _Before(deleted, terms, family_of(mid, thread, posted, seq))
        for pk, mid, deleted, terms, thread, posted, seq in rows
    }


async def _mark_roots(connection: Connection, keys: Sequence[_Key], ledger: _Ledger) -> None:
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


def _name(message: SourceMessage, people: dict[PersonRef, tuple[int, str]]) -> str:
    return "" if message.author is None else people[message.author][1]


def _key_columns(keys: Sequence[_Key]) -> dict[str, object]:
    return {"channels": [key[0] for key in keys], "ids": [key[1] for key in keys]}


def _columns(
    messages: Sequence[SourceMessage],
    pks: dict[ChannelRef, int],
    people: dict[PersonRef, tuple[int, str]],
    terms: dict[_Key, list[int]],
) -> dict[str, object]:
    keys = [(pks[m.ref.channel], m.ref.message_id) for m in messages]
    return {
        **_key_columns(keys),
        "edited": [m.version.edited_ts for m in messages],
        "event": [m.version.event_ts for m in messages],
        "bodies": [m.text for m in messages],
        "hashes": [hashlib.sha256(m.text.encode()).digest() for m in messages],
        "authors": [people[m.author][0] if m.author is not None else None for m in messages],
        "threads": [m.thread_id for m in messages],
        "posted": [m.posted_at for m in messages],
        "seqs": [m.seq for m in messages],
        "links": [m.permalink for m in messages],
        "reactions": [Jsonb(dict(m.reactions)) for m in messages],
        "terms": ["{" + ",".join(map(str, terms[key])) + "}" for key in keys],
    }
