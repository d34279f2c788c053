"""A question waits for what was told before it of who may read what: its scope must not be older than that."""

import asyncio
from collections.abc import Collection, Mapping

from bot.errors import ReadersUnsettled
from knowledge.database import Database

WAIT_SECONDS = 10.0
LOOK_SECONDS = 0.05

LATEST = "SELECT coalesce(max(inbox_pk), 0) FROM inbox"
OPEN = """
SELECT EXISTS (SELECT FROM inbox WHERE finished_at IS NULL AND inbox_pk <= %(latest)s
    AND (platform, workspace) = (%(platform)s, %(workspace)s) AND kind = ANY(%(kinds)s))"""


class ReadersFirst:
    """`kinds`: of each platform, the kinds of deliveries in the inbox that tell who may read what."""

    def __init__(self, database: Database, kinds: Mapping[str, Collection[str]]) -> None:
        self._database = database
        self._kinds = {platform: sorted(some) for platform, some in kinds.items() if some}

    async def wait(self, platform: str, workspace: str) -> None:
        """Returns when all that had come in by now is taken in. Errors: `ReadersUnsettled` after `WAIT_SECONDS`."""
        kinds = self._kinds.get(platform)
        if kinds is None:
            return
        [(latest,)] = await self._database.fetch(LATEST)
        row = {"latest": latest, "platform": platform, "workspace": workspace, "kinds": kinds}
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while (await self._database.fetch(OPEN, row))[0][0]:
            if asyncio.get_running_loop().time() > deadline:
                raise ReadersUnsettled
            await asyncio.sleep(LOOK_SECONDS)
