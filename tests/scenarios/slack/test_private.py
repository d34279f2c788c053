"""Answers for one person on the fake Slack: direct messages, the assistant pane, and the shortcut."""

import pytest

from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA, best_source, buttons, shown


def wordy(prompt):
    return f"{best_source(prompt)}\n{'The press wants oil. ' * 40}"


# ---- direct messages ----------------------------------------------------------------------------------------------


async def test_a_direct_message_shows_a_status_then_streams_and_ends_with_its_sources(tidepool):
    slack, im = tidepool.slack, tidepool.im()
    async with tidepool.bot(wordy, delay_seconds=0.005):
        asked = tidepool.dm(WHY_KAFKA)
        answer = await tidepool.answer(asked, where=im)
    assert KAFKA in answer.text
    assert f"<{slack.permalink(tidepool.harvest, tidepool.decision)}|open>" in shown(answer)
    assert "lore_helpful" in buttons(answer)
    assert not answer.is_streaming
    here = [call.method for call in slack.calls if im in {call.args.get("channel"), call.args.get("channel_id")}]
    ways = [method for method in dict.fromkeys(here) if method != "conversations.info"]
    assert ways == [
        "assistant.threads.setStatus",
        "chat.startStream",
        "chat.appendStream",
        "chat.stopStream",
        "chat.update",
    ]
    appended = slack.calls_of("chat.appendStream")
    assert all(len(call.args["markdown_text"]) >= 256 for call in appended)
    assert slack.status_of(im, asked) == ""


@pytest.mark.parametrize("missing", ["chat.*Stream", "assistant.threads.setStatus", "both"])
async def test_where_slack_knows_no_streams_a_direct_answer_is_edited(tidepool, missing):
    for method in ("chat.*Stream", "assistant.threads.setStatus"):
        if missing in {method, "both"}:
            tidepool.slack.faults.on(method, error="unknown_method", times=None)
    im = tidepool.im()
    async with tidepool.bot(wordy, delay_seconds=0.02):
        answer = await tidepool.answer(tidepool.dm(WHY_KAFKA), where=im)
    assert KAFKA in answer.text
    assert "lore_helpful" in buttons(answer)
    assert tidepool.slack.calls_of("chat.update")


@pytest.mark.parametrize("fault", [{"status": 500}, {"retry_after": 1}, {"drop": True, "done": True}, {"error": "x"}])
@pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
async def test_a_stream_that_breaks_ends_as_one_whole_answer(tidepool, method, fault):
    tidepool.slack.faults.on(method, **fault)
    async with tidepool.bot(wordy, delay_seconds=0.005):
        answer = await tidepool.answer(tidepool.dm(WHY_KAFKA), where=tidepool.im())
    assert KAFKA in answer.text
    assert "lore_helpful" in buttons(answer)
    assert not answer.is_streaming


async def test_with_streaming_switched_off_a_direct_answer_is_edited(tidepool):
    async with tidepool.bot(wordy, delay_seconds=0.02, streaming="off"):
        answer = await tidepool.answer(tidepool.dm(WHY_KAFKA), where=tidepool.im())
    assert KAFKA in answer.text
    assert tidepool.slack.calls_of("chat.startStream") == []


# ---- the pane -----------------------------------------------------------------------------------------------------


async def test_opening_the_pane_suggests_questions_for_no_thread_in_particular(tidepool):
    slack = tidepool.slack
    async with tidepool.bot():
        slack.open_home(tidepool.quince, tab="home")
        slack.open_home(tidepool.quince)
        await tidepool.settled()
    [call] = slack.calls_of("assistant.threads.setSuggestedPrompts")
    assert "thread_ts" not in call.args
    assert call.outcome == "ok"
    prompts = slack.prompts[tidepool.im()]
    assert 1 <= len(prompts) <= 4
    assert all(prompt["title"] and prompt["message"].strip() for prompt in prompts)


# ---- the shortcut -------------------------------------------------------------------------------------------------
