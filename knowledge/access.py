"""Channels, people and memberships: who may read what. Facts come from SQL, the rule from scope.py.

Where a platform is connected, its word of who is a member or a guest counts for `FRESH_SECONDS` and no longer.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import LiteralString

from knowledge.database import Connection, Database
from knowledge.messages import Channel, ChannelRef, Members, Person, PersonKind, PersonRef, Visibility
from knowledge.quarantine import IS_OPEN
from knowledge.scope import AskerFacts, Audience, ChannelFacts, Scope, scope_for

# A membership event may be lost: what was read longer ago than this proves nothing.
FRESH_SECONDS = 60

SAVE_CHANNELS = """
INSERT INTO channel AS c (platform, workspace, channel_id, name, visibility, shared, archived, readers)
SELECT * FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[], %(names)s::text[],
                     %(visibilities)s::text[], %(shared)s::boolean[], %(archived)s::boolean[], %(readers)s::text[])
ON CONFLICT (platform, workspace, channel_id) DO UPDATE SET
    name = EXCLUDED.name, visibility = EXCLUDED.visibility, shared = EXCLUDED.shared, archived = EXCLUDED.archived,
    readers = EXCLUDED.readers,
    removed_at = CASE WHEN %(reopen)s THEN NULL ELSE c.removed_at END,
    -- Closed and opened again, or opened to nobody knows whom: the old list of members proves nothing.
    members_at = CASE WHEN (c.visibility, c.readers) = (EXCLUDED.visibility, EXCLUDED.readers) THEN c.members_at END,
    readers_seq = c.readers_seq + 1
WHERE (c.name, c.visibility, c.shared, c.archived, c.readers) IS DISTINCT FROM
      (EXCLUDED.name, EXCLUDED.visibility, EXCLUDED.shared, EXCLUDED.archived, EXCLUDED.readers)
   OR (%(reopen)s AND c.removed_at IS NOT NULL)"""

# A message may name a channel before anything else does. Until it is described, nobody but its members reads it.
ADD_CHANNELS = """
INSERT INTO channel (platform, workspace, channel_id, name, visibility)
SELECT p, w, i, i, 'private' FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[]) AS t (p, w, i)
ON CONFLICT DO NOTHING"""

CHANNEL_PKS = """
SELECT c.platform, c.workspace, c.channel_id, c.channel_pk, c.removed_at IS NOT NULL
FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[]) AS t (platform, workspace, channel_id)
JOIN channel c USING (platform, workspace, channel_id)"""

SAVE_PEOPLE = """
INSERT INTO person AS p (platform, workspace, person_id, name, kind, active, read_at)
SELECT *, CASE WHEN %(live)s THEN now() END
FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[], %(names)s::text[], %(kinds)s::text[],
            %(active)s::boolean[])
ON CONFLICT (platform, workspace, person_id) DO UPDATE SET
    name = EXCLUDED.name, kind = EXCLUDED.kind, active = EXCLUDED.active,
    read_at = coalesce(EXCLUDED.read_at, p.read_at)
WHERE %(live)s OR (p.name, p.kind, p.active) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.kind, EXCLUDED.active)"""

ADD_PEOPLE = """
INSERT INTO person (platform, workspace, person_id, name, kind)
SELECT p, w, i, n, 'member'
FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[], %(names)s::text[]) AS t (p, w, i, n)
ON CONFLICT DO NOTHING"""

PERSON_PKS = """
SELECT p.platform, p.workspace, p.person_id, p.person_pk, p.name, p.opted_out
FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[]) AS t (platform, workspace, person_id)
JOIN person p USING (platform, workspace, person_id)"""

DROP_MEMBERS = "DELETE FROM membership WHERE channel_pk = %(channel)s AND person_pk <> ALL(%(people)s)"
ADD_MEMBERS = """
INSERT INTO membership (channel_pk, person_pk)
SELECT %(channel)s, unnest(%(people)s::bigint[]) ON CONFLICT DO NOTHING"""
DROP_MEMBER = "DELETE FROM membership WHERE channel_pk = %(channel)s AND person_pk = ANY(%(people)s)"
CHANGED = "UPDATE channel SET readers_seq = readers_seq + 1 WHERE channel_pk = %(channel)s"
SEQ = "SELECT readers_seq FROM channel WHERE channel_pk = %(channel)s"
READ_MEMBERS = """
UPDATE channel SET members_at = now(), readers_seq = readers_seq + 1
WHERE channel_pk = %(channel)s AND readers_seq = %(seq)s"""
# Who is gone is in no channel, and comes back into those that the platform names then.
DROP_GONE = """
DELETE FROM membership m USING person p
WHERE p.person_pk = m.person_pk AND NOT p.active AND (p.platform, p.workspace, p.person_id) IN (
    SELECT * FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[]))"""

# A list that changes as often as this while it is read is left to the next reading.
MOST_READINGS = 5

# An account that the platform has not described yet may be a guest's.
_CHANNEL_FACTS = """
WITH guest AS (
    SELECT p.person_pk, p.platform, p.workspace FROM person p LEFT JOIN workspace w USING (platform, workspace)
    WHERE p.active AND (p.kind IN ('guest', 'external') OR (w.platform IS NOT NULL AND p.read_at IS NULL)))
