"""Answers on a Slack that fails: lost, refused, too large, taken away. One visible answer, or none; never two."""

import pytest

from tests.scenarios.slack.talk import KAFKA, LONG, PATIENCE, WHY_KAFKA, WORKING, best_source, buttons


def in_thread(args):
    return bool(args.get("thread_ts"))


def with_buttons(args):
    return any(block["type"] == "actions" for block in args.get("blocks", ()))


def is_whole(tidepool, answer):
    return KAFKA in answer.text and "lore_helpful" in buttons(answer)


@pytest.mark.parametrize("done", [True, False])
async def test_a_post_whose_answer_is_lost_is_looked_for_before_it_is_made_again(tidepool, done):
    tidepool.slack.faults.on("chat.postMessage", drop=True, done=done, where=in_thread)
    async with tidepool.bot():
        answer = await tidepool.answer(tidepool.mention(WHY_KAFKA))
    assert is_whole(tidepool, answer)


async def test_a_post_that_can_for_a_while_not_be_looked_for_is_still_not_made_twice(tidepool):
    faults = tidepool.slack.faults
    faults.on("chat.postMessage", drop=True, done=True, where=in_thread)
    faults.on("conversations.replies", status=503, times=3)
    async with tidepool.bot():
        answer = await tidepool.answer(tidepool.mention(WHY_KAFKA))
    assert is_whole(tidepool, answer)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503, "times": 4},
        {"drop": True},
        {"drop": True, "done": True},
        {"retry_after": 1},
        {"retry_after": 1, "times": 2},
        {"bad_json": True},
        {"error": "fatal_error"},
        {"error": "invalid_blocks"},
        {"error": "msg_too_long"},
        {"error": "msg_blocks_too_long"},
    ],
)
async def test_a_last_edit_that_fails_is_made_again_and_the_answer_arrives(tidepool, fault):
    tidepool.slack.faults.on("chat.update", where=with_buttons, **fault)
    async with tidepool.bot():
        answer = await tidepool.answer(tidepool.mention(WHY_KAFKA))
    assert KAFKA in answer.text
    assert "#harvest" in answer.text
    assert WORKING not in answer.text


async def test_a_lost_post_is_found_at_the_end_of_a_long_thread_too(tidepool):
    slack = tidepool.slack
    root = tidepool.decision
    slack.seed(tidepool.harvest, [(tidepool.sorrel, f"well, well, {number}", None, root) for number in range(210)])
    slack.faults.on("chat.postMessage", drop=True, done=True, where=in_thread)
    async with tidepool.bot():
        tidepool.mention(WHY_KAFKA, thread_ts=root)
        assert is_whole(tidepool, await tidepool.answer(root))


async def test_slack_asking_for_patience_at_the_first_post_only_delays_it(tidepool):
    tidepool.slack.faults.on("chat.postMessage", retry_after=1, times=2, where=in_thread)
    async with tidepool.bot():
        assert is_whole(tidepool, await tidepool.answer(tidepool.mention(WHY_KAFKA)))


async def test_an_answer_that_slack_does_not_take_at_all_is_made_again_later(tidepool):
    broken = tidepool.slack.faults.on("chat.update", error="internal_mood", times=None)
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        await tidepool.slack.until(lambda: broken.hits > 3, timeout=PATIENCE)
        tidepool.slack.faults.clear()
        assert is_whole(tidepool, await tidepool.answer(asked))


async def test_a_placeholder_that_somebody_deletes_ends_the_answer_quietly(tidepool):
    async with tidepool.bot(delay_seconds=0.3):
        asked = tidepool.mention(WHY_KAFKA)
        sign = await tidepool.appears(WORKING, asked)
        tidepool.slack.delete(tidepool.harvest, sign.ts)
        assert await tidepool.answers(asked) == []
        [(outcome,)] = await tidepool.rows("SELECT coalesce(outcome, state) FROM answer")
    assert outcome in {"lost", "removed"}


