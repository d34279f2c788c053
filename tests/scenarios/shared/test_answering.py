"""How an answer comes into being: a sign at once, a place in the queue, a pace, and never silence."""

from itertools import pairwise

import pytest

from bot.errors import ModelUnavailable
from tests.scenarios.shared.house import WORKING
from tests.scenarios.slack.talk import KAFKA, LONG, WHY_KAFKA, best_source

CHAPTERS = range(1, 10)


def long_answer(prompt):
    return f"{best_source(prompt)}\n\n{LONG}"


def chapters(parts):
    """In which parts each chapter of a long answer begins."""
    return [[at for at, part in enumerate(parts) if f"{number}. The press" in part.text] for number in CHAPTERS]


async def test_the_asker_sees_a_sign_before_the_model_has_written_a_word(house):
    async with house.bot(delay_seconds=1.0):
        asked = house.mention(WHY_KAFKA)
        sign = await house.appears(WORKING, asked)
        assert KAFKA.split()[1] not in sign.text
        await house.appears("Decision: we", asked)
        assert [one.id for one in house.seen() if one.asked == asked] == [sign.id]


async def test_five_people_at_a_slow_model_are_told_their_places_and_all_are_answered(house):
    people = [house.quince, house.tamarind, house.sorrel, house.medlar, house.add_person("juniper")]
    async with house.bot(parallel=1, delay_seconds=0.1):
        questions = [house.mention(WHY_KAFKA, who=person) for person in people]
        for place in ("1 question is", "2 questions are", "3 questions are", "4 questions are"):
            await house.appears(f"Waiting: {place} before yours")
        answers = [await house.answer(asked) for asked in questions]
        assert all(KAFKA in answer.text for answer in answers)
        assert len(house.prompts) == 5
    assert len({one.id for one in answers}) == 5


async def test_an_answer_grows_at_a_pace_that_the_platform_allows(house):
    async with house.bot(lambda prompt: f"{best_source(prompt)} {'and so on ' * 20}", delay_seconds=0.08):
        answer = await house.answer(house.mention(WHY_KAFKA))
    growing = [(at, text) for at, text in house.growth(answer) if text.endswith(" …")]
    assert len(growing) >= 3
    assert all(later - earlier >= 1.4 for (earlier, _), (later, _) in pairwise(growing))
    lengths = [len(text) for _, text in growing]
    assert lengths == sorted(lengths)
    assert not house.growth(answer)[-1][1].endswith("…")


async def test_a_direct_answer_grows_too_and_ends_with_its_sources(house):
    async with house.bot(lambda prompt: f"{best_source(prompt)}\n{'The press wants oil. ' * 40}", delay_seconds=0.02):
        house.dm(WHY_KAFKA)
        await house.appears("Decision: we", where=house.im())
        answer = await house.answer(where=house.im())
    assert KAFKA in answer.text
    assert "#harvest" in answer.text
    assert "helpful" in answer.actions
    assert "private" not in answer.actions


# ---- outcomes -----------------------------------------------------------------------------------------------------


async def test_a_decline_looks_like_one_and_says_where_the_bot_looked(house):
    async with house.bot():
        answer = await house.answer(house.mention("who waters the orchids on Sundays?"))
        assert house.prompts == []
    assert answer.text.startswith(house.marks["declined"])
    assert "I searched #harvest" in answer.text
    assert [action for action in answer.actions if action != "private"] == ["helpful", "unhelpful", "delete"]


async def test_an_unsure_answer_is_marked_as_one(house):
    async with house.bot(lambda prompt: f"{best_source(prompt)}\nElephants prefer bananas."):
        answer = await house.answer(house.mention(WHY_KAFKA))
    assert answer.text.startswith(house.marks["unsure"])
    assert KAFKA in answer.text


async def test_words_without_any_source_give_way_to_what_was_written(house):
    async with house.bot(lambda _: "Elephants prefer bananas."):
        answer = await house.answer(house.mention(WHY_KAFKA))
    assert "Elephants" not in answer.text
    assert f"“{KAFKA}”" in answer.text


async def test_without_the_model_the_nearest_messages_are_shown(house):
    def away(_):
        raise ModelUnavailable

    async with house.bot(away):
        answer = await house.answer(house.mention(WHY_KAFKA))
    assert "The language model is not available right now." in answer.text
    assert KAFKA in answer.text
    assert "sources" in answer.actions


async def test_a_fault_of_the_program_is_told_in_a_sentence(house):
    def broken(_):
        raise RuntimeError("tamarind dropped the secret jar")

    async with house.bot(broken):
        answer = await house.answer(house.mention(WHY_KAFKA))
        [(state, outcome)] = await house.rows("SELECT state, outcome FROM answer")
    sentence = "Something went wrong on my side, so I have no answer for you. Please ask again."
    assert answer.text.startswith(house.marks["failed"] + sentence)
    assert answer.actions == ()
    assert (state, outcome) == ("posted", "failed")
    assert house.shown_to("jar") == set()


