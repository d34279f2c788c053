"""What is written becomes searchable, changes and goes, while the bot listens."""

import asyncio
from unittest.mock import AsyncMock

from bot import learning
from bot.retraction import Retraction
from tests.scenarios.slack.scene import REMOVED, kept, message

RACKS = "how many bottles do the oak racks hold?"
PRESS = "when does the cider press come back from repair?"


# ---- live ---------------------------------------------------------------------------------------------------------


async def test_a_message_is_found_by_its_words_at_once_an_edit_replaces_it_and_a_deletion_takes_it_back(house):
    async with house.bot() as app:
        said = house.say("The cider press comes back from repair on Thursday", who=house.tamarind)
        await house.settled()
        assert "Thursday" in (await house.answer(house.mention(PRESS))).text

        house.edit(said, "The cider press comes back from repair on Saturday")
        await house.settled()
        assert await kept(app, "Thursday") == []
        second = await house.answer(house.mention(PRESS))
        assert "Saturday" in second.text
        assert "Thursday" not in second.text
        house.reply(second, "and on which day exactly?")
        await house.settled()
        assert "Saturday" in house.seen()[-1].text
        assert any("turns" in key for key in await kept(app, "Saturday"))

        house.delete(said)
        await house.settled()
        assert await kept(app, "Saturday") == []
        assert len(house.seen()) == 3
        assert all(REMOVED in one.text for one in house.seen())
        assert "did not find" in (await house.answer(house.mention(PRESS))).text


async def test_a_late_reply_in_an_old_thread_is_found(house):
    [root] = house.seed(house.harvest, [(house.quince, "Which barrels do we keep for the vinegar?", 90)])
    async with house.bot() as app:
        reply = house.say_in_thread(root, "The chestnut barrels from the lower cellar", who=house.tamarind)
        await house.settled()
        [(thread,)] = await house.rows("SELECT thread_id FROM message WHERE message_id = %(id)s", id=reply)
        assert thread == root
        assert (await message(app, reply))[0] == "The chestnut barrels from the lower cellar"
        answer = await house.answer(house.mention("which chestnut barrels from which cellar?"))
    assert "lower cellar" in answer.text


async def test_what_is_said_in_a_thread_is_edited_and_deleted_there(house):
    async with house.bot() as app:
        edited = house.say_in_thread(house.decision, "The zephyr pump is green", who=house.tamarind)
        deleted = house.say_in_thread(house.decision, "The zephyr pump is yellow", who=house.tamarind)
        await house.settled()
        house.edit(edited, "The zephyr pump is blue")
        house.delete(deleted)
        await house.settled()
        assert (await message(app, edited))[0] == "The zephyr pump is blue"
        assert (await message(app, deleted))[:2] == (None, True)
        assert await kept(app, "yellow") == []


async def test_reactions_are_counted_whatever_the_skin_and_uncounted(house):
    async with house.bot() as app:
        said = house.say("We plant two rows of medlar", who=house.tamarind)
        for who, emoji in ((house.quince, "+1"), (house.tamarind, "+1::skin-tone-4"), (house.quince, "tada")):
            house.react(said, emoji, who=who)
        await house.settled()
        assert sum((await message(app, said))[2].values()) == 3
        house.react(said, "tada", who=house.quince, removed=True)
        await house.settled()
        assert list((await message(app, said))[2].values()) == [2]


async def test_a_renamed_channel_and_person_are_shown_by_their_new_names(house):
    async with house.bot():
        house.say("The juice keeps for two weeks in the cold store", who=house.tamarind)
        await house.settled()
        house.rename(house.harvest, "orchard-news")
        house.rename_person(house.tamarind, "sorbus")
        await house.settled()
        answer = await house.answer(house.mention("how long does the juice keep in the cold store?"))
    assert "#orchard-news" in answer.text
    assert "sorbus" in answer.text
    assert "tamarind" not in answer.text


async def test_the_preview_of_a_link_leaves_a_message_as_it_is(house):
    async with house.bot():
        said = house.say("The map is at https://wiki.example/page", who=house.tamarind)
        await house.settled()
        before = await house.rows("SELECT * FROM message WHERE message_id = %(id)s", id=said)
        assert before
        house.unfurl(said)
        await house.settled()
        assert await house.rows("SELECT * FROM message WHERE message_id = %(id)s", id=said) == before


# ---- what is nobody's knowledge -----------------------------------------------------------------------------------


