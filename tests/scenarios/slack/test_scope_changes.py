"""Who comes, goes or becomes somebody else, and what is closed: it counts at once, or after a minute at the latest."""

import pytest

from knowledge import access, freshness
from tests.scenarios.slack.house import QUESTION, House
from tests.scenarios.slack.scene import ask, ask_directly, eventually, quiet, rows


@pytest.fixture
def house(slack, bot):
    return House(slack, bot)


@pytest.fixture
def short_trust(monkeypatch):
    """What was read of members counts for a moment only."""

    def shorten(seconds=1.0):
        monkeypatch.setattr(access, "FRESH_SECONDS", seconds)
        monkeypatch.setattr(freshness, "READ_AGAIN_SECONDS", seconds / 2)

    return shorten


async def test_a_guest_who_joins_narrows_a_channel_at_once_and_who_leaves_widens_it(slack, house):
    public = {house.harvest, house.market}
    async with house.at_home() as app:
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == public
        slack.join(house.harvest, house.juniper)
        await quiet(app, slack)
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == {house.harvest}
        slack.leave(house.harvest, house.juniper)
        await quiet(app, slack)
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == public


async def test_nor_when_slack_never_said_so_after_a_minute_at_the_latest(slack, house, short_trust):
    slack.faults.on_event("member_left_channel", times=None, drop=True)
    async with house.at_home() as app:
        assert house.board in house.told(await ask_directly(app, slack, house.sorrel, QUESTION))
        short_trust()
        slack.leave(house.board, house.sorrel)
        await quiet(app, slack)
        await eventually(lambda: stale(app, house.board))
        answer = await ask_directly(app, slack, house.sorrel, QUESTION)
        assert house.told(answer) == {house.harvest, house.market, house.hiring}


async def stale(app, channel, seconds=0.6):
    statement = """
    SELECT 1 FROM channel WHERE channel_id = %(id)s AND members_at < now() - make_interval(secs => %(seconds)s)"""
    return await rows(app, statement, id=channel, seconds=seconds)


async def test_while_slack_does_not_say_who_is_where_private_channels_stay_closed(slack, house, short_trust):
    async with house.at_home() as app:
        short_trust(4.0)
        slack.faults.on("conversations.members", times=None, status=503)
        await eventually(lambda: stale(app, house.board, 4.1))
        answer = await ask_directly(app, slack, house.quince, QUESTION)
        assert house.told(answer) == {house.harvest, house.market}
        slack.faults.clear()
        assert house.board in house.told(await ask_directly(app, slack, house.quince, QUESTION))


async def test_while_slack_does_not_say_who_the_asker_is_only_this_channel_answers(slack, house, short_trust):
    async with house.at_home() as app:
        short_trust()
        slack.faults.on("users.info", times=None, status=503)
        await eventually(lambda: stale(app, house.board, 1.1))
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == {house.harvest}
        assert house.told(await ask_directly(app, slack, house.tamarind, QUESTION)) == set()


async def test_a_private_channel_that_is_archived_is_quoted_no_more(slack, house):
    async with house.at_home() as app:
        slack.archive(house.board)
        await quiet(app, slack)
        answer = await ask_directly(app, slack, house.quince, QUESTION)
        assert house.told(answer) == {house.harvest, house.market, house.hiring}


async def test_who_becomes_a_guest_hears_only_of_their_own_channels(slack, house):
    async with house.at_home() as app:
        slack.change_user(house.tamarind, guest=True)
        await quiet(app, slack)
        assert house.told(await ask_directly(app, slack, house.tamarind, QUESTION)) == {house.harvest}
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == {house.harvest}


async def test_somebody_nobody_knows_hears_of_the_channel_alone(slack, house):
    async with house.at_home() as app:
        nobody = slack.add_user("nobody")
        slack.channels[house.harvest].members[nobody] = None
        slack.faults.on("users.info", times=None, error="user_not_found")
        assert house.told(await ask(app, slack, nobody, house.harvest, QUESTION)) == {house.harvest}
