"""Where the bot is: connected workspaces, the channels it keeps in step, and those it has lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from knowledge.database import Database
from knowledge.messages import ChannelRef, Visibility

CONNECT = """
INSERT INTO workspace AS w (platform, workspace, name) VALUES (%(platform)s, %(workspace)s, %(name)s)
ON CONFLICT (platform, workspace) DO UPDATE SET name = EXCLUDED.name
RETURNING seen_until"""
SEEN = """
UPDATE workspace SET seen_until = greatest(seen_until, now())
WHERE (platform, workspace) = (%(platform)s, %(workspace)s)"""

# What was erased because it had been closed for long may be learnt again; what was forgotten on order has no
# hidden_at. Where the order to read got lost, it is still to be read.
JOIN = """
UPDATE channel c SET joined_at = coalesce(joined_at, now()), hidden_at = NULL, removed_at = NULL
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s)
    AND (removed_at IS NULL OR hidden_at IS NOT NULL)
RETURNING joined_at = now(), NOT EXISTS (
    SELECT FROM job j WHERE j.channel_pk = c.channel_pk AND j.kind = 'backfill' AND j.created_at >= c.joined_at)"""
IS_HIDDEN = """
SELECT 1 FROM channel WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s)
AND hidden_at IS NOT NULL"""
IS_JOINED = """
SELECT 1 FROM channel WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s)
AND joined_at IS NOT NULL AND removed_at IS NULL"""
REOPEN = """
UPDATE channel c SET removed_at = NULL, hidden_at = NULL, joined_at = now()
FROM workspace w WHERE (w.platform, w.workspace) = (c.platform, c.workspace) AND c.removed_at IS NOT NULL
AND (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(id)s)"""
HIDE = """
UPDATE channel SET hidden_at = coalesce(hidden_at, now()), joined_at = NULL, members_at = NULL,
    readers_seq = readers_seq + 1, archived = archived OR %(archived)s
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s) AND removed_at IS NULL"""
UNSETTLE = """
UPDATE channel SET members_at = NULL, readers_seq = readers_seq + 1
WHERE (platform, workspace) = (%(platform)s, %(workspace)s)"""
RENAME = """
UPDATE channel SET name = %(name)s WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s)"""
RENUMBER = """
UPDATE channel SET channel_id = %(new)s WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s)
AND NOT EXISTS (SELECT FROM channel c WHERE (c.platform, c.workspace, c.channel_id) =
                                            (%(platform)s, %(workspace)s, %(new)s))"""
RENUMBER_CONFIG = """
UPDATE channel_config SET channel_id = %(new)s
WHERE (platform, workspace, channel_id) = (%(platform)s, %(workspace)s, %(id)s)
AND NOT EXISTS (SELECT FROM channel_config c WHERE (c.platform, c.workspace, c.channel_id) =
                                                   (%(platform)s, %(workspace)s, %(new)s))"""
JOINED = """
SELECT platform, workspace, channel_id, name, visibility FROM channel
WHERE (platform, workspace) = (%(platform)s, %(workspace)s) AND joined_at IS NOT NULL AND removed_at IS NULL
ORDER BY (SELECT max(posted_at) FROM message m WHERE m.channel_pk = channel.channel_pk) DESC NULLS LAST"""
HIDDEN_LONG = """
SELECT platform, workspace, channel_id FROM channel
WHERE hidden_at < now() - make_interval(hours => %(hours)s) AND removed_at IS NULL AND NOT archived"""
LATEST = """
SELECT max(m.posted_at) FROM message m JOIN channel c USING (channel_pk)
WHERE (c.platform, c.workspace, c.channel_id) = (%(platform)s, %(workspace)s, %(id)s)"""

NOTED = "SELECT value FROM platform_note WHERE (platform, name) = (%(platform)s, %(name)s)"
NOTE = """
INSERT INTO platform_note (platform, name, value) VALUES (%(platform)s, %(name)s, %(value)s)
ON CONFLICT (platform, name) DO UPDATE SET value = EXCLUDED.value"""


class Joining(NamedTuple):
    """Whether the bot was not in the channel before, and whether nobody has ordered to read its past since."""

    is_new: bool
    is_unread: bool


@dataclass(frozen=True, slots=True)
class JoinedChannel:
    """A channel that the bot keeps in step."""

    ref: ChannelRef
    name: str
    visibility: Visibility


class Presence:
    """The tables of connected workspaces and joined channels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def connect(self, platform: str, workspace: str, name: str) -> datetime | None:
        """A workspace is connected from now on. Returns until when its events were received before, if ever."""
        row = {"platform": platform, "workspace": workspace, "name": name}
        until: datetime | None = (await self._database.fetch(CONNECT, row))[0][0]
        return until

    async def seen(self, platform: str, workspace: str) -> None:
        """Everything up to now has been received."""
        await self._database.execute(SEEN, {"platform": platform, "workspace": workspace})

    async def join(self, channel: ChannelRef) -> Joining:
        """The bot is in a channel. One that an admin made it forget stays closed."""
        rows = await self._database.fetch(JOIN, _row(channel))
        return Joining(*rows[0]) if rows else Joining(is_new=False, is_unread=False)

    async def is_hidden(self, channel: ChannelRef) -> bool:
        """Whether a channel was closed that the bot was in."""
        return bool(await self._database.fetch(IS_HIDDEN, _row(channel)))

    async def is_joined(self, channel: ChannelRef) -> bool:
        """Whether the bot keeps a channel in step."""
        return bool(await self._database.fetch(IS_JOINED, _row(channel)))

    async def reopen(self, channel: ChannelRef) -> bool:
        """Takes back that a channel of a connected workspace was forgotten on order. False: it was not."""
        return await self._database.execute(REOPEN, _row(channel)) == 1

    async def hide(self, channel: ChannelRef, *, archived: bool = False) -> None:
        """Closes a channel to every answer at once."""
        await self._database.execute(HIDE, {**_row(channel), "archived": archived})

    async def unsettle(self, platform: str, workspace: str) -> None:
        """Events may have been missed: no list of members proves anything until it is read again."""
        await self._database.execute(UNSETTLE, {"platform": platform, "workspace": workspace})

    async def rename(self, channel: ChannelRef, name: str) -> None:
        """A channel has another name."""
        await self._database.execute(RENAME, {**_row(channel), "name": name})

    async def renumber(self, channel: ChannelRef, new_id: str) -> None:
        """The platform keeps a channel under another id. If that id is known already, the old one is closed."""
        row = {**_row(channel), "new": new_id}
        async with self._database.transaction() as connection:
            await connection.execute(RENUMBER_CONFIG, row)
            moved = await connection.execute(RENUMBER, row)
            if moved.rowcount == 0:
                await connection.execute(HIDE, {**row, "archived": False})

    async def joined(self, platform: str, workspace: str) -> list[JoinedChannel]:
        """The channels that are kept in step, the liveliest first."""
        rows = await self._database.fetch(JOINED, {"platform": platform, "workspace": workspace})
        return [JoinedChannel(ChannelRef(*row[:3]), row[3], Visibility(row[4])) for row in rows]

    async def hidden_for(self, hours: int) -> Sequence[ChannelRef]:
        """Channels that have been closed for so long, and not because they were archived."""
        return [ChannelRef(*row) for row in await self._database.fetch(HIDDEN_LONG, {"hours": hours})]

    async def noted(self, platform: str, name: str) -> str:
        """What an adapter noted under that name in an earlier run, or ""."""
        rows = await self._database.fetch(NOTED, {"platform": platform, "name": name})
        return str(rows[0][0]) if rows else ""

    async def note(self, platform: str, name: str, value: str) -> None:
        """Keeps a note from run to run."""
        await self._database.execute(NOTE, {"platform": platform, "name": name, "value": value})

    async def latest(self, channel: ChannelRef) -> datetime | None:
        """When the latest message that is kept of a channel was posted."""
        at: datetime | None = (await self._database.fetch(LATEST, _row(channel)))[0][0]
        return at


def _row(channel: ChannelRef) -> dict[str, object]:
    return {"platform": channel.platform, "workspace": channel.workspace, "id": channel.channel_id}
