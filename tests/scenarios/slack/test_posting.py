"""Answers on a Slack that fails: lost, refused, too large, taken away. One visible answer, or none; never two."""

import pytest

from tests.scenarios.slack.talk import KAFKA, PATIENCE, WHY_KAFKA, WORKING, best_source, buttons


def in_thread(args):
    return bool(args.get("thread_ts"))


def with_buttons(args):
    return any(block["type"] == "actions" for block in args.get("blocks", ()))


def is_whole(tidepool, answer):
    return KAFKA in answer.text and "lore_helpful" in buttons(answer)


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
        {"status": 503, "times": 4},
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


async def test_an_answer_that_slack_does_not_take_at_all_is_made_again_later(tidepool):
    broken = tidepool.slack.faults.on("chat.update", error="internal_mood", times=None)
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        await tidepool.slack.until(lambda: broken.hits > 3, timeout=PATIENCE)
        tidepool.slack.faults.clear()
        assert is_whole(tidepool, await tidepool.answer(asked))


@pytest.mark.parametrize("lost", ["archived", "removed"])
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
        await tidepool.settled()
        [(outcome, tries)] = await tidepool.rows("SELECT outcome, tries FROM answer")
        assert outcome == "lost"
        assert tries == 1
        assert len(tidepool.prompts) == 1


# ---- stopped and started again ------------------------------------------------------------------------------------


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
