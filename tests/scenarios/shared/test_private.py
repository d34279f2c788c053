"""Answers for one person: direct messages, commands, and the command in the menu of a message."""

from tests.scenarios.shared.test_answering import chapters
from tests.scenarios.slack.talk import KAFKA, LONG, WHY_KAFKA, best_source

CODE = "The cellar door code is 4711"
WHICH_CODE = "what is the cellar door code?"


async def test_a_direct_answer_draws_on_what_the_asker_may_read_and_follows_the_talk(house):
    cellar = house.add_channel("cellar", members=[house.sorrel])
    house.seed(cellar, [(house.sorrel, CODE)])
    async with house.bot():
        asked = house.dm(WHICH_CODE, who=house.sorrel)
        house.dm(WHICH_CODE, who=house.quince)
        assert CODE in (await house.answer(where=house.im(house.sorrel))).text
        assert "4711" not in (await house.answer(where=house.im(house.quince))).text
        house.dm("and who said that?", who=house.sorrel, after=asked)
        assert CODE in (await house.answers(where=house.im(house.sorrel)))[1].text
    assert house.shown_to("4711") == {house.sorrel}


async def test_what_is_said_to_the_bot_alone_is_never_learned(house):
    async with house.bot():
        house.dm("The spare key lies under the rhubarb pot")
        await house.answer(where=house.im())
        house.dm("The rhubarb pot is blue", after=house.dm("hello"))
        asked = house.mention("where is the spare key under the rhubarb pot?", who=house.tamarind)
        answer = await house.answer(asked)
        assert await house.rows("SELECT body FROM message WHERE body ILIKE '%%rhubarb%%'") == []
    assert answer.text.startswith(house.marks["declined"])


async def test_asking_about_a_message_is_answered_to_who_asked_alone(house):
    question = "which three outages this winter caused us to drop Kafka?"
    [asked_of] = house.seed(house.harvest, [(house.tamarind, question, 1)])
    async with house.bot():
        told = await house.ask_about(asked_of)
        assert house.seen(viewer=house.sorrel) == []
        assert house.text_of(asked_of) == question
    assert KAFKA in "".join(told)


async def test_a_long_private_answer_arrives_whole_and_in_order(house):
    async with house.bot(lambda prompt: f"{best_source(prompt)}\n\n{LONG}"):
        await house.ask(WHY_KAFKA)
        parts = await house.answers(viewer=house.quince)
        assert house.seen(viewer=house.sorrel) == []
    found = chapters(parts)
    assert [len(where) for where in found] == [1] * 9
    assert found == sorted(found)
    assert all(one.only_for == house.quince for one in parts)


async def test_a_private_command_is_seen_by_nobody_else_and_a_public_one_by_everybody(house):
    async with house.bot():
        await house.ask(WHY_KAFKA)
        assert house.shown_to(KAFKA) == {house.quince}
        await house.ask(WHY_KAFKA, public=True)
        [answer] = [one for one in await house.answers(viewer=house.sorrel) if KAFKA in one.text]
    assert answer.only_for is None
