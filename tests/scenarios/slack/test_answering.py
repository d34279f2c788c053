"""How an answer comes into being on the fake Slack: a sign at once, a place in the queue, a pace, and never silence."""

from itertools import pairwise

import pytest

from bot.errors import ModelUnavailable
from tests.scenarios.slack.talk import KAFKA, LONG, PATIENCE, WHY_KAFKA, WORKING, best_source, buttons, shown


async def test_the_asker_sees_a_sign_before_the_model_has_written_a_word(tidepool):
    async with tidepool.bot(delay_seconds=1.0):
        asked = tidepool.mention(WHY_KAFKA)
        sign = await tidepool.appears(WORKING, asked)
        assert KAFKA.split()[1] not in sign.text
        await tidepool.appears("Decision: we", asked)
        assert [one.ts for one in tidepool.seen(asked)] == [sign.ts]


async def test_five_people_at_a_slow_model_are_told_their_places_and_all_are_answered(tidepool):
    slack = tidepool.slack
    people = [tidepool.quince, tidepool.tamarind, tidepool.sorrel, tidepool.medlar, slack.add_user("juniper")]
    async with tidepool.bot(parallel=1, delay_seconds=0.1):
        questions = [tidepool.mention(WHY_KAFKA, who=person) for person in people]
        for place in ("1 question is", "2 questions are", "3 questions are", "4 questions are"):
            await tidepool.appears(f"Waiting: {place} before yours")
        answers = [await tidepool.answer(asked) for asked in questions]
        assert all(KAFKA in answer.text for answer in answers)
        assert len(tidepool.prompts) == 5
    assert len({one.ts for one in answers}) == 5


async def test_a_long_answer_grows_at_a_pace_that_slack_allows(tidepool):
    async with tidepool.bot(lambda prompt: f"{best_source(prompt)} {'and so on ' * 20}", delay_seconds=0.08):
        asked = tidepool.mention(WHY_KAFKA)
        answer = await tidepool.answer(asked)
    edits = [call for call in tidepool.slack.calls_of("chat.update") if call.args["ts"] == answer.ts]
    growing = [call for call in edits if call.args["text"].endswith(" …")]
    assert len(growing) >= 3
    assert all(later.at - earlier.at >= 1.4 for earlier, later in pairwise(growing))
    lengths = [len(call.args["text"]) for call in growing]
    assert lengths == sorted(lengths)
    assert edits[-1] not in growing
    assert not answer.text.endswith("…")


# ---- outcomes -----------------------------------------------------------------------------------------------------


async def test_a_decline_looks_like_one_and_says_where_the_bot_looked(tidepool):
    async with tidepool.bot():
        answer = await tidepool.answer(tidepool.mention("who waters the orchids on Sundays?"))
        assert tidepool.prompts == []
    assert answer.text.startswith(":mag: *Nothing found*")
    assert "I searched #harvest" in answer.text
    assert buttons(answer) == ["lore_helpful", "lore_unhelpful", "lore_delete"]


async def test_an_unsure_answer_is_marked_as_one(tidepool):
    async with tidepool.bot(lambda prompt: f"{best_source(prompt)}\nElephants prefer bananas."):
        answer = await tidepool.answer(tidepool.mention(WHY_KAFKA))
    assert answer.text.startswith(":warning: *Unsure*")
    assert KAFKA in answer.text


async def test_words_without_any_source_give_way_to_what_was_written(tidepool):
    async with tidepool.bot(lambda _: "Elephants prefer bananas."):
        answer = await tidepool.answer(tidepool.mention(WHY_KAFKA))
    assert "Elephants" not in answer.text
    assert f"“{KAFKA}”" in answer.text


async def test_without_the_model_the_nearest_messages_are_shown(tidepool):
    def away(_):
        raise ModelUnavailable

    async with tidepool.bot(away):
        answer = await tidepool.answer(tidepool.mention(WHY_KAFKA))
    assert "The language model is not available right now." in answer.text
    assert KAFKA in answer.text
    assert "lore_sources" in buttons(answer)


async def test_a_fault_of_the_program_is_told_in_a_sentence(tidepool):
    def broken(_):
        raise RuntimeError("tamarind dropped the secret jar")

    async with tidepool.bot(broken):
        answer = await tidepool.answer(tidepool.mention(WHY_KAFKA))
        [(state, outcome)] = await tidepool.rows("SELECT state, outcome FROM answer")
    assert answer.text == ":x: Something went wrong on my side, so I have no answer for you. Please ask again."
    assert (state, outcome) == ("posted", "failed")
    assert "jar" not in str([one.payload for one in tidepool.slack.visible_payloads()])


async def test_a_database_that_goes_away_in_mid_answer_is_told_within_seconds(tidepool, proxy):
    def cut(prompt):
        proxy.refuse()
        return best_source(prompt)

    async with tidepool.bot(cut, database=proxy.url):
        asked = tidepool.mention(WHY_KAFKA)
        told = await tidepool.appears(":x: I cannot reach the message index right now", asked)
        proxy.restore()
        assert (await tidepool.answer(asked)).ts == told.ts


async def test_a_question_asked_while_the_database_is_away_is_answered_when_it_is_back(tidepool, proxy):
    server = tidepool.slack.server
    server.ack_seconds, server.retry_delays = 2.0, (0.1, 1.0, 1.0)
    async with tidepool.bot(database=proxy.url):
        proxy.refuse()
        asked = tidepool.mention(WHY_KAFKA)
        told = [one for one in tidepool.slack.deliveries if "Kafka?" in one.event.get("text", "")]
        await tidepool.slack.until(lambda: all(one.attempts > 1 for one in told), timeout=PATIENCE)
        proxy.restore()
        answer = await tidepool.answer(asked)
    assert KAFKA in answer.text