async def test_a_question_that_is_deleted_in_mid_answer_still_ends(tidepool):
    async with tidepool.bot(delay_seconds=0.3):
        asked = tidepool.mention(WHY_KAFKA)
        await tidepool.appears(WORKING, asked)
        tidepool.slack.delete(tidepool.harvest, asked)
        await tidepool.settled()
        assert len(tidepool.seen(asked)) <= 1


@pytest.mark.parametrize("lost", ["archived", "removed", "deleted"])
async def test_a_channel_lost_in_mid_answer_makes_no_noise_and_no_loop(tidepool, lost):
    slack = tidepool.slack
    async with tidepool.bot(delay_seconds=0.3):
        asked = tidepool.mention(WHY_KAFKA)
        await tidepool.appears("Decision:", asked)
        match lost:
            case "archived":
                slack.archive(tidepool.harvest)
                slack.faults.on("chat.update", error="is_archived", times=None)
            case "removed":
                slack.leave(tidepool.harvest, slack.bot_user_id)
                slack.faults.on("chat.update", error="channel_not_found", times=None)
            case "deleted":
                slack.delete_channel(tidepool.harvest)
        await tidepool.settled()
        [(outcome, tries)] = await tidepool.rows("SELECT outcome, tries FROM answer")
        assert outcome == "lost"
        assert tries == 1
        assert len(tidepool.prompts) == 1


# ---- stopped and started again ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
@pytest.mark.parametrize("done", [True, False])
async def test_a_stop_while_slack_is_being_told_leaves_one_answer_after_the_next_start(tidepool, method, done):
    slack = tidepool.slack
    where = in_thread if method == "chat.postMessage" else with_buttons
    held = slack.faults.on(method, hold=True, done=done, drop=True, where=where)
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        await slack.until(held.reached.is_set, timeout=PATIENCE)
    slack.faults.clear()
    async with tidepool.bot(learned=False):
        assert is_whole(tidepool, await tidepool.answer(asked))


@pytest.mark.parametrize("again", ["as long", "short"])
async def test_a_stop_between_the_messages_of_a_long_answer_leaves_each_once_and_none_too_many(tidepool, again):
    slack = tidepool.slack
    held = slack.faults.on("chat.postMessage", nth=3, hold=True, done=True, drop=True, where=in_thread)

    def long(prompt):
        return f"{best_source(prompt)}\n\n{LONG}"

    async with tidepool.bot(long):
        asked = tidepool.mention(WHY_KAFKA)
        await slack.until(held.reached.is_set, timeout=PATIENCE)
    slack.faults.clear()
    async with tidepool.bot(long if again == "as long" else best_source, learned=False):
        parts = await tidepool.answers(asked)
        [(places,)] = await tidepool.rows("SELECT places FROM answer")
    assert [part.ts for part in parts] == places
    whole = "".join(part.text for part in parts)
    times = [1 if again == "as long" else 0] * 9
    assert [whole.count(f"{number}. The press") for number in range(1, 10)] == times


async def test_a_stop_in_mid_generation_is_taken_up_in_the_same_message(tidepool):
    async with tidepool.bot(delay_seconds=0.2):
        asked = tidepool.mention(WHY_KAFKA)
        begun = await tidepool.appears("Decision:", asked)
    async with tidepool.bot(learned=False):
        answer = await tidepool.answer(asked)
    assert answer.ts == begun.ts
    assert is_whole(tidepool, answer)


@pytest.mark.parametrize("after", ["chat.startStream", "chat.appendStream"])
async def test_a_stop_in_the_middle_of_a_stream_leaves_one_answer(tidepool, after):
    slack, im = tidepool.slack, tidepool.im()
    held = slack.faults.on(after, hold=True, done=True, drop=True)

    def wordy(prompt):
        return f"{best_source(prompt)}\n{'The press wants oil. ' * 30}"

    async with tidepool.bot(wordy, delay_seconds=0.01):
        asked = tidepool.dm(WHY_KAFKA)
        await slack.until(held.reached.is_set, timeout=PATIENCE)
    slack.faults.clear()
    async with tidepool.bot(wordy, learned=False):
        answer = await tidepool.answer(asked, where=im)
    assert KAFKA in answer.text
    assert not answer.is_streaming
