"""Channels, people and memberships: who may read what. Facts come from SQL, the rule from scope.py."""

from collections.abc import Iterable, Sequence

from knowledge.database import Connection, Database
from knowledge.messages import Channel, ChannelRef, Members, Person, PersonKind, PersonRef, Visibility
from knowledge.scope import AskerFacts, Audience, ChannelFacts, Scope, scope_for

SAVE_CHANNELS = """
INSERT INTO channel AS c (platform, workspace, channel_id, name, visibility, shared, archived)
SELECT * FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[], %(names)s::text[],
                     %(visibilities)s::text[], %(shared)s::boolean[], %(archived)s::boolean[])
ON CONFLICT (platform, workspace, channel_id) DO UPDATE SET
    name = EXCLUDED.name, visibility = EXCLUDED.visibility, shared = EXCLUDED.shared, archived = EXCLUDED.archived,
    removed_at = CASE WHEN %(reopen)s THEN NULL ELSE c.removed_at END
WHERE (c.name, c.visibility, c.shared, c.archived) IS DISTINCT FROM
      (EXCLUDED.name, EXCLUDED.visibility, EXCLUDED.shared, EXCLUDED.archived)
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
INSERT INTO person AS p (platform, workspace, person_id, name, kind, active)
SELECT * FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[], %(names)s::text[],
                     %(kinds)s::text[], %(active)s::boolean[])
ON CONFLICT (platform, workspace, person_id) DO UPDATE SET
    name = EXCLUDED.name, kind = EXCLUDED.kind, active = EXCLUDED.active
WHERE (p.name, p.kind, p.active) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.kind, EXCLUDED.active)"""

ADD_PEOPLE = """
INSERT INTO person (platform, workspace, person_id, name, kind)
SELECT p, w, i, n, 'member'
FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[], %(names)s::text[]) AS t (p, w, i, n)
ON CONFLICT DO NOTHING"""

PERSON_PKS = """
SELECT p.platform, p.workspace, p.person_id, p.person_pk, p.name
FROM unnest(%(platforms)s::text[], %(workspaces)s::text[], %(ids)s::text[]) AS t (platform, workspace, person_id)
JOIN person p USING (platform, workspace, person_id)"""

DROP_MEMBERS = "DELETE FROM membership WHERE channel_pk = %(channel)s AND person_pk <> ALL(%(people)s)"
ADD_MEMBERS = """
INSERT INTO membership (channel_pk, person_pk)
SELECT %(channel)s, unnest(%(people)s::bigint[]) ON CONFLICT DO NOTHING"""

CHANNEL_FACTS = """
SELECT c.channel_pk, c.platform, c.workspace, c.channel_id, c.name, c.visibility, c.shared,
       EXISTS (SELECT FROM membership m JOIN person p USING (person_pk)
               WHERE m.channel_pk = c.channel_pk AND p.active AND p.kind IN ('guest', 'external'))
FROM channel c WHERE c.removed_at IS NULL AND c.visibility <> 'direct'"""

ASKER_FACTS = """
SELECT p.kind, p.active, ARRAY(SELECT m.channel_pk FROM membership m WHERE m.person_pk = p.person_pk)
FROM person p WHERE (p.platform, p.workspace, p.person_id) = (%(platform)s, %(workspace)s, %(id)s)"""

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
                    "reopen": reopen,
                },
            )

    async def record_people(self, people: Sequence[Person]) -> None:
        """Saves what a platform says of its accounts."""
        latest = {person.ref: person for person in people}
        async with self._database.transaction() as connection:
            await connection.execute(
                SAVE_PEOPLE,
                {
                    **_person_columns(latest),
                    "names": [p.name for p in latest.values()],
                    "kinds": [p.kind.value for p in latest.values()],
                    "active": [p.active for p in latest.values()],
                },
            )

    async def record_members(self, members: Members) -> None:
        """Replaces the list of who is in a channel, in one transaction."""
        async with self._database.transaction() as connection:
            channels = await channel_pks(connection, [members.channel])
            people = await person_pks(connection, {ref: ref.person_id for ref in members.people})
            row = {"channel": channels[members.channel][0], "people": [pk for pk, _ in people.values()]}
            await connection.execute(DROP_MEMBERS, row)
            await connection.execute(ADD_MEMBERS, row)

    async def scope_for(self, audience: Audience, asker: PersonRef | None) -> Scope:
        """The channels an answer for this audience may draw from. Errors: `KnowledgeUnavailable`."""
        facts: AskerFacts | None = None
        async with self._database.transaction() as connection:
            rows = await (await connection.execute(CHANNEL_FACTS)).fetchall()
            if asker is not None:
                who = {"platform": asker.platform, "workspace": asker.workspace, "id": asker.person_id}
                row = await (await connection.execute(ASKER_FACTS, who)).fetchone()
                if row is not None:
                    facts = AskerFacts(asker, PersonKind(row[0]), bool(row[1]), frozenset(row[2]))
        channels = tuple(
            ChannelFacts(pk, ChannelRef(platform, workspace, cid), name, Visibility(visibility), shared, guests)
            for pk, platform, workspace, cid, name, visibility, shared, guests in rows
        )
        return scope_for(audience, channels, facts, asker_given=asker is not None)

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


async def channel_pks(connection: Connection, refs: Iterable[ChannelRef]) -> dict[ChannelRef, tuple[int, bool]]:
    """The key of each channel, and whether it was forgotten; unknown channels are added, private."""
    wanted = dict.fromkeys(refs)
    found = await _channels(connection, wanted)
    missing = dict.fromkeys(ref for ref in wanted if ref not in found)
    if missing:
        await connection.execute(ADD_CHANNELS, _channel_columns(missing))
        found |= await _channels(connection, missing)
    return found


async def person_pks(connection: Connection, names: dict[PersonRef, str]) -> dict[PersonRef, tuple[int, str]]:
    """The key and name of each person; unknown people are added under the name given."""
    found = await _people(connection, names)
    missing = {ref: name for ref, name in names.items() if ref not in found}
    if missing:
        await connection.execute(ADD_PEOPLE, {**_person_columns(missing), "names": list(missing.values())})
        found |= await _people(connection, missing)
    return found


async def _channels(connection: Connection, refs: Iterable[ChannelRef]) -> dict[ChannelRef, tuple[int, bool]]:
    rows = await (await connection.execute(CHANNEL_PKS, _channel_columns(refs))).fetchall()
    return {ChannelRef(*row[:3]): (row[3], row[4]) for row in rows}


async def _people(connection: Connection, refs: Iterable[PersonRef]) -> dict[PersonRef, tuple[int, str]]:
    rows = await (await connection.execute(PERSON_PKS, _person_columns(refs))).fetchall()
    return {PersonRef(*row[:3]): (row[3], row[4]) for row in rows}


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
