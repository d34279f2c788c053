"""Buttons under answers: ratings, sources, deletion, and what is shown to one person alone."""

import pytest

from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA

FEEDBACK = "SELECT person_id, helpful, reason, note FROM feedback ORDER BY given_at"
PUMP = "The spare pump is behind the cider barrels"
WHERE_PUMP = "where is the spare pump behind the cider barrels?"


async def asked_and_answered(house, text=WHY_KAFKA, **more):
    return await house.answer(house.mention(text, **more))


# ---- ratings ------------------------------------------------------------------------------------------------------


async def test_a_helpful_answer_is_rated_and_the_reader_thanked_alone(house):
    async with house.bot():
        answer = await asked_and_answered(house)
        assert await house.press(house.sorrel, answer, "helpful") == ["Thank you, I have noted that."]
        await house.press(house.sorrel, answer, "helpful")
        assert await house.rows(FEEDBACK) == [(house.sorrel, True, "", "")]
        assert [one.id for one in await house.answers(viewer=house.tamarind)] == [answer.id]


async def test_an_unhelpful_answer_opens_a_dialog_whose_words_are_kept(house):
    async with house.bot():
        answer = await asked_and_answered(house)
        await house.reject(house.sorrel, answer, "outdated", "Kafka is back since May")
        assert await house.rows(FEEDBACK) == [(house.sorrel, False, "outdated", "Kafka is back since May")]
        await house.press(house.sorrel, answer, "helpful")
        [(_, helpful, *_)] = await house.rows(FEEDBACK)
    assert helpful


@pytest.mark.parametrize("action", ["helpful", "sources", "delete"])
async def test_a_button_of_an_answer_that_is_no_more_says_so(house, action):
    async with house.bot():
        answer = await asked_and_answered(house)
        [told] = await house.forge(house.sorrel, answer, action, "no such answer")
        assert await house.rows(FEEDBACK) == []
        assert await house.answers()
    assert "I no longer have that answer" in told


# ---- sources ------------------------------------------------------------------------------------------------------


async def test_sources_are_shown_whole_to_who_presses_and_to_nobody_else(house):
    long = f"Decision: the copper kettle goes to the museum. {'It served us well for years. ' * 20} That is all."
    house.seed(house.harvest, [(house.tamarind, long)])
    async with house.bot(lambda _: "The copper kettle goes to the museum [1]"):
        answer = await asked_and_answered(house, "the copper kettle goes to the museum?")
        assert "That is all." not in answer.text
        [told] = await house.press(house.sorrel, answer, "sources")
        assert "That is all." in told
    assert house.shown_to("That is all.") == {house.sorrel}


@pytest.mark.parametrize("way", ["left", "closed"])
async def test_who_may_no_longer_read_a_source_is_not_shown_it(house, way):
    members = [house.tamarind, house.quince] if way == "left" else None
    orchard = house.add_channel("orchard", members=members)
    house.seed(orchard, [(house.tamarind, "Decision: the pear trees by the river are felled")])
    async with house.bot():
        house.mention("which pear trees by the river are felled?", where=orchard)
        answer = await house.answer(where=orchard)
        assert "pear trees" in "".join(await house.press(house.quince, answer, "sources"))
        if way == "left":
            house.leave(orchard, house.quince)
        else:
            house.close(orchard, [house.tamarind])
        await house.settled()
        [(answer_id,)] = await house.rows("SELECT answer_id FROM answer")
        refused = await house.forge(house.quince, answer, "sources", str(answer_id))
        allowed = await house.press(house.tamarind, answer, "sources")
    assert "There is no source of this answer that you may read." in "".join(refused)
    assert "pear trees" not in "".join(refused)
    assert "pear trees" in "".join(allowed)


# ---- deletion -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["quince", "medlar"])
async def test_the_asker_and_an_admin_may_delete_an_answer(house, who):
    async with house.bot():
        answer = await asked_and_answered(house)
        assert await house.press(getattr(house, who), answer, "delete") in ([], ["The answer is deleted."])
        assert await house.answers(viewer=house.tamarind) == []
        assert await house.rows("SELECT state FROM answer") == [("removed",)]


async def test_others_may_not_delete_an_answer(house):
    async with house.bot():
        answer = await asked_and_answered(house)
        [told] = await house.press(house.sorrel, answer, "delete")
        assert [one.id for one in await house.answers(viewer=house.quince)] == [answer.id]
    assert told == f"{house.marks['failed']}Only the person who asked can do that."


async def test_an_answer_that_the_platform_will_not_delete_stays_and_its_asker_is_told(house):
    house.fail("deletion", status=503, times=None)
    async with house.bot():
        answer = await asked_and_answered(house)
        [told] = await house.press(house.quince, answer, "delete")
        assert [one.id for one in await house.answers(viewer=house.sorrel)] == [answer.id]
    assert "I could not delete it" in told


async def test_an_answer_for_one_person_can_be_deleted_too(house):
    async with house.bot():
        await house.ask(WHY_KAFKA)
        answer = (await house.answers(viewer=house.quince))[-1]
        assert KAFKA in answer.text
        await house.press(house.quince, answer, "delete")
        assert answer.id not in [one.id for one in await house.answers(viewer=house.quince)]
        assert await house.rows("SELECT state FROM answer") == [("removed",)]


async def test_the_buttons_under_a_direct_answer_work_too(house):
    async with house.bot():
        house.dm(WHY_KAFKA)
        answer = await house.answer(where=house.im())
        [told] = await house.press(house.quince, answer, "sources")
        await house.press(house.quince, answer, "helpful")
        assert await house.rows(FEEDBACK) == [(house.quince, True, "", "")]
        await house.press(house.quince, answer, "delete")
        assert answer.id not in [one.id for one in await house.answers(where=house.im())]
    assert KAFKA in told


async def test_an_answer_whose_message_somebody_deletes_is_gone_for_good(house):
    async with house.bot():
        answer = await asked_and_answered(house)
        house.delete(answer.id)
        await house.settled()
        assert await house.rows("SELECT state FROM answer") == [("removed",)]


# ---- for one person alone -----------------------------------------------------------------------------------------


async def test_what_only_the_asker_may_read_is_shown_to_them_alone_on_a_click(house):
    cellar = house.add_channel("cellar", members=[house.quince])
    house.seed(cellar, [(house.quince, PUMP)])
    async with house.bot():
        asked = house.mention(WHERE_PUMP)
        [declined] = await house.answers(asked, viewer=house.sorrel)
        offer = next(one for one in house.seen(viewer=house.quince) if "private" in one.actions)
        told = await house.press(house.quince, offer, "private")
        assert [one.text for one in await house.answers(asked, viewer=house.sorrel)] == [declined.text]
        assert await house.rows("SELECT count(*) FROM answer") == [(2,)]
    assert "Nothing found" in declined.text
    assert PUMP in "".join(told)
    assert house.shown_to(PUMP) == {house.quince}


async def test_nobody_is_shown_privately_what_they_may_not_read(house):
    cellar = house.add_channel("cellar", members=[house.quince])
    house.seed(cellar, [(house.quince, PUMP)])
    async with house.bot():
        declined = await asked_and_answered(house, WHERE_PUMP, who=house.sorrel)
        [(answer_id,)] = await house.rows("SELECT answer_id FROM answer")
        await house.forge(house.sorrel, declined, "private", str(answer_id))
    assert "Nothing found" in declined.text
    assert house.shown_to(PUMP) == set()