SELECT c.channel_pk, c.platform, c.workspace, c.channel_id, c.name, c.visibility, c.shared,
       EXISTS (SELECT FROM membership m JOIN guest USING (person_pk) WHERE m.channel_pk = c.channel_pk),
       w.platform IS NULL OR coalesce(c.members_at > now() - make_interval(secs => %(fresh)s), false)
           OR (c.visibility = 'public' AND NOT c.shared AND NOT EXISTS (
                   SELECT FROM guest g WHERE (g.platform, g.workspace) = (c.platform, c.workspace))),
       c.readers
FROM channel c LEFT JOIN workspace w USING (platform, workspace)
WHERE c.removed_at IS NULL AND c.hidden_at IS NULL AND c.visibility <> 'direct' AND """
CHANNEL_FACTS = _CHANNEL_FACTS + IS_OPEN

ASKER_FACTS = """
SELECT p.kind, p.active, ARRAY(SELECT m.channel_pk FROM membership m WHERE m.person_pk = p.person_pk),
       w.platform IS NULL OR coalesce(p.read_at > now() - make_interval(secs => %(fresh)s), false)
FROM person p LEFT JOIN workspace w USING (platform, workspace)
WHERE (p.platform, p.workspace, p.person_id) = (%(platform)s, %(workspace)s, %(id)s)"""

FIND_CHANNELS = """
SELECT platform, workspace, channel_id, name FROM channel
WHERE removed_at IS NULL AND (channel_id = %(name)s OR lower(name) = lower(%(name)s)) ORDER BY channel_pk"""

FIND_PEOPLE = """
SELECT platform, workspace, person_id, name FROM person
WHERE person_id = %(name)s OR lower(name) = lower(%(name)s) ORDER BY person_pk"""


class Access:
    """The tables of channels, people and memberships."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record_channels(self, channels: Sequence[Channel], *, reopen: bool = False) -> None:
        """Saves what a platform says of its channels. `reopen`: an admin wants forgotten ones back."""
        latest = {channel.ref: channel for channel in channels}
        async with self._database.transaction() as connection:
            await connection.execute(
                SAVE_CHANNELS,
                {
                    **_channel_columns(latest),
                    "names": [c.name for c in latest.values()],
                    "visibilities": [c.visibility.value for c in latest.values()],
                    "shared": [c.shared for c in latest.values()],
                    "archived": [c.archived for c in latest.values()],
                    "readers": [c.readers for c in latest.values()],
                    "reopen": reopen,
                },
            )

    async def record_people(self, people: Sequence[Person], *, live: bool = False) -> None:
        """Saves what a platform says of its accounts. `live`: it says so now, in no export."""
        latest = {person.ref: person for person in people}
        async with self._database.transaction() as connection:
            await connection.execute(
                SAVE_PEOPLE,
                {
                    **_person_columns(latest),
                    "names": [p.name for p in latest.values()],
                    "kinds": [p.kind.value for p in latest.values()],
                    "active": [p.active for p in latest.values()],
                    "live": live,
                },
            )
            if live and any(not person.active for person in latest.values()):
                await connection.execute(DROP_GONE, _person_columns(latest))

    async def record_members(self, members: Members) -> None:
        """Replaces the list of who is in a channel by that of an export."""
        async with self._database.transaction() as connection:
            channels = await channel_pks(connection, [members.channel])
            row = {"channel": channels[members.channel][0], "people": await _keys_of(connection, members)}
            await connection.execute(DROP_MEMBERS, row)
            await connection.execute(ADD_MEMBERS, row)

    async def read_members(self, channel: ChannelRef, read: Callable[[ChannelRef], Awaitable[Members]]) -> None:
        """Replaces the list of who is in a channel by the platform's of now.

        What was told of its readers while the list was on its way may be newer: then it is asked for again.
        Errors: `KnowledgeUnavailable`, and what `read` raises.
        """
        for _ in range(MOST_READINGS):
            async with self._database.transaction() as connection:
                pk = (await channel_pks(connection, [channel]))[channel][0]
                [seq] = await (await connection.execute(SEQ, {"channel": pk})).fetchone() or [0]
            members = await read(channel)
            async with self._database.transaction() as connection:
                # People before channels, as everywhere: two that lock them crosswise would wait for each other.
                row = {"channel": pk, "seq": seq, "people": await _keys_of(connection, members)}
                if (await connection.execute(READ_MEMBERS, row)).rowcount:
                    await connection.execute(DROP_MEMBERS, row)
                    await connection.execute(ADD_MEMBERS, row)
                    return

    async def join(self, channel: ChannelRef, person: PersonRef) -> None:
        """Somebody came into a channel."""
        await self._change_members(ADD_MEMBERS, channel, person)

    async def leave(self, channel: ChannelRef, person: PersonRef) -> None:
        """Somebody left a channel: what is closed to others is closed to this person from now on."""
        await self._change_members(DROP_MEMBER, channel, person)

    async def _change_members(self, statement: LiteralString, channel: ChannelRef, person: PersonRef) -> None:
        async with self._database.transaction() as connection:
            channels = await channel_pks(connection, [channel])
            people = await person_pks(connection, {person: person.person_id})
            row = {"channel": channels[channel][0], "people": [people[person][0]]}
            await connection.execute(CHANGED, row)
            await connection.execute(statement, row)

    async def scope_for(self, audience: Audience, asker: PersonRef | None) -> Scope:
        """The channels an answer for this audience may draw from. Errors: `KnowledgeUnavailable`."""
        facts: AskerFacts | None = None
        async with self._database.transaction() as connection:
            rows = await (await connection.execute(CHANNEL_FACTS, {"fresh": FRESH_SECONDS})).fetchall()
            if asker is not None:
                who = {"platform": asker.platform, "workspace": asker.workspace, "id": asker.person_id}
                row = await (await connection.execute(ASKER_FACTS, {**who, "fresh": FRESH_SECONDS})).fetchone()
                if row is not None:
                    kind, active, joined, fresh = row
                    facts = AskerFacts(asker, PersonKind(kind), bool(active), frozenset(joined), bool(fresh))
        channels = tuple(
            ChannelFacts(pk, ChannelRef(platform, workspace, cid), name, Visibility(visibility), *rest)
            for pk, platform, workspace, cid, name, visibility, *rest in rows
        )
        return scope_for(audience, channels, facts, asker_given=asker is not None)

    async def know(self, channel: ChannelRef) -> None:
        """Sees to it that there is such a channel; an unknown one is private."""
        async with self._database.transaction() as connection:
            await channel_pks(connection, [channel])

    async def find_channels(self, name: str) -> list[tuple[ChannelRef, str]]:
        """Channels of that id or name, `#` or not, over all workspaces."""
        rows = await self._database.fetch(FIND_CHANNELS, {"name": name})
        if not rows and name.startswith("#"):
            rows = await self._database.fetch(FIND_CHANNELS, {"name": name[1:]})
        return [(ChannelRef(*row[:3]), row[3]) for row in rows]

    async def find_people(self, name: str) -> list[tuple[PersonRef, str]]:
        """People of that id or name, `@` or not, over all workspaces."""
        rows = await self._database.fetch(FIND_PEOPLE, {"name": name.removeprefix("@")})
        return [(PersonRef(*row[:3]), row[3]) for row in rows]


