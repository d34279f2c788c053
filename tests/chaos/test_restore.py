"""After a restore nothing is served that was deleted since the backup; after the sweep, what stands is answered."""

from datetime import timedelta

import pytest

import adapters.discord.history
import adapters.slack.history
from bot.errors import BotError, KnowledgeRestored
from bot.wiring import open_app
from knowledge import access, quarantine, reading
from knowledge.backup import back_up, contents_of, put_back
from knowledge.database import connect, environment_of
from knowledge.errors import BackupFailed
from knowledge.postgres_programs import programs_for
from tests.fakes.models import WordEmbedding, scripted
from tests.scenarios.conftest import ask
from tests.scenarios.slack.scene import eventually, every_source

SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
BY_PLATFORM, BY_ORDER, STANDING = range(10), range(10, 20), range(20, 24)


def word(number, salt):
    """A word that nobody else says."""
    count = len(SYLLABLES)
    return salt + SYLLABLES[number % count] + SYLLABLES[number // count % count] + SYLLABLES[number % 7]


def cask(number):
    return f"The {word(number, 'bar')} cask was filled with {word(number, 'wine')} in autumn"


def question(number):
    return f"what was the {word(number, 'bar')} cask filled with?"


class Cellar:
    """A house with a channel about so many casks."""

    def __init__(self, house, casks):
        self.house = house
        self.casks = house.seed(house.harvest, [(house.tamarind, cask(number)) for number in range(casks)])

    async def forget_some(self):
        for number in BY_PLATFORM:
            self.house.delete(self.casks[number])
        await self.house.settled()
        for number in BY_ORDER:
            assert await self.house.app.admin.forget_message(self.casks[number]) == 1


async def served(app, numbers):
    """Which casks are told of when everybody's friend, the operator, asks for them."""
    found = []
    for number in numbers:
        try:
            answer, text = await ask(app, question(number), conversation="")
        except BotError:
            continue
        shown = [answer.text, text, *(one.quote for one in answer.citations), *(line.text for line in answer.nearest)]
        if any(word(number, "wine") in one for one in shown):
            found.append(number)
    return found


@pytest.fixture(autouse=True)
def settled_soon(monkeypatch):
    """What is so young that the platform may not list it yet is two seconds old, not ninety."""
    for module in (adapters.discord.history, adapters.slack.history):
        monkeypatch.setattr(module, "UNSETTLED", timedelta(seconds=1))
    for module in (quarantine, reading):
        monkeypatch.setattr(module, "SETTLED_SECONDS", 2.0)
    monkeypatch.setattr("bot.restored.LOOK_SECONDS", 0.2)


@pytest.fixture
def cellar(house, size):
    return Cellar(house, size(120, 2_000))


@pytest.fixture
def dump(tmp_path):
    return tmp_path / "threadlore.dump"


@pytest.fixture
def waking(house, request):
    """The application as it is right after its start, before anything has run."""
    settings = request.getfixturevalue(f"{house.platform}_settings")

    def wake():
        given = settings(getattr(house, house.platform))
        return open_app(given, model=scripted(every_source), embedder=WordEmbedding())

    return wake


async def backed_up_then_forgotten(cellar, url, dump):
    async with cellar.house.bot(every_source) as app:
        await app.indexer.drain()
        assert await served(app, (*BY_PLATFORM[::3], *BY_ORDER[::3])) == [*BY_PLATFORM[::3], *BY_ORDER[::3]]
        await back_up(url, dump, on_progress=lambda _: None)
        await cellar.forget_some()
        assert await served(app, (*BY_PLATFORM, *BY_ORDER)) == []


async def restored(url, dump):
    await put_back(url, dump, await contents_of(url, dump), on_progress=lambda _: None)


async def restored_by_hand(url, dump):
    programs = await programs_for(url)
    name = environment_of(url)["PGDATABASE"]
    process = programs.start("pg_restore", "--clean", "--if-exists", "--no-owner", f"--dbname={name}", str(dump))
    _, complaint = process.communicate()
    # It stumbles over indexes of partitions, and goes on: they go with their table.
    assert b"errors ignored on restore: 1" in complaint, complaint


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("house", "restore"),
    [("slack", restored), ("slack", restored_by_hand), ("discord", restored)],
    indirect=["house"],
)
async def test_what_was_deleted_after_the_backup_is_never_served(cellar, database_url, dump, waking, restore, report):
    await backed_up_then_forgotten(cellar, database_url, dump)
    await restore(database_url, dump)
    async with waking() as app:
        assert await served(app, (*BY_PLATFORM, *BY_ORDER, *STANDING)) == []
        with pytest.raises(KnowledgeRestored):
            await ask(app, question(STANDING[0]))
        assert (await app.admin.status()).is_closed
    async with cellar.house.bot(every_source, learned=False) as app:
        asked = 0

        async def is_open():
            nonlocal asked
            asked += 1
            assert await served(app, (*BY_PLATFORM, *BY_ORDER)) == []
            return not (await app.admin.status()).quarantined

        await eventually(is_open)
        await app.indexer.drain()
        assert await served(app, (*BY_PLATFORM, *BY_ORDER)) == []
        assert await served(app, STANDING) == list(STANDING)
        report(
            "restore", platform=cellar.house.platform, casks=len(cellar.casks), deleted=20, asked=asked * 20, served=0
        )


@pytest.mark.timeout(1800)
async def test_a_restored_bot_that_starts_ready_serves_what_was_deleted(
    cellar, database_url, dump, waking, monkeypatch
):
    await backed_up_then_forgotten(cellar, database_url, dump)
    await restored(database_url, dump)
    monkeypatch.setattr(access, "CHANNEL_FACTS", access._CHANNEL_FACTS + "true")
    async with waking() as app:
        assert set(await served(app, (*BY_PLATFORM, *BY_ORDER))) == set(BY_PLATFORM)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("house", ["slack"], indirect=True)
async def test_a_restore_that_knows_no_orders_learns_again_what_was_forgotten(
    cellar, database_url, dump, waking, monkeypatch
):
    await backed_up_then_forgotten(cellar, database_url, dump)
    await restored(database_url, dump)
    monkeypatch.setattr("bot.wiring.FORGET_LOG", str(dump.with_name("lost.log")))
    async with cellar.house.bot(every_source, learned=False) as app:

        async def is_open():
            return not (await app.admin.status()).quarantined

        await eventually(is_open)
        await app.indexer.drain()
        assert await served(app, (*BY_PLATFORM, *BY_ORDER)) == list(BY_ORDER)


@pytest.mark.parametrize("house", ["slack"], indirect=True)
async def test_half_a_backup_is_not_put_back(cellar, database_url, dump):
    async with cellar.house.bot(every_source):
        await back_up(database_url, dump, on_progress=lambda _: None)
    contents = await contents_of(database_url, dump)
    whole = dump.read_bytes()
    dump.write_bytes(whole[: len(whole) // 2])
    async with connect(database_url) as connection:
        await connection.execute("UPDATE channel SET name = 'apple'")
        with pytest.raises(BackupFailed, match="the database is as it was"):
            await put_back(database_url, dump, contents, on_progress=lambda _: None)
        with pytest.raises(BackupFailed):
            await contents_of(database_url, dump)
        rows = await (await connection.execute("SELECT DISTINCT name FROM channel")).fetchall()
        assert rows == [("apple",)]
