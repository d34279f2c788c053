"""Questions and summaries by `/lore` on the fake Slack: for their sender alone, or for everybody in the channel."""

import re

import pytest

from tests.scenarios.slack.talk import KAFKA, LONG, PATIENCE, WHY_KAFKA, WORKING, best_source


async def lore(tidepool, text, *, who="", where=""):
    """Types `/lore TEXT`: what came with the acknowledgement, and everything its sender was told after it."""
    command = tidepool.slack.slash_command(who or tidepool.quince, where or tidepool.harvest, "/lore", text)
    at_once = await command.answer(PATIENCE)
    await tidepool.settled()
    return at_once, command.posts


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
