"""Answers on a platform that fails: lost, refused, taken away. One visible answer, or none; never two."""

import pytest

from tests.scenarios.shared.house import WORKING
from tests.scenarios.slack.talk import KAFKA, LONG, WHY_KAFKA, best_source


def is_whole(answer):
    return (
        all(part in answer.text for part in (KAFKA, "#harvest"))
        and "helpful" in answer.actions
        and (WORKING not in answer.text)
    )


def long_answer(prompt):
    return f"{best_source(prompt)}\n\n{LONG}"


@pytest.mark.parametrize("done", [True, False])
async def test_a_post_whose_response_is_lost_is_not_made_twice(house, done):
    house.fail("post", drop=True, done=done)
    async with house.bot():
        assert is_whole(await house.answer(house.mention(WHY_KAFKA)))


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503, "times": 2},
        {"drop": True},
        {"drop": True, "done": True},
        {"retry_after": 1},
        {"retry_after": 1, "times": 2},
        {"bad_json": True},
    ],
)
async def test_a_last_edit_that_fails_is_made_again_and_the_answer_arrives(house, fault):
    house.fail("ending", **fault)
    async with house.bot():
        assert is_whole(await house.answer(house.mention(WHY_KAFKA)))


async def test_a_platform_that_asks_for_patience_at_the_first_post_only_delays_it(house):
    house.fail("post", retry_after=1, times=2)
    async with house.bot():
        assert is_whole(await house.answer(house.mention(WHY_KAFKA)))


async def test_an_answer_that_the_platform_does_not_take_is_told_of_in_a_sentence(house):
    house.fail("ending", error=house.refusal, times=None)
    async with house.bot():
        answer = await house.answer(house.mention(WHY_KAFKA))
    assert WORKING not in answer.text


async def test_a_placeholder_that_somebody_deletes_ends_the_answer_quietly(house):
    async with house.bot(delay_seconds=0.3):
        asked = house.mention(WHY_KAFKA)
        sign = await house.appears(WORKING, asked)
        house.delete(sign.id)
        assert await house.answers(asked) == []
        [(outcome,)] = await house.rows("SELECT coalesce(outcome, state) FROM answer")
    assert outcome in {"lost", "removed"}


async def test_a_question_that_is_deleted_in_mid_answer_still_ends(house):
    async with house.bot(delay_seconds=0.3):
        asked = house.mention(WHY_KAFKA)
        await house.appears(WORKING, asked)
        house.delete(asked)
        await house.settled()
        assert len(house.seen()) <= 1
        [(state,)] = await house.rows("SELECT state FROM answer")
    assert state in {"posted", "removed"}


async def test_a_channel_deleted_in_mid_answer_makes_no_noise_and_no_loop(house):
    async with house.bot(delay_seconds=0.3):
        asked = house.mention(WHY_KAFKA)
        await house.appears("Decision:", asked)
        house.delete_channel(house.harvest)
        await house.settled()
        [(outcome, tries)] = await house.rows("SELECT outcome, tries FROM answer")
        assert (outcome, tries) == ("lost", 1)
        assert len(house.prompts) == 1


# ---- stopped and started again ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["post", "ending"])
@pytest.mark.parametrize("done", [True, False])
async def test_a_stop_while_the_platform_is_being_told_leaves_one_answer_after_the_next_start(house, what, done):
    held = house.fail(what, hold=True, done=done, drop=True)
    async with house.bot():
        asked = house.mention(WHY_KAFKA)
        await house.happens(held)
    house.mend()
    async with house.bot(learned=False):
        assert is_whole(await house.answer(asked))


@pytest.mark.parametrize("again", ["as long", "short"])
async def test_a_stop_between_the_messages_of_a_long_answer_leaves_each_once_and_none_too_many(house, again):
    held = house.fail("post", nth=3, hold=True, done=True, drop=True)
    async with house.bot(long_answer):
        asked = house.mention(WHY_KAFKA)
        await house.happens(held)
    house.mend()
    async with house.bot(long_answer if again == "as long" else best_source, learned=False):
        parts = await house.answers(asked)
        [(places,)] = await house.rows("SELECT places FROM answer")
    assert [part.id for part in parts] == places
    times = [sum(f"{number}. The press" in part.text for part in parts) for number in range(1, 10)]
    assert times == [1 if again == "as long" else 0] * 9