async def test_a_database_that_goes_away_in_mid_answer_is_told_within_seconds(house, proxy):
    def cut(prompt):
        proxy.refuse()
        return best_source(prompt)

    async with house.bot(cut, database=proxy.url):
        asked = house.mention(WHY_KAFKA)
        told = await house.appears("I cannot reach the message index right now", asked)
        assert told.text.startswith(house.marks["failed"])
        proxy.restore()
        assert (await house.answer(asked)).id == told.id


async def test_a_question_asked_while_the_database_is_away_is_answered_when_it_is_back(house, proxy):
    house.tell_again_soon()
    async with house.bot(database=proxy.url):
        proxy.refuse()
        asked = house.mention(WHY_KAFKA)
        await house.unheard()
        assert house.seen() == []
        proxy.restore()
        await house.appears(KAFKA, asked)
        assert KAFKA in (await house.answer(asked)).text


# ---- long answers -------------------------------------------------------------------------------------------------


async def test_a_long_answer_is_split_into_messages_in_order_and_deleted_as_one(house):
    async with house.bot(long_answer):
        asked = house.mention(WHY_KAFKA)
        parts = await house.answers(asked)
        [(places,)] = await house.rows("SELECT places FROM answer")
        assert len(parts) > 2
        assert [part.id for part in parts] == places
        found = chapters(parts)
        assert [len(where) for where in found] == [1] * len(CHAPTERS)
        assert found == sorted(found)
        assert [bool(part.actions) for part in parts] == [False] * (len(parts) - 1) + [True]
        await house.press(house.quince, parts[-1], "delete")
        assert await house.answers(asked, viewer=house.tamarind) == []


async def test_a_long_direct_answer_goes_on_in_further_messages(house):
    async with house.bot(long_answer):
        house.dm(WHY_KAFKA)
        parts = await house.answers(where=house.im())
        [(places,)] = await house.rows("SELECT places FROM answer")
    assert [part.id for part in parts] == places
    assert [len(where) for where in chapters(parts)] == [1] * len(CHAPTERS)


async def test_when_a_source_is_deleted_a_long_answer_shrinks_to_one_notice(house):
    async with house.bot(long_answer):
        asked = house.mention(WHY_KAFKA)
        assert len(await house.answers(asked)) > 2
        house.delete(house.decision)
        notice = await house.answer(asked)
    assert "This answer was removed" in notice.text
    assert "Kafka" not in notice.text
    assert notice.actions == ()


# ---- bots ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["in answer to its question", "in answer to ours"])
async def test_another_bot_is_answered_three_times_then_told_so_then_ignored(house, way):
    picker = house.add_bot("picker")
    async with house.bot():
        asked = house.mention(WHY_KAFKA, who=picker)
        counts = [len(await house.answers())]
        for _ in range(5):
            said = house.seen()[-1]
            house.mention(
                WHY_KAFKA, who=picker, thread=asked if way == "in answer to its question" else house.root(said)
            )
            counts.append(len(await house.answers()))
        assert counts == [1, 2, 3, 4, 4, 4]
        assert "stop" in house.seen()[-1].text.partition("three questions of bots")[2]
        assert len(house.prompts) == 3
        house.mention(WHY_KAFKA, thread=asked)
        assert KAFKA in (await house.answers())[-1].text


@pytest.mark.parametrize("answer_bots", [True, False])
async def test_a_webhook_is_a_bot_too_and_with_answer_bots_off_none_is_answered(house, answer_bots):
    picker = house.add_bot("picker")
    async with house.bot(answer_bots=answer_bots):
        asked = {house.say_as_hook(house.naming(WHY_KAFKA)), house.mention(WHY_KAFKA, who=picker)}
        answered = {one.asked for one in await house.answers() if KAFKA in one.text}
        assert answered == (asked if answer_bots else set())
        assert len(house.seen()) == len(answered)


async def test_a_webhook_too_is_answered_three_times_then_told_so_then_ignored(house):
    async with house.bot():
        asked = house.say_as_hook(house.naming(WHY_KAFKA))
        assert KAFKA in (await house.answer(asked)).text
        for _ in range(4):
            house.say_as_hook(house.naming(WHY_KAFKA), after=asked)
            await house.settled()
        assert len(house.seen()) == 4
        assert len(house.prompts) == 3


async def test_the_bot_never_answers_itself(house):
    async with house.bot():
        house.mention(WHY_KAFKA, who=house.us)
        await house.settled()
        assert house.prompts == []
        assert len(house.seen()) == 1


async def test_where_it_is_switched_off_it_says_so_and_asks_no_model(house):
    async with house.bot():
        await house.order("config", key="bot", value="off")
        told = await house.answer(house.mention(WHY_KAFKA), viewer=house.quince)
        assert house.prompts == []
    assert "I am switched off in this channel" in told.text
    assert told.only_for == (house.quince if house.whispers else None)
    assert told.actions == ()


# ---- stopped ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False])
async def test_a_stop_while_the_model_writes_leaves_the_question_to_the_next_start(house, answered):
    async with house.bot(delay_seconds=0.2 if answered else 5.0):
        asked = house.mention(WHY_KAFKA)
        begun = await house.appears("Decision:" if answered else WORKING, asked)
    async with house.bot(learned=False):
        answer = await house.answer(asked)
    assert KAFKA in answer.text
    assert "helpful" in answer.actions
    assert answer.id == begun.id
