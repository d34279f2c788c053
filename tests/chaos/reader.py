"""A process that reads one channel's past, to be killed: `python -m tests.chaos.reader URL sound|cursor-first`.

It prints a line for each page that it has committed.
"""

import asyncio
import sys

from knowledge.archive import Archive
from knowledge.backfill import Backfill
from knowledge.database import Database
from tests.fakes.history import FakeHistory
from tests.talk import said

MESSAGES = 5_000
PAGE = 100
WHERE = "general"


class Sound(Archive):
    async def record(self, changes, *, then=None):
        recorded = await super().record(changes, then=then)
        print("page", flush=True)
        return recorded


class CursorFirst(Archive):
    """The mutant: where to go on is committed before the page."""

    async def record(self, changes, *, then=None):
        await super().record([], then=then)
        recorded = await super().record(changes)
        print("page", flush=True)
        return recorded


def history():
    """The same at each call: after every twentieth message of open talk, four replies to it."""
    changes = []
    while len(changes) < MESSAGES:
        number = len(changes)
        root, minute = f"m{number}", float(number)
        thread = root if number % 24 == 19 else None
        changes.append(said(root, f"words about {number}", minute=minute, thread=thread))
        if thread:
            changes += [
                said(f"{root}-{reply}", f"answer {reply} to {number}", minute=minute + reply / 10, thread=root)
                for reply in range(1, 5)
            ]
    return FakeHistory(*changes[:MESSAGES], page_size=PAGE)


async def main(url, kind):
    archive_of = {"sound": Sound, "cursor-first": CursorFirst}[kind]
    async with Database(url, size=3) as database:
        sources = {"test": history()}
        await Backfill(database, archive_of(database), sources, lease_seconds=0.3, workers=1, idle_seconds=0.02).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
