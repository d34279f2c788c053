"""A process that builds a second index, to be killed: `python -m tests.chaos.builder URL JOURNAL KIND`.

It says by line where it is, and goes on when it is told to. What it embeds it writes into the journal, a text a line.
Kind: "sound", or one of the mutants "switch-first" and "anew".
"""

import asyncio
import os
import sys

from knowledge import indexer as works
from knowledge import models
from knowledge.database import Database, _Connection
from knowledge.embeddings import ModelEmbeddings
from knowledge.indexer import Indexer
from knowledge.models import IndexModels
from knowledge.unit_table import UnitTable
from tests.fakes.models import Mirrored

SUCCESSOR = "successor"
LEASE_SECONDS = 0.5
POINTS = {models.UNMARKED_FAMILIES: "registering", models.ACTIVATE: "switching"}
"""Both before the transaction is committed."""
EVERYTHING = """
INSERT INTO dirty (channel_pk, family, full_rebuild) SELECT DISTINCT channel_pk, family, true FROM unit
ON CONFLICT (channel_pk, family) DO UPDATE SET full_rebuild = true"""


class Journalling(Mirrored):
    def __init__(self, journal, point):
        super().__init__(SUCCESSOR)
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._point = point

    async def embed_passages(self, texts):
        await self._point("claimed")
        os.write(self._journal, "".join(f"{text.rpartition(' ')[2]}\n" for text in texts).encode())
        vectors = await super().embed_passages(texts)
        await self._point("embedded")
        return vectors


def watched(point):
    """Says where it is in the middle of transactions, and after each family."""
    execute, replace = _Connection.execute, UnitTable.replace

    async def executed(connection, query, *arguments, **options):
        cursor = await execute(connection, query, *arguments, **options)
        if isinstance(query, str) and query in POINTS:
            await point(POINTS[query])
        return cursor

    async def replaced(table, *arguments):
        await replace(table, *arguments)
        await point("replaced")

    _Connection.execute, UnitTable.replace = executed, replaced


async def asker():
    """What says where the process is, and waits for a line."""
    told = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)

    async def point(name):
        print(name, flush=True)
        await told.readline()

    return point


async def main(url, journal, kind):
    works.LEASE_SECONDS = LEASE_SECONDS
    point = await asker()
    watched(point)
    async with Database(url, size=3) as database:
        indexer, index_models = Indexer(database, ModelEmbeddings(Journalling(journal, point))), IndexModels(database)
        model = await indexer.register()
        if kind == "switch-first":
            models.MISSING_UNITS = "SELECT 0"
            await index_models.switch_when_complete(model)
        if kind == "anew":
            await database.execute(EVERYTHING)
        while await indexer.index_batch() or await indexer.waiting():
            await asyncio.sleep(0.01)
        await point((await index_models.active()).name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
