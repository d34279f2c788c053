"""Questions, asked in every way there is, and answered once."""

from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA


async def test_a_mention_is_answered_where_it_was_asked_with_its_source(house):
    async with house.bot():
        asked = house.mention(WHY_KAFKA)
        answer = await house.answer(asked)
    for part in (KAFKA, "tamarind", "#harvest", "[1]"):
        assert part in answer.text, part
    assert not answer.is_working
    assert answer.only_for is None
    assert {"helpful", "unhelpful", "sources", "delete"} <= set(answer.actions)
    assert len(house.prompts) == 1


async def test_a_direct_message_is_answered_there(house):
    async with house.bot():
        house.dm(WHY_KAFKA)
        answer = await house.answer(where=house.im())
    assert KAFKA in answer.text
    assert not house.seen()


async def test_a_command_is_answered_to_who_gave_it_alone(house):
    async with house.bot():
        told = await house.ask(WHY_KAFKA)
        others = house.seen(viewer=house.sorrel)
    assert any(KAFKA in text for text in told)
    assert others == []


async def test_a_follow_up_needs_no_new_mention(house):
    async with house.bot():
        first = await house.answer(house.mention(WHY_KAFKA))
        house.reply(first, "and when did it cause outages?")
        await house.settled()
        assert len(house.seen()) == 2
    assert len(house.prompts) == 2


async def test_what_nobody_wrote_about_is_declined(house):
    async with house.bot():
        answer = await house.answer(house.mention("who painted the moon?"))
    assert "I did not find an answer to that. I searched #harvest." in answer.text
    assert house.prompts == []


async def test_thanks_are_no_question(house):
    async with house.bot():
        first = await house.answer(house.mention(WHY_KAFKA))
        house.reply(first, "thanks a lot!")
        await house.settled()
        assert len(house.seen()) == 1
