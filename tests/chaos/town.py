"""A house on a fake platform, and bots as processes of their own that come and go in it."""

import asyncio
from contextlib import asynccontextmanager

from tests.chaos.verdict import verdict
from tests.load.processes import environment
from tests.scenarios.shared.house import READ
from tests.scenarios.slack.talk import PATIENCE, WHY_KAFKA

OPEN = "SELECT count(*) FROM answer WHERE state IN ('waiting', 'posting')"
UNHANDLED = "SELECT count(*) FROM inbox WHERE finished_at IS NULL"
UNREAD = "SELECT (SELECT count(*) FROM dirty) + (SELECT count(*) FROM job WHERE state = 'running')"


class Town:
    """`house` is on a fake platform in this process. `start` starts a bot that finds it."""

    def __init__(self, house, nursery, database, redis_url, folder):
        self.house = house
        self._nursery = nursery
        self.database = database
        self._redis_url = redis_url
        self._folder = folder
        self._bots = []
        self.asked = []

    async def start(self, *mutants, lease=1.5, delay=0.0, database_url=None, **more):
        """A bot that is ready, with these mutants in it. `delay`: seconds for each word that its model says."""
        platform = getattr(self.house, self.house.platform)
        bot = await self._nursery.start(
            self._folder,
            environment=environment(
                platform,
                database_url or self.database.url,
                self._redis_url,
                THREADLORE_HOME=str(self._folder),
                **more,
            ),
            counter=str(self._folder / "generations"),
            delay=delay,
            mutants=mutants,
            lease=lease,
        )
        self._bots.append(bot)
        return bot

    async def learned(self):
        """The past is read, and nothing is left to do."""

        async def is_learned():
            read = {place for (place,) in await self.database.fetch(READ)}
            return self.house.places() <= read and not await self._count(UNREAD) and await self.is_idle()

        await self.house._until(is_learned)

    def ask(self, who=""):
        """One more question, unlike the others; the message that asks it."""
        asked = self.house.mention(f"{WHY_KAFKA} ({len(self.asked)})", who=who)
        self.asked.append(asked)
        return asked

    async def is_idle(self):
        return not await self._count(OPEN) and not await self._count(UNHANDLED)

    async def settled(self, seconds=PATIENCE):
        """Waits until every question has an answer that is no longer being written, and nothing is under way."""

        async def is_settled():
            answered = {one.asked for one in self.house.seen() if not one.is_working}
            return set(self.asked) <= answered and await self.is_idle()

        async with asyncio.timeout(seconds):
            await self.house._until(is_settled)

    def verdict(self):
        """The visible messages of the bot against the questions: one each. A sign left behind is no answer."""
        return verdict(self.asked, [one.asked for one in self.house.seen() if not one.is_working])

    def dangling(self):
        """Messages that still say that the bot is working."""
        return [one.id for one in self.house.seen() if one.is_working]

    async def end(self):
        for one in self._bots:
            await one.crash()

    async def _count(self, statement):
        return (await self.database.fetch(statement))[0][0]


@asynccontextmanager
async def town_of(house, nursery, database, redis_url, folder):
    town = Town(house, nursery, database, redis_url, folder)
    try:
        yield town
    finally:
        await town.end()
