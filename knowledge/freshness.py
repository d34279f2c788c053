"""Before a question: what is known of its readers is read again where it is not fresh. Events are hints, not proof."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from knowledge.access import FRESH_SECONDS, Access
from knowledge.database import Database
from knowledge.errors import ChannelUnreadable, KnowledgeError, SourceUnavailable
from knowledge.messages import ChannelRef, PersonRef
from knowledge.ports import MembershipSource
from knowledge.presence import Presence
from knowledge.scope import Audience

log = structlog.get_logger()

# Read again a little before it would no longer count, so that it still counts when the answer is posted.
READ_AGAIN_SECONDS = FRESH_SECONDS / 2
# No more lists for one question: beyond that the rest stays closed to this answer.
MOST_LISTS = 40

# A question to a channel needs that channel's own list, to know of guests; a question in private needs the lists of
# the private channels that the asker is thought to be in. A guest's public channels count as private ones.
STALE_HERE = """
SELECT c.platform, c.workspace, c.channel_id FROM channel c JOIN workspace USING (platform, workspace)
WHERE (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(id)s) AND c.hidden_at IS NULL
  AND coalesce(c.members_at < now() - make_interval(secs => %(after)s), true)
  AND (c.visibility <> 'public' OR c.shared OR EXISTS (
          SELECT FROM person p WHERE (p.platform, p.workspace) = (c.platform, c.workspace) AND p.active
          AND (p.kind IN ('guest', 'external') OR p.read_at IS NULL)))"""
STALE_OF_ASKER = """
SELECT c.platform, c.workspace, c.channel_id
FROM person p JOIN membership USING (person_pk) JOIN channel c USING (channel_pk)
JOIN workspace w ON (w.platform, w.workspace) = (c.platform, c.workspace)
WHERE (p.platform, p.workspace, p.person_id) = (%(platform)s, %(workspace)s, %(id)s)
  AND c.hidden_at IS NULL AND c.removed_at IS NULL
  AND (c.visibility = 'private' OR p.kind <> 'member' OR c.shared)
  AND coalesce(c.members_at < now() - make_interval(secs => %(after)s), true)
ORDER BY c.members_at DESC NULLS LAST LIMIT %(limit)s"""
STALE_PERSON = """
SELECT NOT EXISTS (
    SELECT FROM person p WHERE (p.platform, p.workspace, p.person_id) = (%(platform)s, %(workspace)s, %(id)s)
    AND p.read_at > now() - make_interval(secs => %(after)s))"""


class Freshness:
    """Asks the connected platforms who is who and who is where, as seldom as the promise allows."""

    def __init__(
        self,
        database: Database,
        access: Access,
        sources: Mapping[str, MembershipSource],
        *,
        first: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        """`first` waits until what a platform told of a workspace's readers is taken in."""
        self._first = first
        self._database = database
        self._access = access
        self._presence = Presence(database)
        self._sources = sources

    async def ensure(self, audience: Audience, asker: PersonRef | None) -> None:
        """Reads again what the scope of this question rests on. What cannot be read stays stale, and so closed."""
        wanted = audience.channel or asker
        source = self._sources.get(wanted.platform) if wanted is not None else None
        if wanted is None or source is None:
            return
        if self._first is not None:
            await self._first(wanted.platform, wanted.workspace)
        reads = [self._read_members(source, channel) for channel in await self._stale(audience, asker)]
        if asker is not None and await self._is_stale(asker):
            reads.insert(0, self._read_person(source, asker))
        await asyncio.gather(*reads)

    async def _stale(self, audience: Audience, asker: PersonRef | None) -> list[ChannelRef]:
        after = {"after": READ_AGAIN_SECONDS, "limit": MOST_LISTS}
        rows = []
        if audience.channel is not None:
            here = audience.channel
            row = {"platform": here.platform, "workspace": here.workspace, "id": here.channel_id}
            rows = await self._database.fetch(STALE_HERE, {**row, **after})
        elif asker is not None:
            row = {"platform": asker.platform, "workspace": asker.workspace, "id": asker.person_id}
            rows = await self._database.fetch(STALE_OF_ASKER, {**row, **after})
        return [ChannelRef(*row) for row in rows]

    async def _is_stale(self, person: PersonRef) -> bool:
        row = {"platform": person.platform, "workspace": person.workspace, "id": person.person_id}
        return bool((await self._database.fetch(STALE_PERSON, {**row, "after": READ_AGAIN_SECONDS}))[0][0])

    async def _read_members(self, source: MembershipSource, channel: ChannelRef) -> None:
        try:
            await self._access.read_members(channel, source.members)
        except ChannelUnreadable:
            await self._presence.hide(channel)
            log.warning("channel_unreadable", platform=channel.platform, channel_id=channel.channel_id)
        except SourceUnavailable as error:
            log.warning("members_stale", channel_id=channel.channel_id, error=type(error).__name__)

    async def _read_person(self, source: MembershipSource, person: PersonRef) -> None:
        try:
            await self._access.record_people([await source.person(person)], live=True)
        except KnowledgeError as error:
            log.warning("person_stale", person_id=person.person_id, error=type(error).__name__)
