"""Counting reactions, and what runs in the transaction of a batch, on a real PostgreSQL."""

import asyncio

import pytest

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.messages import MessageRef
from tests.talk import channel, deleted, described, said

REF = MessageRef(channel("general"), "1")


@pytest.fixture
async def archive(database):
    await Access(database).record_channels([described("general"), described("random")])
    made = Archive(database)
    await made.record([said("1", "we drop Kafka"), said("1", "elsewhere", where="random")])
    await database.execute("DELETE FROM dirty")
    return made


async def reactions(database):
    rows = await database.fetch(
        "SELECT reactions FROM message JOIN channel USING (channel_pk) WHERE channel_id = 'general'"
    )
    return rows[0][0]


async def test_reactions_add_up(database, archive):
    for emoji, delta in [("tada", 1), ("tada", 1), ("eyes", 1), ("tada", -1), ("wave", 3)]:
        await archive.react(REF, emoji, delta)
    assert await reactions(database) == {"tada": 1, "eyes": 1, "wave": 3}
    assert await database.fetch("SELECT reactions FROM message WHERE body = 'elsewhere'") == [({},)]


async def test_no_count_falls_below_zero_and_none_is_kept_at_zero(database, archive):
    await archive.react(REF, "tada", -1)
    assert await reactions(database) == {}
    await archive.react(REF, "tada", 1)
    await archive.react(REF, "tada", -5)
    assert await reactions(database) == {}


@pytest.mark.parametrize("emoji", ["", "'", "a\0b", "\ud83d", "0", "%s", "{}", "x" * 5000, "+1"])
async def test_any_emoji_name_is_taken(database, archive, emoji):
    await archive.react(REF, emoji, 1)
    assert list((await reactions(database)).values()) == [1]
    await archive.react(REF, emoji, -1)
    assert await reactions(database) == {}


async def test_a_reaction_changes_neither_the_text_nor_the_index(database, archive):
    query = "SELECT rev, edited_ts, event_ts, content_hash FROM message ORDER BY message_pk"
    before = await database.fetch(query)
    await archive.react(REF, "tada", 1)
    assert await database.fetch(query) == before
    assert await database.fetch("SELECT * FROM dirty") == []


async def test_reactions_to_unknown_or_deleted_messages_are_dropped(database, archive):
    await archive.record([deleted("1")])
    await archive.react(REF, "tada", 1)
    await archive.react(MessageRef(channel("nowhere"), "1"), "tada", 1)
    await archive.react(MessageRef(channel("general"), "2"), "tada", 1)
    assert await reactions(database) == {}
    assert await database.fetch("SELECT count(*) FROM message") == [(2,)]


async def test_reactions_at_once_are_all_counted(database, archive):
    await asyncio.gather(*(archive.react(REF, "tada", 1) for _ in range(12)))
    assert await reactions(database) == {"tada": 12}


async def note(connection):
    await connection.execute(
        "INSERT INTO audit (platform, workspace, person_id, action, allowed) "
        "VALUES ('test', 'tidepool', 'quince', 'noted', true)"
    )


async def refuse(connection):
    await note(connection)
    raise LookupError


async def noted(database):
    return (await database.fetch("SELECT count(*) FROM audit"))[0][0]


@pytest.mark.parametrize("changes", [[], [said("2", "more")]])
async def test_what_comes_then_is_in_the_same_transaction(database, archive, changes):
    await archive.record(changes, then=note)
    assert await noted(database) == 1
    assert await database.fetch("SELECT count(*) FROM message") == [(2 + len(changes),)]


@pytest.mark.parametrize("changes", [[], [said("2", "more")]])
async def test_what_fails_then_takes_the_changes_back(database, archive, changes):
    with pytest.raises(LookupError):
        await archive.record(changes, then=refuse)
    assert await noted(database) == 0
    assert await database.fetch("SELECT count(*) FROM message") == [(2,)]
    assert await database.fetch("SELECT * FROM dirty") == []
