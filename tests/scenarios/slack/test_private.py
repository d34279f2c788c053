"""Answers for one person on the fake Slack: direct messages, the assistant pane, the shortcut, and `/lore`."""

import re

import pytest

from tests.scenarios.slack.talk import KAFKA, PATIENCE, WHY_KAFKA, WORKING, best_source, buttons, shown


def wordy(prompt):
    return f"{best_source(prompt)}\n{'The press wants oil. ' * 40}"


LONG = "\n\n".join(f"{number}. The press wants oil, " + "water, " * 300 for number in range(1, 10))


async def lore(tidepool, text, *, who="", where=""):
    """Types `/lore TEXT`: what came with the acknowledgement, and everything its sender was told after it."""
    command = tidepool.slack.slash_command(who or tidepool.quince, where or tidepool.harvest, "/lore", text)
    at_once = await command.answer(PATIENCE)
    await tidepool.settled()
    return at_once, command.posts


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


# ---- /lore --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["ask {}", "{}", "ask private {}"])
async def test_a_question_by_command_is_acknowledged_at_once_and_answered_to_its_sender_alone(tidepool, typed):
    async with tidepool.bot():
        at_once, posts = await lore(tidepool, typed.format(WHY_KAFKA))
        assert await tidepool.answers(viewer=tidepool.sorrel) == []
    assert at_once == {"response_type": "ephemeral", "text": "Looking …"}
    [answer] = posts
    assert answer["response_type"] == "ephemeral"
    assert answer["replace_original"] is True
    assert KAFKA in answer["text"]


@pytest.mark.parametrize("typed", ["ask public {}", "{} --public"])
async def test_a_public_command_shows_everybody_who_asked_what(tidepool, typed):
    slack = tidepool.slack
    async with tidepool.bot():
        _, posts = await lore(tidepool, typed.format(f"<@{tidepool.tamarind}> why did we drop Kafka & <!here>?"))
        [answer] = await tidepool.answers(viewer=tidepool.sorrel)
    assert [post["text"] for post in posts] == ["I answer in the channel."]
    assert answer.thread_ts is None
    assert answer.text.startswith("quince asked: @tamarind why did we drop Kafka &amp; here?")
    assert KAFKA in answer.text
    assert not [one for one in slack.visible_payloads() if re.search(r"<[@!#]", str(one.payload))]


async def test_a_public_command_where_the_bot_is_not_is_answered_in_private(tidepool):
    attic = tidepool.slack.add_channel("attic", members=[tidepool.quince], bot_in=False)
    async with tidepool.bot():
        _, posts = await lore(tidepool, f"ask public {WHY_KAFKA}", where=attic)
    assert KAFKA in posts[-1]["text"]
    assert posts[-1]["response_type"] == "ephemeral"


async def test_a_long_private_answer_arrives_whole_and_in_order(tidepool):
    async with tidepool.bot(lambda prompt: f"{best_source(prompt)}\n\n{LONG}"):
        await lore(tidepool, WHY_KAFKA)
        answers = await tidepool.answers(viewer=tidepool.quince)
    whole = "".join(one.text for one in answers)
    places = [whole.index(f"{number}. The press") for number in range(1, 10)]
    assert places == sorted(places)
    assert [whole.count(f"{number}. The press") for number in range(1, 10)] == [1] * 9
    assert all(one.ephemeral_for == tidepool.quince for one in answers)


async def test_a_command_in_a_direct_conversation_is_answered_there(tidepool):
    async with tidepool.bot():
        _, posts = await lore(tidepool, WHY_KAFKA, where=tidepool.im())
    assert KAFKA in posts[-1]["text"]


async def test_a_command_without_a_question_says_what_to_write(tidepool):
    async with tidepool.bot():
        _, [told] = await lore(tidepool, "ask")
        _, [helped] = await lore(tidepool, "help")
        _, [stumbled] = await lore(tidepool, "sumary")
    assert "/lore ask why did we drop Kafka" in told["text"]
    assert "/lore summary" in helped["text"]
    assert "/lore reindex" not in helped["text"]
    assert "did you mean `/lore summary`" in stumbled["text"]


