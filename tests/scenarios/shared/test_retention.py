"""Messages are kept for so many days; what becomes older is forgotten as if somebody had deleted it."""

import pytest

from bot.learning import Learning
from bot.retraction import Retraction
from knowledge.archive import Archive
from knowledge.errors import KnowledgeUnavailable
from knowledge.messages import Deleted
from knowledge.retention import Retention
from tests.scenarios.shared.test_forgetting import KEY, WHERE_KEY, tables
from tests.scenarios.slack.scene import REMOVED, every_source, kept, message

KEPT_30_DAYS = {"keep_days": 30}


async def swept(app):
    assert await app.learning.forget_old() == 1


async def stopped_in_between(app):
    """The sweep ends when the message is deleted, and is begun again."""
    sound = Archive.record

    async def record(archive, changes, **more):
        await sound(archive, changes, **more)
        raise KnowledgeUnavailable("Stopped.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Archive, "record", record)
        with pytest.raises(KnowledgeUnavailable):
            await app.learning.forget_old()
    assert await app.learning.forget_old() == 0


async def grown_old(house, sweep=swept):
    """Once answered with, a message of 40 days ago is kept for 30. Returns where it was, and where it is left."""
    [old] = house.seed(house.harvest, [(house.tamarind, KEY, 40)])
    house.seed(house.harvest, [(house.tamarind, "The zephyr barn has a bell", 20)])
    async with house.bot(every_source) as app:
        assert "stone" in (await house.answer(house.mention(WHERE_KEY))).text
        before = tables(await kept(app, "under the stone"))
        assert "keep: 30" in await house.order("config", key="keep", value="30")
        await sweep(app)
        await house.order("reindex", channel=house.harvest)
        await house.learned()
        left = [*await kept(app, "under the stone"), *(one.text for one in house.seen() if "stone" in one.text)]
        assert (await message(app, old))[1]
        if not left:
            assert any(REMOVED in one.text for one in house.seen())
            again = await house.answer(house.mention(WHERE_KEY))
            assert "bell" in again.text
            assert "stone" not in again.text
    return before, left


@pytest.mark.parametrize("sweep", [swept, stopped_in_between])
async def test_what_grows_old_is_gone_from_everywhere_and_stays_gone(house, sweep):
    before, left = await grown_old(house, sweep)
    assert before == {"message", "threadlore"}
    assert left == []


async def test_a_sweep_that_forgets_the_message_alone_would_be_caught(house, monkeypatch):
    async def retract(_retraction, _keys):
        pass

    monkeypatch.setattr(Retraction, "retract", retract)
    _, left = await grown_old(house)
    assert len(left) == 2


async def test_a_sweep_that_deletes_first_would_be_caught(house, monkeypatch):
    async def forget_old(learning):
        found = [batch async for batch in learning.retention.too_old()]
        for batch in found:
            await learning._record([Deleted(old.ref) for old in batch])
        return sum(map(len, found))

    monkeypatch.setattr(Learning, "forget_old", forget_old)
    _, left = await grown_old(house, stopped_in_between)
    assert len(left) == 2


async def learned_from(house, keep_days):
    """What a bot knows, and answers, that keeps messages so long: of a thread that began 40 days ago, and of others."""
    [root] = house.seed(house.harvest, [(house.quince, "Where is the zephyr key?", 40)])
    house.seed(house.harvest, [(house.tamarind, "Under the zephyr stone", 35), (house.tamarind, "no zephyr", 3)])
    async with house.bot(knowledge={"keep_days": keep_days}):
        live = house.say_in_thread(root, "It hangs by the zephyr door now", who=house.tamarind)
        await house.settled()
        await house.learned()
        found = await house.rows("SELECT message_id, body FROM message WHERE body LIKE '%%zephyr%%' ORDER BY posted_at")
        answer = await house.answer(house.mention("where does the zephyr key hang?"))
    assert found[-1][0] == live
    return [body for _, body in found], answer.text


async def test_the_past_is_learnt_as_far_back_as_it_is_kept_and_a_late_reply_with_it(house):
    known, answer = await learned_from(house, 30)
    assert known == ["no zephyr", "It hangs by the zephyr door now"]
    assert "by the zephyr door" in answer


async def test_a_door_without_a_limit_would_be_caught(house, monkeypatch):
    async def kept_from(_retention, _connection, _channels):
        return {}

    monkeypatch.setattr(Retention, "kept_from", kept_from)
    known, _ = await learned_from(house, 30)
    assert len(known) == 4


async def test_a_bot_that_is_told_to_keep_less_forgets_at_its_start(house):
    house.seed(house.harvest, [(house.tamarind, KEY, 40)])
    async with house.bot() as app:
        assert await kept(app, "under the stone") == ["message"]
    async with house.bot(knowledge=KEPT_30_DAYS) as app:

        async def is_gone():
            return not await kept(app, "under the stone")

        assert await house._until(is_gone)


@pytest.mark.parametrize("days", ["0", "for ever"])
async def test_what_is_no_number_of_days_is_refused(house, days):
    async with house.bot():
        assert "keep can be default, or a number of days" in await house.order("config", key="keep", value=days)
