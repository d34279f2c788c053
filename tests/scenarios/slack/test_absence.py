"""What happened while the bot was away, or had been taken out, is made good when it is back."""

from datetime import timedelta

import pytest

from adapters import catching_up
from adapters.slack import connection
from bot import learning
from tests.scenarios.slack.scene import (
    NOTICE,
    ago,
    ask,
    ask_directly,
    caught_up,
    eventually,
    every_source,
    message,
    order,
    quiet,
    rows,
    texts,
)


@pytest.fixture
def people(slack):
    return slack.add_user("quince"), slack.add_user("tamarind")


@pytest.fixture
def harvest(slack, people):
    return slack.add_channel("harvest", members=people)


# ---- away ---------------------------------------------------------------------------------------------------------


async def test_a_short_cut_of_the_sockets_loses_nothing(slack, bot, people, harvest, monkeypatch):
    quince, tamarind = people
    monkeypatch.setattr(connection, "PING_SECONDS", 0.3)
    async with bot() as app:
        await caught_up(app, slack)
        slack.cut_sockets()
        await slack.until(lambda: not slack.sockets)
        ts = slack.post(harvest, tamarind, "The hail broke two panes")
        reply = slack.post(harvest, quince, "Three panes", thread_ts=ts)
        await eventually(lambda: message(app, reply))
        assert (await message(app, ts))[0] == "The hail broke two panes"
        assert next(one.state for one in slack.deliveries if one.event.get("ts") == ts) == "lost"


async def test_a_long_time_without_a_socket_counts_as_absence(slack, bot, people, harvest, monkeypatch):
    """The bot is alive and well, and yet what is posted meanwhile does not reach it."""
    _, tamarind = people
    monkeypatch.setattr(connection, "PING_SECONDS", 0.3)
    monkeypatch.setattr(catching_up, "SEEN_SECONDS", 0.1)
    monkeypatch.setattr(catching_up, "OVERLAP", timedelta(0))
    async with bot() as app:
        await caught_up(app, slack)
        refused = slack.faults.on("apps.connections.open", times=None, status=503)
        slack.cut_sockets()
        await slack.until(lambda: not slack.sockets)
        ts = slack.post(harvest, tamarind, "The hail broke two panes")
        await slack.until(lambda: refused.hits > 2, timeout=20)
        slack.faults.clear()
        await eventually(lambda: message(app, ts))


# ---- removed, and back --------------------------------------------------------------------------------------------


async def test_an_invited_bot_says_that_it_reads_once_and_again_when_it_is_asked_back(slack, bot, people, harvest):
    quince, _ = people
    cellar = slack.add_channel("cellar", members=people, bot_in=False)
    async with bot() as app:
        await caught_up(app, slack)
        slack.join(cellar, slack.bot_user_id, inviter=quince)
        await quiet(app, slack)
        await caught_up(app, slack)
    async with bot() as app:
        await caught_up(app, slack)
        assert [sum(NOTICE in text for text in texts(slack, place)) for place in (harvest, cellar)] == [1, 1]
        slack.leave(cellar, slack.bot_user_id, by=quince)
        await quiet(app, slack)
        slack.join(cellar, slack.bot_user_id, inviter=quince)
        await quiet(app, slack)
        await caught_up(app, slack)
        # Whoever asks it in again, others should know: the notice said that removing it closes the channel.
        assert sum(NOTICE in text for text in texts(slack, cellar)) == 2


async def test_an_archived_channel_closes_at_once_and_comes_back_without_a_word(slack, bot, people, harvest):
    quince, tamarind = people
    question = "where does the harvest wagon stand?"
    async with bot() as app:
        await caught_up(app, slack)
        slack.post(harvest, tamarind, "The harvest wagon stands behind the mill")
        slack.archive(harvest)
        await quiet(app, slack)
        assert "behind the mill" not in await ask_directly(app, slack, quince, question)
        slack.unarchive(harvest)
        await quiet(app, slack)
        assert "behind the mill" in await ask_directly(app, slack, quince, question)
        assert sum(NOTICE in text for text in texts(slack, harvest)) == 1


async def test_an_archived_channel_is_not_erased_and_opens_again_after_an_absence_too(
    slack, bot, people, harvest, monkeypatch
):
    monkeypatch.setattr(learning, "ERASED_AFTER_HOURS", 0)
    quince, tamarind = people
    slack.seed(harvest, [(tamarind, "The harvest wagon stands behind the mill", ago(2))])
    async with bot() as app:
        await caught_up(app, slack)
        slack.archive(harvest)
        await quiet(app, slack)
    async with bot() as app:
        await eventually(lambda: hidden(app))
        assert await rows(app, "SELECT count(*) FROM message") == [(1,)]
    slack.unarchive(harvest, silent=True)
    async with bot() as app:
        await caught_up(app, slack)
        assert "behind the mill" in await ask(app, slack, quince, harvest, "where does the harvest wagon stand?")
        assert sum(NOTICE in text for text in texts(slack, harvest)) == 1


async def hidden(app):
    return await rows(app, "SELECT 1 FROM channel WHERE hidden_at IS NOT NULL")


async def test_a_channel_with_a_new_id_keeps_its_messages_and_its_settings(slack, bot, people, harvest):
    quince, tamarind = people
    pear = slack.add_user("pear", admin=True)
    async with bot(every_source) as app:
        await caught_up(app, slack)
        slack.post(harvest, tamarind, "The harvest wagon stands behind the mill")
        await order(app, slack, pear, harvest, "config sources off")
        new = slack.change_channel_id(harvest)
        await quiet(app, slack)
        slack.post(new, tamarind, "The wagon has three wheels")
        await quiet(app, slack)
        answer = await ask(app, slack, quince, new, "where does the harvest wagon stand?")
        assert "behind the mill" in answer
        assert "open" not in answer
        assert await rows(app, "SELECT channel_id FROM channel WHERE removed_at IS NULL") == [(new,)]
        assert "three wheels" in await ask(app, slack, quince, new, "how many wheels has the wagon?")
        assert sum(NOTICE in text for text in texts(slack, new)) == 1


async def test_a_channel_whose_new_id_is_seen_before_it_is_told_is_learnt_there(slack, bot, people, harvest):
    quince, tamarind = people
    slack.seed(harvest, [(tamarind, "The harvest wagon stands behind the mill", ago(2))])
    async with bot(every_source) as app:
        await caught_up(app, slack)
        slack.faults.on_event("channel_id_changed", delay=2.0)
        new = slack.change_channel_id(harvest)
        ts = slack.post(new, tamarind, "The wagon has three wheels")
        await eventually(lambda: message(app, ts))
        await quiet(app, slack)
        await caught_up(app, slack)
        assert "behind the mill" in await ask(app, slack, quince, new, "where does the harvest wagon stand?")
        assert "three wheels" in await ask(app, slack, quince, new, "how many wheels has the wagon?")