async def _keys_of(connection: Connection, members: Members) -> list[int]:
    people = await person_pks(connection, {ref: ref.person_id for ref in members.people})
    return [person[0] for person in people.values()]


async def channel_pks(connection: Connection, refs: Iterable[ChannelRef]) -> dict[ChannelRef, tuple[int, bool]]:
    """The key of each channel, and whether it was forgotten; unknown channels are added, private."""
    wanted = dict.fromkeys(refs)
    found = await _channels(connection, wanted)
    missing = dict.fromkeys(ref for ref in wanted if ref not in found)
    if missing:
        await connection.execute(ADD_CHANNELS, _channel_columns(missing))
        found |= await _channels(connection, missing)
    return found


async def person_pks(connection: Connection, names: dict[PersonRef, str]) -> dict[PersonRef, tuple[int, str, bool]]:
    """The key and name of each person, and whether they opted out; unknown people are added under the name given."""
    found = await _people(connection, names)
    missing = {ref: name for ref, name in names.items() if ref not in found}
    if missing:
        await connection.execute(ADD_PEOPLE, {**_person_columns(missing), "names": list(missing.values())})
        found |= await _people(connection, missing)
    return found


async def _channels(connection: Connection, refs: Iterable[ChannelRef]) -> dict[ChannelRef, tuple[int, bool]]:
    rows = await (await connection.execute(CHANNEL_PKS, _channel_columns(refs))).fetchall()
    return {ChannelRef(*row[:3]): (row[3], row[4]) for row in rows}


async def _people(connection: Connection, refs: Iterable[PersonRef]) -> dict[PersonRef, tuple[int, str, bool]]:
    rows = await (await connection.execute(PERSON_PKS, _person_columns(refs))).fetchall()
    return {PersonRef(*row[:3]): (row[3], row[4], row[5]) for row in rows}


def _channel_columns(refs: Iterable[ChannelRef]) -> dict[str, object]:
    refs = list(refs)
    return {
        "platforms": [ref.platform for ref in refs],
        "workspaces": [ref.workspace for ref in refs],
        "ids": [ref.channel_id for ref in refs],
    }


def _person_columns(refs: Iterable[PersonRef]) -> dict[str, object]:
    refs = list(refs)
    return {
        "platforms": [ref.platform for ref in refs],
        "workspaces": [ref.workspace for ref in refs],
        "ids": [ref.person_id for ref in refs],
    }
