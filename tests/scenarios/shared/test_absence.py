"""What happened while the bot was away, or had been taken out, is made good when it is back."""

import pytest

from bot import learning
from tests.scenarios.slack.scene import REMOVED, eventually, every_source, kept, message, running

WAGON = "where does the harvest wagon stand?"
BEHIND = "The harvest wagon stands behind the mill"


@pytest.fixture
def absent(database):
    """Makes it two hours since the bot last heard anything, and two days since it first did."""

    async def pretend():
        await database.execute("UPDATE workspace SET seen_until = now() - interval '2 hours'")
        await database.execute("UPDATE workspace SET connected_at = now() - interval '2 days'")

    return pretend


@pytest.fixture
def erasing_soon(monkeypatch):
    """What is closed is erased at once, not after a day."""
    monkeypatch.setattr(learning, "ERASED_AFTER_HOURS", 0)
    monkeypatch.setattr(learning, "SWEEP_SECONDS", 0.1)


async def compared(house):
    """Waits until the past was compared with what is kept."""
    await eventually(lambda: running(house.app, "reconcile"))
    await house.settled()


async def erased(house):
    async def is_empty():
        return not await house.rows("SELECT 1 FROM message")

    await eventually(is_empty)
    await house.settled()


# ---- away ---------------------------------------------------------------------------------------------------------


async def test_what_was_missed_while_away_is_made_good(house, absent):
    old, young = house.seed(house.harvest, [(house.quince, "Who mends the ladder?", 90), (house.quince, "Ladders?", 2)])
    kettle = [("The kettle stays in the barn", 3), ("The kettle is worth thirty", 2), ("The kettle key is sloe", 1)]
    keep, edit, gone = house.seed(house.harvest, [(house.tamarind, *one) for one in kettle])
    [reply] = house.seed(house.harvest, [(house.tamarind, "Sloe says she will", 1)], thread=young)
    async with house.bot(every_source):
        house.mention("what is the kettle key?")
        await house.settled()
        assert any("sloe" in one.text for one in house.seen()), [one.text for one in house.seen()]
    with house.unnoticed():
        posted = house.say("The kettle was cleaned", who=house.tamarind)
        late = house.say_in_thread(old, "Juniper mended the ladder", who=house.tamarind)
        young_reply = house.say_in_thread(young, "Juniper has more ladders", who=house.tamarind)
        house.edit(edit, "The kettle is worth fifty")
        house.delete(gone)
        house.delete(reply)
        house.rename(house.harvest, "orchard-news")
        house.rename_person(house.tamarind, "sorbus")
    await absent()
    async with house.bot() as app:
        await compared(house)
        told = (old, young, keep, edit, gone, reply, posted, late, young_reply)
        bodies = {one: await message(app, one) for one in told}
        assert {one: found and found[0] for one, found in bodies.items()} == {
            old: "Who mends the ladder?",
            young: "Ladders?",
            keep: "The kettle stays in the barn",
            edit: "The kettle is worth fifty",
            gone: None,
            reply: None,
            posted: "The kettle was cleaned",
            late: "Juniper mended the ladder",
            young_reply: "Juniper has more ladders",
        }
        assert await kept(app, "sloe") == []
        assert any(REMOVED in one.text for one in house.seen())
        answer = await house.answer(house.mention("is the kettle worth fifty or thirty?"))
        for part in ("fifty", "#orchard-news", "sorbus"):
            assert part in answer.text, part
        assert house.greetings() == 1


async def test_a_channel_that_seems_to_lose_most_of_its_past_keeps_it(house, absent):
    said = house.seed(house.harvest, [(house.quince, f"Row {n} is pruned", 2 - n / 1000) for n in range(40)])
    async with house.bot():
        pass
    with house.unnoticed():
        for one in said[:30]:
            house.delete(one)
    await absent()
    async with house.bot():
        await compared(house)
        assert await house.rows("SELECT count(*) FROM message WHERE NOT deleted") == [(41,)]
        ((note,),) = await house.rows("SELECT note FROM job WHERE kind = 'reconcile'")
    assert "30 of 41" in note