async def test_questions_bots_and_private_talks_are_never_kept(house):
    robot = house.add_bot("ticker")
    async with house.bot() as app:
        mention = house.mention("is the zephyr word safe?")
        house.edit(mention, house.naming("is the zephyr phrase safe?"))
        house.say("zephyr build passed", who=robot)
        house.say_as_hook("zephyr hook")
        direct = house.dm("zephyr in a direct talk")
        await house.settled()
        house.delete(direct, where=house.im())
        await house.settled()
        assert "message" not in await kept(app, "zephyr")
        assert await house.rows("SELECT body FROM message WHERE body LIKE '%%zephyr%%'") == []
        assert house.im() not in {one for (one,) in await house.rows("SELECT channel_id FROM channel")}


async def test_a_message_that_becomes_a_question_is_known_no_longer(house):
    async with house.bot() as app:
        said = house.say("The zephyr pump is broken", who=house.tamarind)
        await house.settled()
        assert "message" in await kept(app, "zephyr")
        house.edit(said, house.naming("is the zephyr pump broken?"))
        await house.settled()
        assert "message" not in await kept(app, "zephyr")


# ---- invited ------------------------------------------------------------------------------------------------------


async def test_a_bot_that_is_let_in_learns_the_past_with_its_threads(house):
    cellar = house.add_channel("cellar")
    with house.unnoticed():
        house.remove_bot(cellar)
    talk = [(house.quince, f"Talk number {n} about racks", 60 - n) for n in range(30)]
    root, *_ = house.seed(cellar, talk)
    [late] = house.seed(cellar, [(house.tamarind, "The oak racks hold forty bottles each", 10)], thread=root)
    async with house.bot():
        about = "SELECT count(*) FROM message WHERE channel_pk = (SELECT channel_pk FROM channel WHERE name = 'cellar')"
        assert await house.rows(about) == [(0,)]
        house.let_bot_in(cellar)
        await house.settled()
        await house.learned()
        assert await house.rows(about) == [(31,)]
        assert await house.rows("SELECT thread_id FROM message WHERE message_id = %(id)s", id=late) == [(root,)]
        answer = await house.answer(house.mention(RACKS, where=cellar), where=cellar)
    assert "forty bottles" in answer.text


# ---- taken back late ----------------------------------------------------------------------------------------------


async def deleted_while_nothing_can_be_edited(house, said):
    """The answer that quotes a message, after the message was deleted and the platform took no edit."""
    await house.settled()
    answer = await house.answer(house.mention(PRESS))
    house.fail("edit", error=house.refusal, times=None)
    house.delete(said)
    await house.settled()
    house.mend()
    return next(one for one in house.seen() if one.id == answer.id)


async def test_an_answer_that_could_not_be_taken_back_is_taken_back_later(house, monkeypatch):
    monkeypatch.setattr(learning, "WITHDRAW_SECONDS", 0.5)
    async with house.bot():
        said = house.say("The cider press comes back from repair on Thursday", who=house.tamarind)
        await deleted_while_nothing_can_be_edited(house, said)
        await house.appears(REMOVED)
        assert not any("Thursday" in one.text for one in house.seen())


async def test_a_bot_stopped_between_deletion_and_notice_takes_back_when_it_runs_again(house, monkeypatch):
    async with house.bot():
        said = house.say("The cider press comes back from repair on Thursday", who=house.tamarind)
        await house.settled()
        await house.answer(house.mention(PRESS))
        with monkeypatch.context() as stopped:
            stopped.setattr(Retraction, "retract", AsyncMock())
            house.delete(said)
            await house.settled()
        assert any("Thursday" in one.text for one in house.seen())
    monkeypatch.setattr(learning, "WITHDRAW_SECONDS", 0.5)
    async with house.bot():
        await house.appears(REMOVED)


async def test_a_notice_that_is_tried_once_would_be_caught(house, monkeypatch):
    monkeypatch.setattr(learning, "WITHDRAW_SECONDS", 0.1)
    monkeypatch.setattr(Retraction, "catch_up", AsyncMock())
    async with house.bot():
        said = house.say("The cider press comes back from repair on Thursday", who=house.tamarind)
        assert "Thursday" in (await deleted_while_nothing_can_be_edited(house, said)).text
        await asyncio.sleep(0.5)
        assert any("Thursday" in one.text for one in house.seen())
