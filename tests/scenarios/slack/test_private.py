"""Answers for one person on the fake Slack: direct messages, the assistant pane, and the shortcut."""

import pytest

from tests.scenarios.slack.talk import KAFKA, LONG, WHY_KAFKA, best_source, buttons, shown


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


async def test_a_long_direct_answer_goes_on_in_further_messages(tidepool):
    async with tidepool.bot(lambda prompt: f"{best_source(prompt)}\n\n{LONG}"):
        parts = await tidepool.answers(tidepool.dm(WHY_KAFKA), where=tidepool.im())
        [(places,)] = await tidepool.rows("SELECT places FROM answer")
    assert [part.ts for part in parts] == places
    whole = "".join(part.text for part in parts)
    assert [whole.count(f"{number}. The press") for number in range(1, 10)] == [1] * 9


async def test_with_streaming_switched_off_a_direct_answer_is_edited(tidepool):
    async with tidepool.bot(wordy, delay_seconds=0.02, streaming="off"):
        answer = await tidepool.answer(tidepool.dm(WHY_KAFKA), where=tidepool.im())
    assert KAFKA in answer.text
    assert tidepool.slack.calls_of("chat.startStream") == []


async def test_a_direct_answer_draws_on_what_the_asker_may_read_and_follows_the_talk(tidepool):
    slack = tidepool.slack
    cellar = slack.add_channel("cellar", private=True, members=[tidepool.sorrel])
    slack.seed(cellar, [(tidepool.sorrel, "The cellar door code is 4711")])
    async with tidepool.bot():
        ours = tidepool.dm("what is the cellar door code?", who=tidepool.sorrel)
        theirs = tidepool.dm("what is the cellar door code?", who=tidepool.quince)
        assert "4711" in (await tidepool.answer(ours, where=tidepool.im(tidepool.sorrel))).text
        assert "4711" not in shown(await tidepool.answer(theirs, where=tidepool.im(tidepool.quince)))
        tidepool.dm("and who said that?", who=tidepool.sorrel, thread_ts=ours)
        assert "4711" in (await tidepool.answers(ours, where=tidepool.im(tidepool.sorrel)))[1].text


async def test_what_is_said_to_the_bot_alone_is_never_learned(tidepool):
    async with tidepool.bot():
        await tidepool.answer(tidepool.dm("The spare key lies under the rhubarb pot"), where=tidepool.im())
        tidepool.dm("The rhubarb pot is blue", thread_ts=tidepool.dm("hello"))
        asked = tidepool.mention("where is the spare key under the rhubarb pot?", who=tidepool.tamarind)
        answer = await tidepool.answer(asked)
        assert await tidepool.rows("SELECT body FROM message WHERE body ILIKE '%%rhubarb%%'") == []
    assert ":mag: *Nothing found*" in answer.text


async def test_a_direct_message_without_words_is_asked_back(tidepool):
    slack, im = tidepool.slack, tidepool.im()
    image = slack.add_file("press.png", b"\x89PNG", user=tidepool.quince, mimetype="image/png")
    async with tidepool.bot():
        asked = slack.post(im, tidepool.quince, "", files=[image])
        assert "There was no question in that message" in (await tidepool.answer(asked, where=im)).text


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


async def test_the_shortcut_asks_about_a_message_for_its_user_alone_and_leaves_the_message_as_it_is(tidepool):
    slack = tidepool.slack
    async with tidepool.bot():
        asked_of = tidepool.say("why did we drop Kafka again?", who=tidepool.tamarind)
        slack.message_shortcut(tidepool.quince, tidepool.harvest, asked_of, "lore_ask")
        answer = await tidepool.answer()
    assert answer.ephemeral_for == tidepool.quince
    assert KAFKA in answer.text
    message = next(one for one in slack.transcript(tidepool.harvest) if one.ts == asked_of)
    assert message.text == "why did we drop Kafka again?"
