"""What is deleted is forgotten everywhere (R9): no table, no key and no line of the log holds a word of it any more."""

import time

import pytest

from bot import wiring
from bot.memory import open_redis
from bot.retraction import Retraction
from bot.telemetry import setup_logging
from knowledge import archive
from knowledge.lexical import term_ids
from tests.load.processes import UNLIMITED
from tests.scenarios.slack.scene import every_source

GONE_SECONDS = 60.0
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname <> 'term' ORDER BY 1"""
# Of a term only a number is kept, and how many live messages have it.
LIVE_TERMS = "SELECT count(*) FROM term WHERE term = ANY(%(terms)s) AND df > 0"
UNITS = """
SELECT (SELECT count(*) FROM message WHERE NOT deleted AND terms && %(terms)s)
    + (SELECT count(*) FROM unit_line JOIN message USING (message_pk) WHERE deleted)
    + (SELECT count(*) FROM unit_vector LEFT JOIN unit USING (unit_pk) WHERE unit.unit_pk IS NULL)"""


async def dump(app, redis_url):
    """Every byte of every table, as a dump of the database has it, and of every Redis key; by where it is."""
    found = {}
    async with app.admin.database.transaction() as connection:
        for (table,) in await (await connection.execute(TABLES)).fetchall():
            async with connection.cursor().copy(f'COPY (SELECT * FROM "{table}") TO STDOUT') as copy:
                found[table] = b"".join([bytes(part) async for part in copy])
    async with open_redis(redis_url) as client:
        for key in await client.keys("*"):
            parts = [key, await client.dump(key) or b""]
            if await client.type(key) == b"list":  # the dump is compressed
                parts += await client.lrange(key, 0, -1)
            found[f"redis {key.decode()}"] = b"".join(parts)
    return found


async def holding(app, redis_url, words):
    """Which places hold which of these words."""
    places = await dump(app, redis_url)
    held = {place: [word for word in words if word.encode() in text] for place, text in places.items()}
    terms = [term for word in words for term in term_ids(word)]
    for place, statement in (("term", LIVE_TERMS), ("unit", UNITS)):
        [(count,)] = await app.admin.database.fetch(statement, {"terms": terms})
        held[place] = words[:count]
    return {place: found for place, found in held.items() if found}


async def deleted_after_answers(house, redis_url, count):
    """Canaries are said, answered with and deleted. Returns where they were and where they are left, and the seconds.

    A third was edited before, a third stands in threads.
    """
    words = [f"zephyrine{number}q" for number in range(count)]
    async with house.bot(every_source, limits=UNLIMITED) as app:
        said = []
        for number, word in enumerate(words):
            text = f"the {word} lies under stone {number}"
            if number % 3 == 0:
                said.append(house.say_in_thread(house.decision, text, who=house.tamarind))
            else:
                said.append(house.say("soon" if number % 3 == 1 else text, who=house.tamarind))
            if number % 3 == 1:
                house.edit(said[-1], text)
        await house.learned()
        for number in range(count):
            house.mention(f"what lies under stone {number}?")
            await house.settled()
        before = await holding(app, redis_url, words)
        began = time.monotonic()
        for one in said:
            house.delete(one)
        await house.settled()
        left = await holding(app, redis_url, words)
        if shown := [one.text for one in house.seen() if "zephyrine" in one.text]:
            left["shown"] = shown
        return before, left, time.monotonic() - began


@pytest.mark.timeout(3600)
async def test_nothing_holds_a_word_of_what_was_deleted(house, servers, monkeypatch, capsys, size, report):
    monkeypatch.setattr(wiring, "setup_logging", lambda _level: setup_logging("DEBUG"))
    canaries = size(12, 200)
    before, left, seconds = await deleted_after_answers(house, servers[1], canaries)
    log = "".join(capsys.readouterr())
    report("forgotten", platform=house.platform, canaries=canaries, seconds=round(seconds, 2), left=len(left))
    assert {"message", "term"} <= before.keys()
    assert any(place.startswith("redis") for place in before)
    assert left == {}
    assert "answer_shown" in log
    assert "zephyrine" not in log
    assert seconds <= GONE_SECONDS


async def test_a_forgotten_sink_would_be_caught(house, servers, monkeypatch):
    async def outdate(_retraction, _keys):
        pass

    monkeypatch.setattr(Retraction, "outdate", outdate)
    _, left, _ = await deleted_after_answers(house, servers[1], 2)
    assert any(place.startswith("redis") for place in left)


async def test_a_mark_in_place_of_a_deletion_would_be_caught(house, servers, database, monkeypatch):
    await database.execute("ALTER TABLE message DROP CONSTRAINT message_check")
    flag = "deleted = true, edited_ts = 'Infinity'"
    tombstone = archive.TOMBSTONE
    begin, end = tombstone.index("deleted = true,"), tombstone.index("edited_ts = 'Infinity'") + 22
    monkeypatch.setattr(archive, "TOMBSTONE", tombstone[:begin] + flag + tombstone[end:])
    _, left, _ = await deleted_after_answers(house, servers[1], 2)
    assert "message" in left
