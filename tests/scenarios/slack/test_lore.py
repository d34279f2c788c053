"""Questions and summaries by `/lore` on the fake Slack: for their sender alone, or for everybody in the channel."""

import re

from tests.scenarios.shared.test_summary import points
from tests.scenarios.slack.talk import KAFKA, PATIENCE, WHY_KAFKA, WORKING


async def lore(tidepool, text, *, who="", where=""):
    """Types `/lore TEXT`: what came with the acknowledgement, and everything its sender was told after it."""
    command = tidepool.slack.slash_command(who or tidepool.quince, where or tidepool.harvest, "/lore", text)
    at_once = await command.answer(PATIENCE)
    await tidepool.settled()
    return at_once, command.posts


async def test_a_question_by_command_is_acknowledged_at_once_and_answered_to_its_sender_alone(tidepool):
    async with tidepool.bot():
        for typed in (f"ask {WHY_KAFKA}", WHY_KAFKA, f"ask private {WHY_KAFKA}"):
            at_once, [answer] = await lore(tidepool, typed)
            assert await tidepool.answers(viewer=tidepool.sorrel) == [], typed
            assert at_once == {"response_type": "ephemeral", "text": "Looking …"}, typed
            assert answer["response_type"] == "ephemeral", typed
            assert answer["replace_original"] is True, typed
            assert KAFKA in answer["text"], typed


async def test_a_public_command_shows_everybody_who_asked_what(tidepool):
    slack, asked = tidepool.slack, f"<@{tidepool.tamarind}> why did we drop Kafka & <!here>?"
    async with tidepool.bot():
        for count, typed in enumerate((f"ask public {asked}", f"{asked} --public"), 1):
            _, posts = await lore(tidepool, typed)
            answers = await tidepool.answers(viewer=tidepool.sorrel)
            assert len(answers) == count, typed
            assert [post["text"] for post in posts] == ["I answer in the channel."], typed
            assert answers[-1].thread_ts is None, typed
            assert answers[-1].text.startswith("quince asked: @tamarind why did we drop Kafka &amp; here?"), typed
            assert KAFKA in answers[-1].text, typed
    assert not [one for one in slack.visible_payloads() if re.search(r"<[@!#]", str(one.payload))]


async def test_a_public_command_where_the_bot_is_not_is_answered_in_private(tidepool):
    attic = tidepool.slack.add_channel("attic", members=[tidepool.quince], bot_in=False)
    async with tidepool.bot():
        _, posts = await lore(tidepool, f"ask public {WHY_KAFKA}", where=attic)
    assert KAFKA in posts[-1]["text"]
    assert posts[-1]["response_type"] == "ephemeral"


async def test_a_command_in_a_direct_conversation_is_answered_there(tidepool):
    async with tidepool.bot():
        _, posts = await lore(tidepool, WHY_KAFKA, where=tidepool.im())
    assert KAFKA in posts[-1]["text"]


async def test_a_command_without_a_question_says_what_to_write(tidepool):
    async with tidepool.bot():
        _, [told] = await lore(tidepool, "ask")
        _, [helped] = await lore(tidepool, "help")
        _, [alone] = await lore(tidepool, "")
        _, [of_summary] = await lore(tidepool, "help summary")
        _, [stumbled] = await lore(tidepool, "sumary")
    assert alone["text"] == helped["text"]
    assert "summary" in of_summary["text"]
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
