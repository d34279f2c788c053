"""What is to be forgotten: a message, a person, a channel, a talk; by order of an admin, or of whom it concerns."""

import pytest

from tests.scenarios.slack.scene import (
    NOTICE,
    ask,
    ask_directly,
    caught_up,
    eventually,
    every_source,
    kept,
    order,
    quiet,
    rows,
    texts,
)


@pytest.fixture
def people(slack):
    return slack.add_user("quince"), slack.add_user("tamarind")


@pytest.fixture
def pear(slack):
    return slack.add_user("pear", admin=True)


@pytest.fixture
def harvest(slack, people, pear):
    return slack.add_channel("harvest", members=[*people, pear])


async def test_a_forgotten_channel_stays_forgotten_until_somebody_asks_the_bot_in_again(
    slack, bot, people, pear, harvest
):
    quince, tamarind = people
    cellar = slack.add_channel("cellar", members=[*people, pear], private=True)
    slack.seed(cellar, [(tamarind, "The zephyr rack holds forty")])
    async with bot() as app:
        await caught_up(app, slack)
        assert "Forgotten: 1 message." in await order(app, slack, pear, harvest, f"forget <#{cellar}|cellar>")
        assert await kept(app, "zephyr") == []
        slack.post(cellar, tamarind, "The zephyr rack was moved")
        assert "Nothing found" in await ask_directly(app, slack, quince, "what does the zephyr rack hold?")
        assert await kept(app, "zephyr rack was") == []
        assert "I know no such channel" in await order(app, slack, pear, harvest, f"forget <#{cellar}|cellar>")
    async with bot() as app:
        await caught_up_elsewhere(app, slack, harvest)
        slack.post(cellar, tamarind, "The zephyr rack was moved again")
        slack.rename_channel(cellar, "vault")
        await quiet(app, slack)
        assert "message" not in await kept(app, "zephyr")
        notices = sum(NOTICE in text for text in texts(slack, cellar))
        slack.leave(cellar, slack.bot_user_id)
        slack.join(cellar, slack.bot_user_id)
        await caught_up(app, slack)
        assert "forty" in await ask_directly(app, slack, quince, "what does the zephyr rack hold?")
        assert sum(NOTICE in text for text in texts(slack, cellar)) == notices + 1


async def caught_up_elsewhere(app, slack, channel):
    async def is_read():
        return await rows(app, "SELECT 1 FROM job WHERE kind = 'reconcile' AND state = 'done'")

    await eventually(is_read)


async def test_a_reset_in_a_direct_conversation_forgets_that_talk_alone(slack, bot, people, harvest):
    quince, tamarind = people
    slack.seed(harvest, [(tamarind, "The zephyr key is under the stone")])
    async with bot(every_source) as app:
        await caught_up(app, slack)
        await ask(app, slack, quince, harvest, "where is the zephyr key?")
        await ask_directly(app, slack, quince, "where is my zephyr key?")
        assert len(await turns(app)) == 2
        assert "Forgotten: 1 question" in await order(app, slack, quince, slack.open_im(quince), "reset")
        assert len(await turns(app)) == 1


async def turns(app):
    return [place for place in await kept(app, "zephyr") if "turns" in place]