# ---- long answers -------------------------------------------------------------------------------------------------


async def test_a_long_answer_is_split_into_messages_in_order_and_deleted_as_one(tidepool):
    slack = tidepool.slack
    async with tidepool.bot(lambda prompt: f"{best_source(prompt)}\n\n{LONG}"):
        asked = tidepool.mention(WHY_KAFKA)
        parts = await tidepool.answers(asked)
        [(places,)] = await tidepool.rows("SELECT places FROM answer")
        assert len(parts) > 2
        assert [part.ts for part in parts] == places
        positions = ["".join(part.text for part in parts).index(f"{number}. The press") for number in range(1, 10)]
        assert positions == sorted(positions)
        assert [bool(buttons(part)) for part in parts] == [False] * (len(parts) - 1) + [True]
        slack.click(tidepool.quince, parts[-1].ts, "lore_delete")
        assert await tidepool.answers(asked) == []


async def test_when_a_source_is_deleted_a_long_answer_shrinks_to_one_notice(tidepool):
    slack = tidepool.slack
    async with tidepool.bot(lambda prompt: f"{best_source(prompt)}\n\n{LONG}"):
        asked = tidepool.mention(WHY_KAFKA)
        assert len(await tidepool.answers(asked)) > 2
        slack.delete(tidepool.harvest, tidepool.decision)
        notice = await tidepool.answer(asked)
    assert "This answer was removed" in notice.text
    assert "Kafka" not in shown(notice)


# ---- bots ---------------------------------------------------------------------------------------------------------


async def test_another_bot_is_answered_three_times_a_thread_then_told_so_then_ignored(tidepool):
    slack = tidepool.slack
    picker = slack.add_user("picker", bot=True)
    slack.join(tidepool.harvest, picker, silent=True)
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA, who=picker)
        counts = [len(await tidepool.answers(asked))]
        for _ in range(5):
            tidepool.mention(WHY_KAFKA, who=picker, thread_ts=asked)
            counts.append(len(await tidepool.answers(asked)))
        assert counts == [1, 2, 3, 4, 4, 4]
        assert "stop here" in tidepool.seen(asked)[-1].text
        assert len(tidepool.prompts) == 3
        tidepool.mention(WHY_KAFKA, thread_ts=asked)
        assert KAFKA in (await tidepool.answers(asked))[-1].text


async def test_a_bot_that_came_after_the_start_is_known_as_one_at_its_first_mention(tidepool):
    slack = tidepool.slack
    slack.faults.on_event("message", drop=True, times=None, where=lambda event: "Kafka?" in event.get("text", ""))
    async with tidepool.bot():
        picker = slack.add_user("picker", bot=True)
        asked = tidepool.mention(WHY_KAFKA, who=picker)
        for _ in range(4):
            await tidepool.settled()
            tidepool.mention(WHY_KAFKA, who=picker, thread_ts=asked)
        assert len(await tidepool.answers(asked)) == 4
        assert len(tidepool.prompts) == 3


async def test_a_webhook_is_a_bot_too_and_with_answer_bots_off_none_is_answered(tidepool):
    async with tidepool.bot():
        asked = tidepool.slack.post(
            tidepool.harvest,
            None,
            f"<@{tidepool.slack.bot_user_id}> {WHY_KAFKA}",
            subtype="bot_message",
            bot_id="B0PICKER1",
        )
        assert KAFKA in (await tidepool.answer(asked)).text
        for _ in range(4):
            tidepool.slack.post(
                tidepool.harvest,
                None,
                f"<@{tidepool.slack.bot_user_id}> {WHY_KAFKA}",
                subtype="bot_message",
                bot_id="B0PICKER1",
                thread_ts=asked,
            )
            await tidepool.settled()
        assert len(tidepool.seen(asked)) == 4
    async with tidepool.bot(answer_bots=False):
        asked = tidepool.mention(WHY_KAFKA, who=tidepool.slack.add_user("crate", bot=True))
        assert await tidepool.answers(asked) == []


async def test_the_bot_never_answers_itself(tidepool):
    slack = tidepool.slack
    async with tidepool.bot():
        tidepool.mention(WHY_KAFKA, who=slack.bot_user_id)
        await tidepool.settled()
        assert tidepool.prompts == []
        assert len(tidepool.seen()) == 1


async def test_where_it_is_switched_off_it_says_so_once_and_to_the_asker_alone(tidepool):
    async with tidepool.bot():
        await tidepool.order("config bot off")
        asked = tidepool.mention(WHY_KAFKA)
        told = await tidepool.answer(asked, viewer=tidepool.quince)
        assert tidepool.prompts == []
    assert "I am switched off in this channel" in told.text
    assert told.ephemeral_for == tidepool.quince


@pytest.mark.parametrize("answered", [True, False])
async def test_a_stop_while_the_model_writes_leaves_the_question_to_the_next_start(tidepool, answered):
    async with tidepool.bot(delay_seconds=0.2 if answered else 5.0):
        asked = tidepool.mention(WHY_KAFKA)
        await tidepool.appears("Decision:" if answered else WORKING, asked)
    async with tidepool.bot(learned=False):
        answer = await tidepool.answer(asked)
    assert KAFKA in answer.text
