"""Search terms are made anew where the rules for them have changed: the books agree, and a broken run goes on."""

import pytest

from knowledge import terms_anew
from knowledge.archive import Archive
from knowledge.database import connect
from knowledge.errors import SchemaMismatch
from knowledge.ledger import Ledger
from knowledge.lexical import TERM_RULES
from knowledge.migrate import migrate, prepare
from tests.talk import deleted, said

BOOKS = """
SELECT 'message', message_id, terms::text FROM message
UNION ALL SELECT 'term', term::text, df::text FROM term WHERE df <> 0
UNION ALL SELECT 'channel', channel_id, live_count || ' ' || term_count FROM channel ORDER BY 1, 2"""
TEXTS = ("Kafka outages were counted", "the press is booked", "outages of presses", "", "门封条换了")


async def books(url):
    async with connect(url) as connection:
        return await (await connection.execute(BOOKS)).fetchall()


@pytest.fixture
async def older(database, database_url, monkeypatch):
    """A base whose terms were made by older rules; and its books as they are by those of now."""
    archive = Archive(database)

    async def record():
        await archive.record([said(f"{number}", text) for number, text in enumerate(TEXTS)])
        await archive.record([deleted("1")])

    await record()
    now = await books(database_url)
    async with connect(database_url) as connection:
        await connection.execute("TRUNCATE message, term, dirty, unit CASCADE")
        await connection.execute("UPDATE channel SET live_count = 0, term_count = 0")
    with monkeypatch.context() as before:
        before.setattr("knowledge.lexical._stem", lambda word: word)
        await record()
    async with connect(database_url) as connection:
        await connection.execute("DELETE FROM dirty")
        await connection.execute("UPDATE term_rules SET version = 1")
    assert await books(database_url) != now
    return database_url, now


async def test_after_an_update_every_term_and_count_is_as_if_made_today(older):
    url, now = older
    with pytest.raises(SchemaMismatch, match="run `threadlore migrate`"):
        await prepare(url)
    await migrate(url)
    assert await books(url) == now
    await prepare(url)
    async with connect(url) as connection:
        families = await (await connection.execute("SELECT count(*) FROM dirty")).fetchone()
        rules = await (await connection.execute("SELECT version, upto FROM term_rules")).fetchone()
    assert families[0] > 0  # whose units are counted anew
    assert rules == (TERM_RULES, 0)


class Killed(Exception):
    pass


async def broken_off_and_run_again(url, monkeypatch, *, after):
    """The run is killed with its second batch written and not committed, and begun again."""
    monkeypatch.setattr(terms_anew, "BATCH", 2)
    sound, settled = Ledger.settle, []

    async def settle(ledger, connection):
        await sound(ledger, connection)
        settled.append(1)
        if len(settled) == after:
            raise Killed

    with monkeypatch.context() as once:
        once.setattr(Ledger, "settle", settle)
        with pytest.raises(Killed):
            await migrate(url)
    await migrate(url)


async def test_a_run_that_was_killed_goes_on_where_it_was(older, monkeypatch):
    url, now = older
    await broken_off_and_run_again(url, monkeypatch, after=2)
    assert await books(url) == now


async def test_books_that_are_written_apart_from_the_messages_would_be_caught(older, monkeypatch):
    url, now = older

    async def elsewhere(ledger, connection):
        pass

    monkeypatch.setattr(Ledger, "settle", elsewhere)
    await migrate(url)
    assert await books(url) != now
