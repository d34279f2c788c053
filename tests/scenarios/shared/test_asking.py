"""Questions, asked in every way there is, and answered once."""

import pytest

from bot.assistant import MOST_CHARACTERS
from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA, best_source

TOO_LONG = "That question is too long for me to read"


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
        _, second = await house.answers()
        assert KAFKA in second.text
        assert WHY_KAFKA in house.prompts[1]
    assert len(house.prompts) == 2


async def test_the_asker_goes_on_after_a_restart(house):
    async with house.bot():
        first = await house.answer(house.mention(WHY_KAFKA))
    async with house.bot(learned=False):
        house.reply(first, "and when did it cause outages?")
        _, second = await house.answers()
        assert KAFKA in second.text
        [prompt] = house.prompts
        assert WHY_KAFKA in prompt


async def test_what_nobody_wrote_about_is_declined(house):
    async with house.bot():
        answer = await house.answer(house.mention("who painted the moon?"))
    assert "I did not find an answer to that. I searched #harvest." in answer.text
    assert house.prompts == []


async def test_thanks_are_no_question(house):
    async with house.bot():
        first = await house.answer(house.mention(WHY_KAFKA))
        house.reply(first, "thanks a lot!")
        assert len(await house.answers()) == 1
        house.mention("thank you!", thread=house.root(first))
        await house.settled()
        thanked = [
            [text for text in house.sees(who) if "You are welcome" in text] for who in (house.quince, house.sorrel)
        ]
    assert len(house.prompts) == 1
    assert [len(texts) for texts in thanked] == [1, 0 if house.whispers else 1]


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


async def test_an_edited_question_is_not_answered_again_but_a_mention_that_an_edit_brings_is(house):
    async with house.bot():
        asked = house.mention(WHY_KAFKA)
        await house.answer(asked)
        house.edit(asked, f"<@{house.us}> why did we drop Kafka at all?")
        await house.answer(asked)
        assert len(house.prompts) == 1
        forgot = house.say("did we drop Kafka because it caused three outages this winter?")
        assert await house.answers(forgot) == []
        house.edit(forgot, house.naming("did we drop Kafka because it caused three outages this winter?"))
        await house.answer(forgot)
        house.edit(forgot, house.naming("why did we drop Kafka then?"))
        await house.answer(forgot)
        assert len(house.prompts) == 2


async def test_who_goes_on_with_a_mention_is_remembered(house):
    async with house.bot():
        first = await house.answer(house.mention(WHY_KAFKA))
        house.mention("and who decided that?", thread=house.root(first))
        await house.settled()
        assert WHY_KAFKA in house.prompts[1]


async def test_words_after_an_answer_that_are_not_for_the_bot_are_left_alone(house):
    async with house.bot():
        answer = await house.answer(house.mention(WHY_KAFKA))
        for text in (f"<@{house.sorrel}> and who decided that?", f"{house.everybody} and who decided that?", "👍!!"):
            house.reply(answer, text)
            assert [one.id for one in await house.answers()] == [answer.id], text


async def test_the_bot_stays_out_of_threads_where_nobody_asked_it(house):
    async with house.bot():
        root = house.say("the press squeaks again", who=house.tamarind)
        house.say_in_thread(root, "does it want oil?")
        assert await house.answers() == await house.answers(where=house.in_thread(root)) == []
        house.say_in_thread(root, house.naming(WHY_KAFKA))
        assert KAFKA in (await house.answer(where=house.in_thread(root))).text


async def test_a_bare_mention_in_a_thread_asks_about_the_message_that_began_it(house):
    question = "which three outages this winter caused us to drop Kafka?"
    [root] = house.seed(house.harvest, [(house.sorrel, question, 1)])
    async with house.bot():
        house.say_in_thread(root, house.naming(""))
        answer = await house.answer(where=house.in_thread(root))
        assert house.prompts, answer.text
        assert question in house.prompts[0].partition("Question: ")[2]
    assert KAFKA in answer.text


async def test_in_a_strict_channel_each_question_wants_a_mention(house):
    async with house.bot():
        assert "threads: strict" in await house.order("config", key="threads", value="strict")
        answer = await house.answer(house.mention(WHY_KAFKA), viewer=house.sorrel)
        house.reply(answer, "and who decided that?")
        assert [one.id for one in await house.answers(viewer=house.sorrel)] == [answer.id]
        house.mention("and who decided that?", thread=house.root(answer))
        assert len(await house.answers(viewer=house.sorrel)) == 2


@pytest.mark.parametrize("image", [False, True])
async def test_who_names_the_bot_without_words_is_asked_back(house, image):
    async with house.bot():
        answer = await house.answer(house.mention("", image=image))
        assert house.prompts == []
    assert answer.text.startswith(house.marks["asked back"])
    assert "There was no question in that message" in answer.text


async def test_who_sends_the_bot_an_image_alone_is_asked_back(house):
    async with house.bot():
        house.dm("", image=True)
        answer = await house.answer(where=house.im())
    assert "There was no question in that message" in answer.text


async def test_the_longest_message_of_the_platform_is_answered_or_refused_with_a_sentence(house):
    text = (f"{WHY_KAFKA} " * (house.longest // len(WHY_KAFKA)))[: house.longest - 30]
    async with house.bot():
        answer = await house.answer(house.mention(text))
        assert len(house.prompts) == (0 if house.longest > MOST_CHARACTERS else 1)
    assert (TOO_LONG in answer.text) is (house.longest > MOST_CHARACTERS)
    assert (KAFKA in answer.text) is (house.longest <= MOST_CHARACTERS)


async def test_a_command_with_a_question_beyond_what_the_bot_reads_is_refused_with_a_sentence(house):
    async with house.bot():
        told = await house.ask((f"{WHY_KAFKA} " * MOST_CHARACTERS)[: MOST_CHARACTERS + 1000])
        assert house.prompts == []
    assert TOO_LONG in told[-1]


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
    assert any("@picker" in text for text, _ in house.payloads())
    assert house.pings() == []


async def test_what_somebody_typed_to_look_like_a_ping_is_quoted_without_power(house):
    house.seed(house.harvest, [(house.sorrel, f"The quarry key: ask {house.typed_pings}")])
    async with house.bot():
        answer = await house.answer(house.mention("the quarry key?"))
        told = await house.press(house.quince, answer, "sources")
    assert "The quarry key: ask" in answer.text
    assert house.quoted_pings in "".join(told)
    assert house.pings() == []


async def test_a_question_asked_while_the_past_is_still_being_read_is_told_so(house):
    reading = house.hold_history()
    async with house.bot(learned=False):
        await house.happens(reading)
        early = await house.appears("I am still reading the past of #harvest", house.mention(WHY_KAFKA))
        reading.release()
        await house.learned()
        late = await house.answer(house.mention(WHY_KAFKA))
        lost = await house.answer(house.mention("who painted the moon?"))
    assert "three outages" not in early.text
    assert "three outages" in late.text
    assert "still reading" not in lost.text


async def test_a_call_for_help_is_told_what_the_bot_can_do(house):
    async with house.bot():
        house.mention("what can you do?")
        house.dm("help")
        house.dm("help", who=house.medlar)
        await house.settled()
        [in_channel] = [one.text for one in house.seen(viewer=house.quince)]
        [alone] = [one.text for one in house.seen(where=house.im())]
        [admin] = [one.text for one in house.seen(where=house.im(house.medlar))]
        assert house.prompts == []
    assert house.ask_by in in_channel
    assert in_channel == alone
    assert "/lore reindex" in admin
    assert "/lore reindex" not in alone
