"""Where the bot is, where it was, and what it may come back to; on a real PostgreSQL."""

import pytest

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.forget import Eraser
from knowledge.jobs import Jobs
from knowledge.messages import Visibility
from knowledge.presence import Presence
from knowledge.scope import Audience
from tests.talk import WORKSPACE, channel, deleted, described, said

GENERAL, BOARD = channel("general"), channel("board")


@pytest.fixture
async def presence(database):
    await Access(database).record_channels([described("general"), described("board", Visibility.PRIVATE)])
    return Presence(database)


@pytest.fixture
def eraser(database):
    return Eraser(database, Archive(database))


async def names(database):
    """The channels that an answer may draw from."""
    return set((await Access(database).scope_for(Audience(), None)).channel_names)


async def joined(presence):
    return [one.ref.channel_id for one in await presence.joined("test", WORKSPACE)]


async def test_until_when_a_workspace_was_heard_is_known_when_it_is_connected_again(database, presence):
    assert await presence.connect("test", WORKSPACE, "Tidepool") is None
    await presence.seen("test", WORKSPACE)
    until = await presence.connect("test", WORKSPACE, "Tidepool")
    assert until is not None
    await database.execute("UPDATE workspace SET seen_until = now() + interval '1 hour'")
    ahead = await presence.connect("test", WORKSPACE, "Tidepool")
    await presence.seen("test", WORKSPACE)
    assert await presence.connect("test", WORKSPACE, "Tidepool") == ahead
    assert await presence.connect("test", "lagoon", "Lagoon") is None
    await presence.seen("test", "nowhere")


async def test_a_channel_is_joined_once_and_stays_to_be_read_until_that_was_ordered(database, presence):
    assert await presence.join(GENERAL) == (True, True)
    assert await presence.join(GENERAL) == (False, True)
    await Jobs(database).read(GENERAL, "backfill", since=None)
    assert await presence.join(GENERAL) == (False, False)
    assert await presence.join(channel("nowhere")) == (False, False)
    assert await joined(presence) == ["general"]
    assert await presence.is_joined(GENERAL)
    assert not await presence.is_joined(BOARD)


async def test_a_channel_that_was_closed_is_open_again_and_read_again_when_the_bot_is_back(database, presence):
    await presence.join(GENERAL)
    await Jobs(database).read(GENERAL, "backfill", since=None)
    await presence.hide(GENERAL)
    assert await names(database) == {"board"}
    assert await presence.is_hidden(GENERAL)
    assert not await presence.is_joined(GENERAL)
    assert await joined(presence) == []
    assert await presence.join(GENERAL) == (True, True)
    assert await names(database) == {"general", "board"}
    assert not await presence.is_hidden(GENERAL)


async def test_what_was_closed_for_long_is_to_be_erased_but_not_what_was_archived(database, presence):
    for ref in (GENERAL, BOARD):
        await presence.join(ref)
    await presence.hide(GENERAL)
    await presence.hide(BOARD, archived=True)
    assert await presence.hidden_for(1) == []
    await database.execute("UPDATE channel SET hidden_at = now() - interval '2 hours'")
    await presence.hide(GENERAL)
    assert await presence.hidden_for(1) == [GENERAL]


async def test_an_erased_channel_comes_back_with_the_bot(database, presence, eraser):
    await presence.join(GENERAL)
    await presence.hide(GENERAL)
    await eraser.channel(GENERAL, until_back=True)
    assert await presence.hidden_for(0) == []
    assert await presence.join(GENERAL) == (True, True)
    assert await presence.is_joined(GENERAL)


async def test_a_forgotten_channel_does_not_until_somebody_orders_it(database, presence, eraser):
    await presence.connect("test", WORKSPACE, "Tidepool")
    await presence.join(GENERAL)
    await eraser.channel(GENERAL)
    assert await presence.join(GENERAL) == (False, False)
    await presence.hide(GENERAL)
    assert await presence.join(GENERAL) == (False, False)
    assert await joined(presence) == []
    assert await presence.reopen(GENERAL)
    assert not await presence.reopen(GENERAL)
    assert await joined(presence) == ["general"]


async def test_a_forgotten_channel_that_was_closed_before_stays_forgotten_too(presence, eraser):
    await presence.join(GENERAL)
    await presence.hide(GENERAL)
    await eraser.channel(GENERAL)
    assert await presence.join(GENERAL) == (False, False)


async def test_an_invitation_opens_a_forgotten_channel_and_its_past_is_read(database, presence, eraser):
    await presence.join(GENERAL)
    await Jobs(database).read(GENERAL, "backfill", since=None)
    await eraser.channel(GENERAL)
    await Access(database).record_channels([described("general")], reopen=True)
    assert await presence.join(GENERAL) == (True, True)


async def test_a_channel_keeps_its_messages_and_settings_under_a_new_id(database, presence):
    await Archive(database).record([said("1", "we drop Kafka")])
    await database.execute(
        "INSERT INTO channel_config VALUES ('test', 'tidepool', 'general', '{}'), ('test', 'tidepool', 'board', '{}')"
    )
    await presence.join(GENERAL)
    await presence.renumber(GENERAL, "C2")
    assert await joined(presence) == ["C2"]
    assert await presence.latest(channel("C2")) is not None
    assert await database.fetch("SELECT channel_id FROM channel_config ORDER BY 1") == [("C2",), ("board",)]
    await presence.renumber(channel("C2"), "board")
    assert await presence.is_hidden(channel("C2"))
    assert not await presence.is_hidden(BOARD)
    assert await database.fetch("SELECT channel_id FROM channel_config ORDER BY 1") == [("C2",), ("board",)]


async def test_the_liveliest_channel_comes_first(database, presence):
    for ref in (GENERAL, BOARD):
        await presence.join(ref)
    await Archive(database).record([said("1", "old", minute=0), said("2", "new", where="board", minute=9)])
    assert await joined(presence) == ["board", "general"]
    await Archive(database).record([said("3", "newer", minute=10)])
    assert await joined(presence) == ["general", "board"]
    await presence.rename(GENERAL, "orchard")
    assert [one.name for one in await presence.joined("test", WORKSPACE)] == ["orchard", "board"]
    assert await presence.latest(channel("nowhere")) is None
    await Archive(database).record([deleted("3")])
    assert await presence.latest(GENERAL) is not None
