"""Everything that was said: guarded writes, tombstones, dirty marks and search terms, all in one transaction."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from knowledge.access import channel_pks, person_pks
from knowledge.database import Connection, Database
from knowledge.kept import kept
from knowledge.ledger import Ledger
from knowledge.lexical import term_ids
from knowledge.message_table import (
    DROP_LINES,
    DROP_UNITS,
    KNOWN,
    LOCK_CHANNELS,
    REACT,
    RECOUNT,
    ROOTS,
    STORED,
    TOMBSTONE,
    UPSERT,
    Key,
    columns,
    key_columns,
    reaction_columns,
    ref_columns,
)
from knowledge.messages import Change, ChannelRef, Deleted, MessageRef, PersonRef, Posted, SourceMessage, storable
from knowledge.retention import Retention
from knowledge.units import family_of, labelled_line

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a batch changed: messages written (new or newer), and messages deleted.

    `gone` holds every "message_pk:rev" that an answer may have used of a deleted message, `outdated` those of an
    edited one whose text is another now. `too_old` posts were not kept, or are no longer.
    """

    written: int = 0
    deleted: int = 0
    too_old: int = 0
    gone: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Before:
    deleted: bool
    terms: list[int] | None
    family: str


class Archive:
    """Everything that was said, as far back as `retention` keeps it. All text goes through `record`."""

    def __init__(self, database: Database, retention: Retention | None = None) -> None:
        self._database = database
        self._retention = retention or Retention(database)

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
        await self._database.execute(REACT, {**ref_columns(ref), "emoji": storable(emoji), "delta": delta})

    async def knows(self, ref: MessageRef) -> bool:
        """Whether a message, or its deletion, has been recorded. Errors: `KnowledgeUnavailable`."""
        return bool(await self._database.fetch(KNOWN, ref_columns(ref)))

    async def _record(self, connection: Connection, changes: Sequence[Change]) -> Recorded:
        channels = await channel_pks(connection, (_ref(change).channel for change in changes))
        pks = {ref: pk for ref, (pk, _) in channels.items()}
        locked = await connection.execute(LOCK_CHANNELS, {"channels": list(pks.values())})
        # Known only under the lock: a channel may have been forgotten a moment ago.
        forgotten = {pk for pk, is_removed in await locked.fetchall() if is_removed}
        changes = [change for change in changes if pks[_ref(change).channel] not in forgotten]
        return await self._apply(connection, changes, pks)

    async def _apply(self, connection: Connection, changes: Sequence[Change], pks: dict[ChannelRef, int]) -> Recorded:
        kept_from = await self._retention.kept_from(connection, list(pks.values()))
        posted = _newest(change.message for change in changes if isinstance(change, Posted))
        too_old = {ref for ref, one in posted.items() if _is_before(one, kept_from.get(pks[ref.channel]))}
        deleted = {change.ref for change in changes if isinstance(change, Deleted)}
        keys = {ref: (pks[ref.channel], ref.message_id) for ref in {*posted, *deleted}}
        before = await _stored(connection, list(keys.values()))
        # What is too old and was never kept needs no mark: it will be too old the next time as well.
        deleted |= {ref for ref in too_old if keys[ref] in before}
        ledger = Ledger()
        messages = [_kept(one) for ref, one in posted.items() if ref not in too_old]
        written, outdated = await self._write(connection, messages, pks, before, ledger)
        gone = await self._delete(connection, deleted, pks, before, ledger)
        await ledger.settle(connection)
        used = tuple(key for one in gone for key in one)
        return Recorded(written, len(gone), len(too_old), used, tuple(outdated))

    async def _write(
        self,
        connection: Connection,
        messages: list[SourceMessage],
        pks: dict[ChannelRef, int],
        before: dict[Key, _Before],
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
        rows = await (await connection.execute(UPSERT, columns(messages, pks, people, terms))).fetchall()
        if listed := [m for m in messages if m.version.event_ts == 0]:
            await connection.execute(RECOUNT, reaction_columns(listed, pks))
        by_key = {(pks[m.ref.channel], m.ref.message_id): m for m in messages}
        roots: list[Key] = []
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
        before: dict[Key, _Before],
        ledger: Ledger,
    ) -> list[list[str]]:
        keys = [(pks[ref.channel], ref.message_id) for ref in refs]
        if not keys:
            return []
        rows = await (await connection.execute(TOMBSTONE, key_columns(keys))).fetchall()
        await connection.execute(DROP_UNITS, {"messages": [row[2] for row in rows]})
        known: list[list[str]] = []
        roots: list[Key] = []
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


async def _stored(connection: Connection, keys: Sequence[Key]) -> dict[Key, _Before]:
    rows = await (await connection.execute(STORED, key_columns(keys))).fetchall()
    return {
        (pk, mid): _Before(deleted, terms, family_of(mid, thread, posted, seq))
        for pk, mid, deleted, terms, thread, posted, seq in rows
    }


async def _mark_roots(connection: Connection, keys: Sequence[Key], ledger: Ledger) -> None:
    if not keys:
        return
    rows = await (await connection.execute(ROOTS, key_columns(keys))).fetchall()
    for channel_pk, message_id, posted_at, seq in rows:
        ledger.mark(channel_pk, family_of(message_id, None, posted_at, seq))


def _ref(change: Change) -> MessageRef:
    return change.message.ref if isinstance(change, Posted) else change.ref


def _is_before(message: SourceMessage, kept_from: datetime | None) -> bool:
    return kept_from is not None and message.posted_at is not None and message.posted_at < kept_from


def _kept(message: SourceMessage) -> SourceMessage:
    words = kept(message.text)
    if words.cut or words.masked:
        log.info(
            "words_cut",
            channel_id=message.ref.channel.channel_id,
            message_id=message.ref.message_id,
            hidden_chars=words.cut,
            secret_count=words.masked,
        )
    return replace(message, text=words.text)


def _newest(messages: Iterable[SourceMessage]) -> dict[MessageRef, SourceMessage]:
    newest: dict[MessageRef, SourceMessage] = {}
    for message in messages:
        rival = newest.get(message.ref)
        if rival is None or message.version > rival.version:
            newest[message.ref] = message
    return newest


def _name(message: SourceMessage, people: dict[PersonRef, tuple[int, str, bool]]) -> str:
    return "" if message.author is None else people[message.author][1]
