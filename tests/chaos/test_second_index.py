"""The embedding model is changed, and whoever builds the second index is killed again and again (O2).

The old index answers until the new one is complete, the next start goes on, and no text is embedded again but those of
the batch that was under way.
"""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.embeddings import ModelEmbeddings
from knowledge.index import Index
from knowledge.indexer import FAMILIES_PER_BATCH, Indexer
from knowledge.lexical import term_ids
from knowledge.models import IndexModels
from knowledge.ranking import Switches
from knowledge.retriever import Search
from knowledge.scope import Audience
from tests.chaos.builder import SUCCESSOR
from tests.fakes.models import Mirrored, WordEmbedding
from tests.talk import START, described, said

REPOSITORY = Path(__file__).parents[2]
LOOKED_FOR = 12
# Where the process is killed: at which point, and how often it has been there before. A batch is done in between.
BEGIN, END = ("registering", 0), ("switching", 0)
AT_WORK = (("embedded", 1), ("replaced", FAMILIES_PER_BATCH + 2), ("claimed", 1))


def _places(text):
    return {term % WordEmbedding().dimension for term in term_ids(text)}


class Change:
    """Threads of one message each are indexed; another model is to take over."""

    def __init__(self, database, journal, count):
        self.database, self.journal = database, journal
        self.words = [f"zephyr{number}q" for number in range(count)]
        self.dice = random.Random(2)
        self.missed = 0
        self.models = IndexModels(database)
        at_hand = (ModelEmbeddings(WordEmbedding()), ModelEmbeddings(Mirrored(SUCCESSOR)))
        self.search = Search(Index(database), self.models, {one.name: one for one in at_hand})

    async def prepare(self):
        await Access(self.database).record_channels([described("general")])
        talk = [said(word, word, thread=word) for word in self.words]
        await Archive(self.database).record(talk)
        await Indexer(self.database, ModelEmbeddings(WordEmbedding())).drain()

    async def build(self, kind="sound", place=None, times=0):
        """A process builds until it has been so often at a place, and is killed there; or, without one, to the end."""
        command = [sys.executable, "-m", "tests.chaos.builder", self.database.url, str(self.journal), kind]
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, **pipes)
        seen = Counter()
        while line := (await process.stdout.readline()).decode().strip():
            seen[line] += 1
            if line == place and seen[line] > times:
                process.kill()
                break
            process.stdin.write(b"\n")
        await process.communicate()
        return seen

    async def look(self):
        """Counts which of some words are not found by meaning."""
        scope = await Access(self.database).scope_for(Audience(), None)
        for word in self.dice.sample(self._told_apart(), LOOKED_FOR):
            passages = await self.search.passages(word, scope, switches=Switches(lexical=False), limit=1)
            self.missed += [line.text for one in passages for line in one.lines] != [word]

    def _told_apart(self):
        """The words whose place in a vector is no other word's, nor that of what stands in each text."""
        taken = Counter(place for word in self.words for place in _places(word))
        taken.update(_places(f"#general, {START:%Y-%m-%d} quince"))
        return [word for word in self.words if all(taken[place] == 1 for place in _places(word))]

    @property
    def again(self):
        """How many texts were embedded more than once, counted each time."""
        embedded = Counter(self.journal.read_text().split())
        assert embedded.keys() <= set(self.words)
        return embedded.total() - len(embedded)

    async def state(self):
        """The models, and how many vectors each has."""
        return await self.database.fetch(
            "SELECT name, state, (SELECT count(*) FROM unit_vector v WHERE v.model_pk = m.model_pk) "
            "FROM embedding_model m WHERE state <> 'retired' ORDER BY model_pk"
        )


@pytest.fixture
async def change(database, tmp_path, size):
    one = Change(database, tmp_path / "journal", size(80, 2_000))
    await one.prepare()
    return one


@pytest.mark.timeout(1800)
async def test_whoever_builds_the_second_index_may_be_killed_anywhere(change, size, report):
    places = [BEGIN, *size(AT_WORK[:2], 6 * AT_WORK), END]
    for place, times in places:
        seen = await change.build("sound", place, times)
        assert seen[place] == times + 1
        ((name, state, _), *others) = await change.state()
        assert (name, state) == ("words", "active")
        assert [one[:2] for one in others] == ([] if place == "registering" else [(SUCCESSOR, "building")])
        await change.look()
    await change.build()
    assert await change.state() == [(SUCCESSOR, "active", len(change.words))]
    await change.look()
    again, allowed = change.again, sum(place in {"embedded", "replaced"} for place, _ in places) * FAMILIES_PER_BATCH
    report(
        "second_index", units=len(change.words), kills=len(places), missed=change.missed,
        embedded_again=again, in_flight=allowed,
    )  # fmt: skip
    assert change.missed == 0
    assert again <= allowed


async def test_switching_the_setting_first_would_be_caught(change):
    await change.build("switch-first", "embedded", 1)
    await change.look()
    assert change.missed > 0


async def test_beginning_anew_at_each_start_would_be_caught(change):
    await change.build("anew", "claimed", 2)
    await change.build("anew")
    assert change.again >= 2 * FAMILIES_PER_BATCH