async def test_a_question_that_nobody_heard_is_no_knowledge(house, absent):
    async with house.bot():
        pass
    with house.unnoticed():
        house.mention("is the zephyr pump broken?")
        house.say("The other pump is fine", who=house.tamarind)
    await absent()
    async with house.bot() as app:
        await compared(house)
        assert "message" in await kept(app, "other pump")
        assert "message" not in await kept(app, "zephyr")


@pytest.mark.parametrize("house", ["discord"], indirect=True)
async def test_a_mention_that_an_edit_brought_meanwhile_is_answered_once(house):
    """On Slack the edit is sent again."""
    async with house.bot():
        forgot = house.say("where does the wagon stand?")
        await house.settled()
    with house.unnoticed():
        house.edit(forgot, house.naming("where does the wagon stand?"))
    async with house.bot():
        await house.appears("", forgot)
        await house.answer(forgot)


async def test_what_was_opened_and_closed_while_away_counts_from_the_start(house):
    cellar = house.add_channel("cellar")
    house.seed(cellar, [(house.quince, "The zephyr rack holds forty bottles")])
    board = house.add_channel("board", members=[house.quince])
    house.seed(board, [(house.quince, "The zephyr merger closes in May")])
    async with house.bot(every_source):
        assert "May" in "\n".join(await house.ask("when does the zephyr merger close?"))
    with house.unnoticed():
        house.remove_bot(cellar)
        house.leave(board, house.quince)
    async with house.bot(every_source):
        await house.settled()
        assert "forty" not in "\n".join(await house.ask("how many bottles does the zephyr rack hold?"))
        assert "May" not in "\n".join(await house.ask("when does the zephyr merger close?"))


# ---- removed, and back --------------------------------------------------------------------------------------------


async def test_a_bot_asked_back_within_a_day_has_everything_still(house):
    async with house.bot() as app:
        said = house.say(BEHIND, who=house.tamarind)
        await house.settled()
        house.remove_bot(house.harvest)
        await house.settled()
        house.dm(WAGON)
        await house.settled()
        assert "behind the mill" not in house.seen(where=house.im())[-1].text
        assert (await message(app, said))[0] is not None
        house.let_bot_in(house.harvest)
        await house.settled()
        house.dm(WAGON)
        await house.settled()
        assert "behind the mill" in house.seen(where=house.im())[-1].text


async def test_what_was_said_while_the_bot_was_out_is_read_when_it_is_back(house):
    async with house.bot() as app:
        house.remove_bot(house.harvest)
        await house.settled()
        said = house.say(BEHIND, who=house.tamarind)
        await house.settled()
        assert await message(app, said) is None
        house.let_bot_in(house.harvest)
        await house.settled()
        await house.learned()
        await eventually(lambda: message(app, said))


async def test_a_day_after_the_bot_was_removed_everything_is_erased(house, erasing_soon):
    async with house.bot() as app:
        house.say("The zephyr wagon stands behind the mill", who=house.tamarind)
        await house.settled()
        await house.answer(house.mention("where does the zephyr wagon stand?"))
        house.remove_bot(house.harvest)
        await erased(house)
        assert [place for place in await kept(app, "zephyr") if place != "answer"] == []


async def test_a_channel_that_was_erased_is_learnt_again_though_the_invitation_was_missed(house, erasing_soon):
    house.seed(house.harvest, [(house.tamarind, BEHIND, 2)])
    async with house.bot():
        house.remove_bot(house.harvest)
        await erased(house)
    with house.unnoticed():
        house.let_bot_in(house.harvest)
    async with house.bot():

        async def is_learnt_again():
            return (await house.rows("SELECT count(*) FROM message WHERE body IS NOT NULL"))[0][0]

        await house._until(is_learnt_again)
        await house.learned()
        answer = await house.answer(house.mention(WAGON))
    assert "behind the mill" in answer.text
