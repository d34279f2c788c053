"""Questions, asked in every way there is, and answered once."""

import pytest

from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA, best_source


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


async def test_a_question_in_a_private_channel_is_answered_there_from_what_stands_there(house):
    cellar = house.add_channel("cellar", members=[house.quince, house.sorrel])
    house.seed(cellar, [(house.sorrel, "The cellar door code is 4711")])
    async with house.bot():
        inside = house.mention("what is the cellar door code?", where=cellar)
        outside = house.mention("what is the cellar door code?", who=house.sorrel)
        answer = await house.answer(inside, where=cellar)
        refused = await house.answer(outside, viewer=house.tamarind)
    assert "4711" in answer.text
    assert "#cellar" in answer.text
    assert "4711" not in refused.text
    assert "#cellar" not in refused.text
    assert house.shown_to("4711") == {house.quince, house.sorrel}


async def test_a_question_that_is_told_three_times_is_answered_once(house):
    house.repeat_events()
    async with house.bot():
        asked = house.mention(WHY_KAFKA)
        await house.answer(asked)
        assert len(house.prompts) == 1


async def test_an_edited_question_is_not_answered_again(house):
    async with house.bot():
        asked = house.mention(WHY_KAFKA)
        await house.answer(asked)
        house.edit(asked, f"<@{house.us}> why did we drop Kafka at all?")
        await house.answer(asked)
        assert len(house.prompts) == 1


async def test_a_mention_that_an_edit_brings_is_answered_once(house):
    async with house.bot():
        forgot = house.say("why did we drop Kafka, please?")
        await house.settled()
        assert await house.answers(forgot) == []
        for words in ("why did we drop Kafka, please?", "why did we drop Kafka at all?"):
            house.edit(forgot, house.naming(words))
            await house.answer(forgot)
        assert len(house.prompts) == 1
        assert await house.rows("SELECT body FROM message WHERE message_id = %(id)s", id=forgot) == [("",)]


async def test_who_goes_on_with_a_mention_is_remembered(house):
    async with house.bot():
        first = await house.answer(house.mention(WHY_KAFKA))
        house.mention("and who decided that?", thread=house.root(first))
        await house.settled()
        assert WHY_KAFKA in house.prompts[1]


@pytest.mark.parametrize("text", ["<@{sorrel}> and who decided that?", "@here and who decided that?", "👍!!"])
async def test_words_after_an_answer_that_are_not_for_the_bot_are_left_alone(house, text):
    async with house.bot():
        answer = await house.answer(house.mention(WHY_KAFKA))
        house.reply(answer, text.format(sorrel=house.sorrel).replace("@here", house.everybody))
        assert [one.id for one in await house.answers()] == [answer.id]


async def test_in_a_strict_channel_each_question_wants_a_mention(house):
    async with house.bot():
        assert "threads: strict" in await house.order("config", key="threads", value="strict")
        answer = await house.answer(house.mention(WHY_KAFKA), viewer=house.sorrel)
        house.reply(answer, "and who decided that?")
        assert [one.id for one in await house.answers(viewer=house.sorrel)] == [answer.id]
        house.mention("and who decided that?", thread=house.root(answer))
        assert len(await house.answers(viewer=house.sorrel)) == 2


async def test_a_bare_mention_is_asked_back(house):
    async with house.bot():
        answer = await house.answer(house.mention(""))
        assert house.prompts == []
    assert "Please say more" in answer.text
    assert "There was no question in that message" in answer.text


async def test_names_stand_for_mentions_and_nothing_the_bot_says_pings_anybody(house):
    picker = house.add_bot("picker")

    def echo(prompt):
        asked = prompt.partition("Question: ")[2].splitlines()[0]
        pings = f"<@{house.quince}> {house.everybody} @here @everyone <#{house.harvest}>"
        return f"{best_source(prompt)} You asked: {asked} {pings}"

    house.seed(house.harvest, [(house.sorrel, "picker and tamarind told everyone why we drop Kafka")])
    async with house.bot(echo):
        asked = house.mention(f"why did <@{picker}> and <@{house.tamarind}> drop Kafka, {house.everybody}?")
        answer = await house.answer(asked)
        assert "Question: why did @picker and @tamarind drop Kafka" in house.prompts[0]
    assert "You asked" in answer.text
    assert house.pings() == []


async def test_a_call_for_help_is_told_what_the_bot_can_do(house):
    async with house.bot():
        house.mention("what can you do?")
        house.dm("help")
        house.dm("help", who=house.medlar)
        await house.settled()
        assert any("ask" in one.text for one in house.seen(viewer=house.quince))
        [alone] = [one.text for one in house.seen(where=house.im())]
        [admin] = [one.text for one in house.seen(where=house.im(house.medlar))]
        assert house.prompts == []
    assert "/lore reindex" in admin
    assert "/lore reindex" not in alone