async def test_a_response_address_that_no_longer_works_gives_way_to_an_ephemeral_message(tidepool):
    tidepool.slack.faults.on("response_url", status=404, times=None)
    async with tidepool.bot():
        await lore(tidepool, WHY_KAFKA)
        answers = await tidepool.answers(viewer=tidepool.quince)
    assert [one.ephemeral_for for one in answers if KAFKA in one.text] == [tidepool.quince]
    assert not [one for one in answers if WORKING in one.text]


# ---- summaries ----------------------------------------------------------------------------------------------------


def talk_of(tidepool):
    """A thread and a remark in #harvest; the ts of the first message."""
    [root] = tidepool.slack.seed(tidepool.harvest, [(tidepool.sorrel, "When do the Kafka brokers go?")])
    tidepool.slack.seed(
        tidepool.harvest,
        [
            (tidepool.tamarind, "Decision: the brokers go on 12 May, after the audit", None, root),
            (tidepool.quince, "I will tell the bakeries about the brokers", None, root),
        ],
    )
    return root


def points(prompt):
    """A model that sums up: the last source as its only point."""
    last = [line for line in prompt.splitlines() if line.startswith("[")][-1]
    return f"- {last.split(': ', 1)[1]} {last.split()[0]}"


async def test_a_summary_of_the_channel_is_for_its_sender_and_cites_what_was_said(tidepool):
    talk_of(tidepool)
    async with tidepool.bot(points):
        _, [told] = await lore(tidepool, "summary")
        assert await tidepool.answers(viewer=tidepool.sorrel) == []
    assert "4 messages by 3 people since" in told["text"]
    assert "|[1]>" in told["text"]
    assert "#harvest" in told["text"]


async def test_a_thread_is_summed_up_by_its_link_and_a_channel_since_a_day(tidepool):
    root = talk_of(tidepool)
    link = tidepool.slack.permalink(tidepool.harvest, root)
    async with tidepool.bot(points):
        _, [of_thread] = await lore(tidepool, f"summary <{link}>")
        _, [since] = await lore(tidepool, f"summary <#{tidepool.harvest}|harvest> since yesterday")
        _, [later] = await lore(tidepool, "summary since 2019-02-30")
    assert "3 messages by 3 people in this thread" in of_thread["text"]
    assert "audit" in of_thread["text"]
    assert "4 messages" in since["text"]
    assert "|[1]>" not in later["text"]


async def test_a_public_summary_says_who_asked_for_it(tidepool):
    talk_of(tidepool)
    async with tidepool.bot(points):
        await lore(tidepool, "summary public")
        answer = await tidepool.answer(viewer=tidepool.sorrel)
    assert answer.text.startswith("quince asked for a summary")


async def test_a_channel_that_is_closed_to_the_sender_reads_like_an_empty_one(tidepool):
    slack = tidepool.slack
    cellar = slack.add_channel("cellar", private=True, members=[tidepool.sorrel])
    [secret] = slack.seed(cellar, [(tidepool.sorrel, "The cellar door code is 4711, decided today")])
    empty = slack.add_channel("attic", members=[tidepool.quince])
    async with tidepool.bot(points):
        told = [(await lore(tidepool, f"summary <#{place}>"))[1][-1] for place in (cellar, empty, "C09999999")]
        _, [own] = await lore(tidepool, f"summary <#{cellar}>", who=tidepool.sorrel)
        _, [linked] = await lore(tidepool, f"summary {slack.permalink(cellar, secret)}")
    assert len({re.sub(r"[0-9a-f-]{36}", "ID", str(post)) for post in told}) == 1
    assert "4711" in own["text"]
    assert "There is nothing to sum up in this thread" in linked["text"]
