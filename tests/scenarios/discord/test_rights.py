"""Who may read what follows from roles and overwrites, and counts as soon as they change."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from adapters.discord import handling, learning
from bot import readers_first
from knowledge.messages import Left
from tests.fakes.discord.permissions import ADMINISTRATOR, READ_MESSAGE_HISTORY, VIEW_CHANNEL
from tests.scenarios.slack.scene import eventually, every_source

MERGER = "The zephyr merger closes in May"
ASKED = "when does the zephyr merger close?"
CLOSED = (0, VIEW_CHANNEL)
OPEN = (VIEW_CHANNEL, 0)


@pytest.fixture
def board(house):
    """A channel for the role "board" alone, which quince has."""
    return closed_for(house, "board", role(house))


def role(house):
    found = house.discord.add_role(house.guild, "board")
    house.discord.set_member_roles(house.guild, house.quince, [found])
    return found


def closed_for(house, name, who, text=MERGER):
    place = house.discord.add_channel(house.guild, name, overwrites={house.guild: CLOSED, house.us: OPEN, who: OPEN})
    house.seed(place, [(house.quince, text)])
    return place


def role_named(house, name):
    return next(one["id"] for one in house.discord.guilds[house.guild]["roles"] if one["name"] == name)


async def knows(house, who):
    """Whether the bot tells somebody alone about the merger."""
    return "May" in "\n".join(await house.ask(ASKED, who=who))


async def test_a_role_given_or_taken_counts_at_once(house, board):
    found = role_named(house, "board")
    async with house.bot(every_source):
        assert await knows(house, house.quince)
        assert not await knows(house, house.tamarind)
        house.discord.set_member_roles(house.guild, house.tamarind, [found])
        house.discord.set_member_roles(house.guild, house.quince, [])
        await house.settled()
        assert await knows(house, house.tamarind)
        assert not await knows(house, house.quince)


async def test_an_overwrite_counts_at_once(house, board):
    async with house.bot(every_source):
        overwrites = {house.guild: CLOSED, house.us: OPEN, house.sorrel: OPEN}
        house.discord.set_overwrites(board, overwrites)
        await house.settled()
        assert await knows(house, house.sorrel)
        assert not await knows(house, house.quince)


async def test_a_role_that_is_changed_or_deleted_counts_at_once(house, board):
    keepers = house.discord.add_role(house.guild, "all-seeing")
    house.discord.set_member_roles(house.guild, house.sorrel, [keepers])
    async with house.bot(every_source):
        assert not await knows(house, house.sorrel)
        house.discord.change_role(house.guild, keepers, permissions=ADMINISTRATOR)
        await house.settled()
        assert await knows(house, house.sorrel)
        house.discord.delete_role(house.guild, role_named(house, "board"))
        await house.settled()
        assert not await knows(house, house.quince)


async def test_a_channel_that_one_person_may_not_read_is_public_no_longer(house):
    place = house.add_channel("cellar")
    house.seed(place, [(house.quince, MERGER)])
    async with house.bot(every_source):
        house.discord.set_overwrites(place, {house.tamarind: CLOSED})
        await house.settled()
        house.mention(ASKED)
        await house.settled()
        assert house.shown_to("in May") == set()
        assert await knows(house, house.quince)
        assert not await knows(house, house.tamarind)


async def test_channels_with_the_same_overwrites_hear_of_each_other_and_no_others(house, board):
    found = role_named(house, "board")
    twin = closed_for(house, "board-notes", found, "Notes on pears")
    other = closed_for(house, "hiring", house.quince, "Notes on plums")
    async with house.bot(every_source):
        for where, hears in ((twin, True), (other, False)):
            house.mention(ASKED, where=where)
            await house.settled()
            assert ("May" in house.seen(where=where)[-1].text) is hears, where
        house.discord.set_overwrites(twin, {house.guild: CLOSED, house.us: OPEN, house.sorrel: OPEN, found: OPEN})
        await house.settled()
        house.mention(ASKED, where=twin)
        await house.settled()
        assert "May" not in house.seen(where=twin, viewer=house.quince)[-1].text


async def test_a_channel_without_its_history_is_reported_and_taken_for_closed_not_for_empty(house):
    place = house.add_channel("cellar")
    house.seed(place, [(house.quince, MERGER)])
    async with house.bot(every_source):
        assert await knows(house, house.quince)
        before = len(house.discord.calls_of("GET /channels/{channel_id}/messages"))
        house.discord.set_overwrites(place, {house.us: (VIEW_CHANNEL, READ_MESSAGE_HISTORY)})
        await house.settled()
        assert not await knows(house, house.quince)
        assert await house.rows("SELECT count(*) FROM message WHERE body = %(text)s AND NOT deleted", text=MERGER) == [
            (1,)
        ]
        assert len(house.discord.calls_of("GET /channels/{channel_id}/messages")) == before
        assert "Read Message History" in await house.order("reindex", channel=place)
        house.discord.set_overwrites(place, {})
        await house.settled()
        assert await knows(house, house.quince)


async def test_a_channel_whose_past_was_never_open_is_named_to_admins_alone(house):
    blind = {house.us: (VIEW_CHANNEL, READ_MESSAGE_HISTORY)}
    cellar = house.discord.add_channel(house.guild, "cellar", overwrites=blind)
    house.seed(cellar, [(house.quince, MERGER)])
    house.discord.add_channel(house.guild, "vault", overwrites={house.us: CLOSED})
    async with house.bot(every_source):
        assert not await knows(house, house.quince)
        assert await house.rows("SELECT 1 FROM channel WHERE name = 'cellar'") == []
        status = await house.order("status")
        assert "may not read their past: #cellar. Give me Read Message History" in status
        assert "vault" not in status
        assert "cellar" not in await house.order("status", who=house.quince)
        [notice] = [text for text, _ in house.payloads() if "What I read" in text]
        assert "past of 1 channel that I see" in notice
        house.discord.set_overwrites(cellar, {})
        await house.learned()
        assert "may not read" not in await house.order("status")
        assert await knows(house, house.quince)


async def test_what_was_changed_while_the_bot_was_away_counts_when_it_is_back(house, board):
    async with house.bot(every_source):
        assert await knows(house, house.quince)
    with house.discord.silently():
        house.discord.set_member_roles(house.guild, house.quince, [])
    async with house.bot(every_source):
        await eventually(lambda: is_closed(house, board))
        assert not await knows(house, house.quince)


async def is_closed(house, channel):
    return not await house.rows(
        "SELECT 1 FROM membership JOIN channel USING (channel_pk) JOIN person USING (person_pk) "
        "WHERE channel_id = %(channel)s AND person_id = %(person)s",
        channel=channel,
        person=house.quince,
    )


async def test_who_may_no_longer_see_a_channel_hears_of_its_private_threads_no_more(house):
    cellar = house.discord.add_channel(house.guild, "cellar", overwrites={house.us: OPEN})
    thread = house.discord.start_thread(cellar, house.tamarind, "vault", private=True, text=MERGER)
    for person in (house.us, house.quince):
        house.discord.add_thread_member(thread, person)
    async with house.bot(every_source):
        assert await knows(house, house.quince)
        house.discord.set_overwrites(cellar, {house.us: OPEN, house.quince: CLOSED})
        await house.settled()
        assert not await knows(house, house.quince)


# ---- a question right behind a change -------------------------------------------------------------------------------


@pytest.fixture
def slow_to_learn(monkeypatch):
    """What was told of channels and roles takes a while to be taken in, as in a large guild."""
    for name in ("on_channel", "on_roles"):
        monkeypatch.setattr(handling, name, slowly(getattr(handling, name)))


def slowly(handler):
    async def handle(*told):
        await asyncio.sleep(3.0)
        await handler(*told)

    return handle


async def heard_behind_a_change(house, board):
    """Whether a channel still hears of another one, asked right after its own readers became others."""
    found = role_named(house, "board")
    twin = closed_for(house, "board-notes", found, "Notes on pears")
    async with house.bot(every_source):
        house.discord.set_overwrites(twin, {house.guild: CLOSED, house.us: OPEN, house.sorrel: OPEN, found: OPEN})
        house.mention(ASKED, where=twin)
        await house.settled()
        return "May" in house.seen(where=twin, viewer=house.quince)[-1].text


async def test_a_question_does_not_overtake_the_change_before_it(house, board, slow_to_learn):
    assert not await heard_behind_a_change(house, board)


async def test_a_bot_that_lets_questions_overtake_would_be_caught(house, board, slow_to_learn, monkeypatch):
    monkeypatch.setattr(readers_first.ReadersFirst, "wait", AsyncMock())
    assert await heard_behind_a_change(house, board)


async def test_a_change_that_cannot_be_taken_in_is_told_in_a_sentence(house, board, slow_to_learn, monkeypatch):
    monkeypatch.setattr(readers_first, "WAIT_SECONDS", 0.2)
    async with house.bot(every_source):
        house.discord.set_overwrites(board, {house.guild: CLOSED, house.us: OPEN, house.quince: OPEN})
        asked = house.mention(ASKED)
        answer = await house.answer(asked)
    assert "who may read what" in answer.text
    assert house.prompts == []


@pytest.fixture
def vault(house):
    """A private thread with us and quince in it."""
    cellar = house.discord.add_channel(house.guild, "cellar")
    thread = house.discord.start_thread(cellar, house.tamarind, "vault", private=True, text=MERGER)
    for person in (house.us, house.quince):
        house.discord.add_thread_member(thread, person)
    return thread


async def test_who_left_the_guild_and_came_back_is_in_no_private_thread(house, vault):
    async with house.bot(every_source):
        assert await knows(house, house.quince)
        house.discord.remove_member(house.guild, house.quince)
        await house.settled()
        house.discord.add_member(house.guild, house.quince)
        await house.settled()
        assert not await knows(house, house.quince)
        house.discord.add_thread_member(vault, house.quince)
        await house.settled()
        assert await knows(house, house.quince)


async def left_and_came_back_at_once(house, *asked_in_again):
    house.discord.remove_member(house.guild, house.quince)
    house.discord.add_member(house.guild, house.quince)
    for thread in asked_in_again:
        house.discord.add_thread_member(thread, house.quince)
    await house.settled()
    return await knows(house, house.quince)


async def test_who_comes_back_before_anybody_looked_is_in_no_private_thread_either(house, vault):
    async with house.bot(every_source):
        assert await knows(house, house.quince)
        assert not await left_and_came_back_at_once(house)
        assert await left_and_came_back_at_once(house, vault)


async def test_looking_only_at_who_is_there_now_would_be_caught(house, vault, monkeypatch):
    monkeypatch.setattr(handling, "on_member", lambda guild, user_id, **_: learning.on_member(guild, user_id))
    async with house.bot(every_source):
        assert await left_and_came_back_at_once(house)


@pytest.fixture
def wardens(house, vault):
    """A role that manages everything; quince has it, and was not asked into the thread."""
    found = house.discord.add_role(house.guild, "wardens", ADMINISTRATOR)
    house.discord.remove_thread_member(vault, house.quince)
    house.discord.set_member_roles(house.guild, house.quince, [found])
    return found


async def reads_with_and_without(house, role):
    await house.settled()
    with_it = await knows(house, house.quince)
    house.discord.set_member_roles(house.guild, house.quince, [])
    await house.settled()
    without = await knows(house, house.quince)
    house.discord.set_member_roles(house.guild, house.quince, [role])
    await house.settled()
    return with_it, without, await knows(house, house.quince)


async def test_who_manages_threads_reads_private_ones_for_as_long_as_they_do(house, wardens):
    async with house.bot(every_source):
        assert await reads_with_and_without(house, wardens) == (True, False, True)


async def test_an_archived_private_thread_is_closed_as_well(house, wardens, vault):
    async with house.bot(every_source):
        house.discord.archive_thread(vault)
        assert await reads_with_and_without(house, wardens) == (True, False, True)


async def test_an_archived_private_thread_is_closed_with_its_channel(house, vault):
    async with house.bot(every_source):
        house.discord.archive_thread(vault)
        await house.settled()
        assert await knows(house, house.quince)
        cellar = house.discord.channels[vault]["parent_id"]
        house.discord.set_overwrites(cellar, {house.guild: CLOSED, house.us: OPEN})
        await house.settled()
        assert not await knows(house, house.quince)


async def test_who_was_asked_into_a_private_thread_stays_there_without_the_role(house, wardens, vault):
    house.discord.add_thread_member(vault, house.quince)
    async with house.bot(every_source):
        assert await reads_with_and_without(house, wardens) == (True, True, True)


async def test_leaving_private_threads_as_they_are_at_a_change_of_roles_would_be_caught(house, wardens, monkeypatch):
    changed = learning._changed

    def as_before(guild, user_id):
        def is_kept(one):
            return not isinstance(one, Left) or int(one.channel.channel_id) not in guild.private_threads

        return [one for one in changed(guild, user_id) if is_kept(one)]

    monkeypatch.setattr(learning, "_changed", as_before)
    async with house.bot(every_source):
        assert (await reads_with_and_without(house, wardens))[1]
