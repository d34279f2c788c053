"""What is written becomes searchable, changes and goes, while the bot listens."""

import pytest

from adapters.slack import directory
from tests.scenarios.slack.scene import caught_up, kept, message, quiet, rows


@pytest.fixture
def people(slack):
    return slack.add_user("quince"), slack.add_user("tamarind")


@pytest.fixture
def harvest(slack, people):
    return slack.add_channel("harvest", members=people)


# ---- live ---------------------------------------------------------------------------------------------------------


async def test_a_change_that_changes_nothing_leaves_a_message_as_it_is(slack, bot, people, harvest):
    quince, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        ts = slack.post(harvest, tamarind, "The map is at https://wiki.example/page")
        slack.post(harvest, quince, "Thanks", thread_ts=ts)
        await quiet(app, slack)
        before = await rows(app, "SELECT * FROM message WHERE message_id = %(ts)s", ts=ts)
        slack.recount(harvest, ts)
        await quiet(app, slack)
        assert await rows(app, "SELECT * FROM message WHERE message_id = %(ts)s", ts=ts) == before


@pytest.mark.parametrize("late", [1, 2])
async def test_whatever_order_events_come_in_the_last_word_counts(slack, bot, people, harvest, late):
    _, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        slack.faults.on_event("message", where=lambda event: not event.get("subtype"), times=None, reorder=late)
        edited = slack.post(harvest, tamarind, "The gate code is medlar")
        slack.edit(harvest, edited, "The gate code is on the notice board")
        deleted = slack.post(harvest, tamarind, "The alarm code is damson")
        slack.delete(harvest, deleted)
        both = slack.post(harvest, tamarind, "The safe code is bullace")
        slack.edit(harvest, both, "The safe code is sloe")
        slack.delete(harvest, both)
        await quiet(app, slack)
        assert (await message(app, edited))[:2] == ("The gate code is on the notice board", False)
        assert (await message(app, deleted))[:2] == (None, True)
        assert (await message(app, both))[:2] == (None, True)
        assert [await kept(app, word) for word in ("medlar", "damson", "bullace", "sloe")] == [[], [], [], []]


async def test_an_event_that_comes_twice_is_handled_once(slack, bot, people, harvest):
    _, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        slack.faults.on_event("message", times=None, duplicate=2)
        slack.faults.on_event("reaction_added", times=None, duplicate=2)
        ts = slack.post(harvest, tamarind, "We graft on Monday")
        slack.react(harvest, ts, tamarind, "seedling")
        await quiet(app, slack)
        assert (await message(app, ts))[2] == {"seedling": 1}
        assert await rows(app, "SELECT count(*) FROM message") == [(1,)]


async def test_messages_are_learnt_while_slack_does_not_describe_their_channel(
    slack, bot, people, harvest, monkeypatch
):
    monkeypatch.setattr(directory, "CHANNEL_SECONDS", 0.0)
    quince, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        asked = len(slack.calls_of("conversations.info"))
        first = slack.post(harvest, tamarind, "The gate is green")
        await quiet(app, slack)
        assert len(slack.calls_of("conversations.info")) == asked
        monkeypatch.setattr(directory, "KNOWN_SECONDS", 0.0)
        slack.faults.on("conversations.info", times=None, retry_after=30)
        second = slack.post(harvest, quince, "The gate is blue")
        await quiet(app, slack)
        assert [(await message(app, ts))[0] for ts in (first, second)] == ["The gate is green", "The gate is blue"]


# ---- what is nobody's knowledge -----------------------------------------------------------------------------------


async def test_what_a_group_says_in_direct_talk_is_never_kept(slack, bot, people, harvest):
    _, tamarind = people
    group = slack.add_channel("", mpim=True, members=people)
    async with bot() as app:
        await caught_up(app, slack)
        slack.post(group, tamarind, "zephyr in a group")
        slack.edit(group, slack.post(group, tamarind, "zephyr"), "zephyr again")
        await quiet(app, slack)
        assert "message" not in await kept(app, "zephyr")
        assert await rows(app, "SELECT body FROM message WHERE body <> ''") == []
        assert await rows(app, "SELECT 1 FROM channel WHERE visibility = 'direct' OR channel_id LIKE 'D%%'") == []
        assert group not in {channel_id for (channel_id,) in await rows(app, "SELECT channel_id FROM channel")}
