"""What a scenario needs of a platform: people, channels, words, and what the bot says. One house for each platform.

A scenario of this folder is written once and played on every platform; nothing in it names one.
"""

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

from bot.timing import until_back
from knowledge.errors import KnowledgeUnavailable
from tests.scenarios.slack.talk import KAFKA, PATIENCE, best_source

WORKING = "⏳"
READ = """
SELECT c.channel_id FROM channel c JOIN job j USING (channel_pk)
WHERE j.kind = 'backfill' AND j.state <> 'running' AND c.hidden_at IS NULL"""
"""The channels whose past was read to its end."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the bot as somebody sees it: `text` with its sources, `actions` of its buttons by name.

    `asked`: the message that it answers. `only_for`: the one person who sees it, or None.
    """

    id: str
    text: str
    asked: str | None
    actions: tuple[str, ...] = ()
    only_for: str | None = None
    is_working: bool = False
    raw: object = field(default=None, compare=False, repr=False)


class House:
    """People, the public channel #harvest with one decision in its past, and the bot, when it runs.

    Every platform fills in what it alone knows; `bot`, waiting and reading of answers are the same.
    """

    platform = ""
    whispers: bool
    """Whether one person alone can be told something in a channel, without a command of theirs."""
    longest: int
    """Characters of the longest message there is."""

    def __init__(self, start) -> None:
        self._start = start
        self.app = None
        self._is_unnoticed = False
        self.quince, self.tamarind, self.sorrel = (self.add_person(name) for name in ("quince", "tamarind", "sorrel"))
        self.medlar = self.add_person("medlar", admin=True)
        self.harvest = self.add_channel("harvest")
        [self.decision] = self.seed(self.harvest, [(self.tamarind, KAFKA)])

    @asynccontextmanager
    async def bot(self, script=best_source, *, learned=True, **more):
        """The bot runs, and knows the past."""
        async with self._start(script, **more) as self.app:
            if learned:
                await self.learned()
            yield self.app

    async def learned(self) -> None:
        """Waits until the bot has read what was written in every channel that it is in."""
        await self._until(self._has_learned)

    async def settled(self) -> None:
        """Waits until everything so far is handled and answered: nothing more comes of it."""
        await self.delivered()
        await self._until(self._is_idle)

    async def appears(self, text: str, asked: str | None = None, **where) -> Said:
        """The first message of the bot that holds this text, as soon as there is one; in answer to one, if given."""

        async def found():
            said = (one for one in self.seen(**where) if asked in {None, one.asked})
            return next((one for one in said if text in one.text), None)

        return await self._until(found)

    async def answers(self, asked: str | None = None, **where) -> list[Said]:
        """What the bot says when all is settled; in answer to one message, if given."""
        await self.settled()
        return [one for one in self.seen(**where) if asked is None or one.asked == asked]

    async def answer(self, asked: str | None = None, **where) -> Said:
        """The bot's only message there, when all is settled."""
        found = await self.answers(asked, **where)
        assert len(found) == 1, [one.text for one in found]
        return found[0]

    async def happens(self, fault) -> None:
        """Waits until a fault made with `fail` holds the bot up."""
        await asyncio.wait_for(fault.reached.wait(), PATIENCE)

    @property
    def prompts(self) -> list[str]:
        """What the model was asked, question by question."""
        return self.app.chat.model.prompts

    @contextmanager
    def unnoticed(self):
        """What happens inside is told to nobody, as if the bot had been away."""
        self._is_unnoticed = True
        try:
            yield
        finally:
            self._is_unnoticed = False

    def shown_to(self, word: str) -> set[str]:
        """Everybody whom the bot ever showed a word, whether it still stands there or not."""
        payloads = self.payloads()
        return set().union(*(who for text, who in payloads if word in text))

    def sees(self, person: str) -> list[str]:
        """Everything of the bot that somebody sees now, wherever it stands."""
        return [one.text for place in self.rooms(person) for one in self.seen(where=place, viewer=person)]

    async def rows(self, statement: str, **values) -> list[tuple]:
        """Read through the bot's own pool, which may take a second to find a database that is back."""
        return await until_back(lambda: self.app.admin.database.fetch(statement, values))

    async def _has_learned(self) -> bool:
        status = await self.app.admin.status()
        read = {place for (place,) in await self.rows(READ)}
        if not self.places() <= read or status.waiting or any(job.state == "running" for job in status.jobs):
            return False
        return await self._is_idle()

    async def _is_idle(self) -> bool:
        if await self.app.inbox.waiting() or await self.app.desk.answers.outbox.waiting():
            return False
        return not (self.app.inbox._pool._running or self.app.answering._pool._running)

    @staticmethod
    async def _until(condition):
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(KnowledgeUnavailable):
                    if value := await condition():
                        return value
                await asyncio.sleep(0.03)
