"""Questions in channels on the fake Slack: who is answered, once, in its thread, however often Slack tells of it."""

import pytest

from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA, WORKING, buttons, shown


async def test_a_mention_is_answered_in_its_thread_with_mark_author_age_channel_and_link(tidepool):
    slack = tidepool.slack
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        answer = await tidepool.answer(asked)
    link = slack.permalink(tidepool.harvest, tidepool.decision)
    assert f"{KAFKA} <{link}|[1]>" in answer.text
    for part in ("`[1]` *tamarind*", "just now (", "#harvest", f"<{link}|open>", f"“{KAFKA}”"):
        assert part in shown(answer), part
    assert buttons(answer) == ["lore_helpful", "lore_unhelpful", "lore_sources", "lore_delete"]
    assert answer.message["metadata"]["event_payload"]["answer_id"]
    posts = [call for call in slack.calls_of("chat.postMessage") if call.args.get("thread_ts") == asked]
    assert len(posts) == 1
    assert {str(posts[0].args[name]).lower() for name in ("unfurl_links", "unfurl_media")} <= {"false", "0"}


@pytest.mark.parametrize("order", ["mention first", "message first", "mention only", "message only"])
async def test_one_mention_is_one_question_whichever_events_tell_of_it(tidepool, order):
    faults = tidepool.slack.faults
    match order:
        case "mention first":
            faults.on_event("message", reorder=1, where=lambda event: "Kafka?" in event.get("text", ""))
        case "mention only":
            faults.on_event("message", drop=True, where=lambda event: "Kafka?" in event.get("text", ""))
        case "message only":
            faults.on_event("app_mention", drop=True)
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        answer = await tidepool.answer(asked)
        assert len(tidepool.prompts) == 1
    assert KAFKA in answer.text


async def test_a_question_delivered_over_and_over_even_after_a_restart_is_answered_once(tidepool):
    slack = tidepool.slack
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        first = await tidepool.answer(asked)
        events = [one.event_id for one in slack.deliveries if "Kafka?" in one.event.get("text", "")]
        for event_id in [*events, *events]:
            slack.redeliver(event_id)
        assert await tidepool.answers(asked) == [first]
        assert len(tidepool.prompts) == 1
    async with tidepool.bot():
        for event_id in [*events, *events]:
            slack.redeliver(event_id)
        assert await tidepool.answers(asked) == [first]
        assert tidepool.prompts == []
    assert len(set(events)) == 2


async def test_an_acknowledgement_that_is_lost_makes_no_second_answer(tidepool):
    server = tidepool.slack.server
    server.retry_delays = (0.0, 0.0, 0.0)
    async with tidepool.bot():
        server.ack_seconds = 0.0
        asked = tidepool.mention(WHY_KAFKA)
        told = [one for one in tidepool.slack.deliveries if "Kafka?" in one.event.get("text", "")]
        await tidepool.slack.until(lambda: sum(one.attempts for one in told) == 4 * len(told), timeout=20)
        server.ack_seconds = 3.0
        await tidepool.appears("three outages", asked)
        await tidepool.answer(asked)
        assert len(tidepool.prompts) == 1


@pytest.mark.parametrize("place", ["shared", "group", "configured"])
async def test_where_not_everybody_may_see_it_only_the_asker_sees_the_answer(tidepool, place):
    slack, where = tidepool.slack, tidepool.harvest
    match place:
        case "shared":
            stranger = slack.add_user("stranger", stranger=True)
            where = slack.add_channel("fair", ext_shared=True, members=[tidepool.quince, tidepool.tamarind, stranger])
        case "group":
            where = slack.add_channel("", mpim=True, members=[tidepool.quince, tidepool.tamarind])
    async with tidepool.bot():
        if place == "configured":
            await tidepool.order("config replies private")
        asked = tidepool.mention(WHY_KAFKA, where=where)
        working, answer = await tidepool.answers(asked, where=where)
    assert WORKING in working.text
    assert KAFKA in answer.text
    assert answer.ephemeral_for == tidepool.quince


# ---- threads ------------------------------------------------------------------------------------------------------


async def test_words_in_the_thread_that_are_not_for_the_bot_are_left_alone(tidepool):
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        answer = await tidepool.answer(asked)
        tidepool.say("<!here> and who decided that?", asked)
        tidepool.say("and who decided that?", asked, who=tidepool.sorrel)
        tidepool.say(":thumbsup:!!", asked)
        assert await tidepool.answers(asked) == [answer]


async def test_the_thread_itself_is_context_where_the_past_of_the_channel_cannot_be_read(tidepool):
    slack = tidepool.slack
    root, _ = slack.seed(
        tidepool.harvest,
        [
            (tidepool.sorrel, "Press two stands still", "1790000000.000100"),
            (tidepool.tamarind, "The spare pump is behind the cider barrels", "1790000001.000100", "1790000000.000100"),
        ],
    )
    slack.faults.on("conversations.history", status=500, times=None)
    async with tidepool.bot(learned=False):
        await slack.until(lambda: slack.bot_messages(tidepool.harvest), timeout=20)
        tidepool.mention("so where is the spare pump?", thread_ts=root)
        answer = await tidepool.answer(root)
    assert "behind the cider barrels" in answer.text
    assert "*tamarind*" in shown(answer)
