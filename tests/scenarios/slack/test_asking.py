"""Questions in channels on the fake Slack: who is answered, once, in its thread, however often Slack tells of it."""

import re

import pytest

from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA, WORKING, best_source, buttons, shown


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


async def test_a_question_in_a_private_channel_is_answered_there_from_what_stands_there(tidepool):
    slack = tidepool.slack
    cellar = slack.add_channel("cellar", private=True, members=[tidepool.quince, tidepool.sorrel])
    slack.seed(cellar, [(tidepool.sorrel, "The cellar door code is 4711")])
    async with tidepool.bot():
        inside = tidepool.mention("what is the cellar door code?", where=cellar)
        outside = tidepool.mention("what is the cellar door code?", who=tidepool.sorrel)
        answer = await tidepool.answer(inside, where=cellar)
        refused = await tidepool.answer(outside, viewer=tidepool.tamarind)
    assert "4711" in answer.text
    assert "#cellar" in shown(answer)
    assert "4711" not in shown(refused)
    assert "cellar" not in refused.text.partition("\n")[2]
    leaked = [one for one in slack.visible_payloads() if "4711" in str(one.payload)]
    assert all(one.audience <= {tidepool.quince, tidepool.sorrel} for one in leaked)


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


async def test_an_edited_question_is_not_answered_again_but_a_mention_that_an_edit_brings_is(tidepool):
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        await tidepool.answer(asked)
        tidepool.slack.edit(tidepool.harvest, asked, f"<@{tidepool.slack.bot_user_id}> why did we drop Kafka at all?")
        await tidepool.answer(asked)
        forgot = tidepool.say("why did we drop Kafka, please?")
        assert await tidepool.answers(forgot) == []
        tidepool.slack.edit(tidepool.harvest, forgot, f"<@{tidepool.slack.bot_user_id}> why did we drop Kafka, please?")
        await tidepool.answer(forgot)


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


async def test_the_asker_goes_on_in_the_thread_without_a_mention_and_the_bot_remembers(tidepool):
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        await tidepool.answer(asked)
        tidepool.say("and who decided that?", asked)
        first, second = await tidepool.answers(asked)
        assert WHY_KAFKA in tidepool.prompts[1]
        assert first.text in second.text or KAFKA in second.text


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("<@{sorrel}> and who decided that?", "quince"),
        ("<!here> and who decided that?", "quince"),
        ("and who decided that?", "sorrel"),
        (":thumbsup:!!", "quince"),
    ],
)
async def test_words_in_the_thread_that_are_not_for_the_bot_are_left_alone(tidepool, text, speaker):
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        answer = await tidepool.answer(asked)
        tidepool.say(text.format(sorrel=tidepool.sorrel), asked, who=getattr(tidepool, speaker))
        assert await tidepool.answers(asked) == [answer]


async def test_in_a_strict_channel_each_question_wants_a_mention(tidepool):
    async with tidepool.bot():
        assert "threads: strict" in await tidepool.order("config threads strict")
        asked = tidepool.mention(WHY_KAFKA)
        answer = await tidepool.answer(asked)
        tidepool.say("and who decided that?", asked)
        assert await tidepool.answers(asked) == [answer]
        tidepool.mention("and who decided that?", thread_ts=asked)
        assert len(await tidepool.answers(asked)) == 2


async def test_the_bot_stays_out_of_threads_where_nobody_asked_it(tidepool):
    async with tidepool.bot():
        root = tidepool.say("the press squeaks again", who=tidepool.tamarind)
        tidepool.say("does it want oil?", root)
        assert await tidepool.answers() == []
        tidepool.mention(WHY_KAFKA, thread_ts=root)
        assert KAFKA in (await tidepool.answer(root)).text


async def test_a_bare_mention_in_a_thread_asks_about_the_thread(tidepool):
    async with tidepool.bot():
        root = tidepool.say("why did we drop Kafka again?", who=tidepool.sorrel)
        tidepool.mention("", thread_ts=root)
        answer = await tidepool.answer(root)
        assert KAFKA in answer.text
        assert "Question: why did we drop Kafka again?" in tidepool.prompts[0]


async def test_a_bare_mention_outside_a_thread_and_one_with_an_image_only_are_asked_back(tidepool):
    image = tidepool.slack.add_file("press.png", b"\x89PNG", user=tidepool.quince, mimetype="image/png")
    async with tidepool.bot():
        for asked in (tidepool.mention(""), tidepool.mention("", files=[image])):
            answer = await tidepool.answer(asked)
            assert "Please say more" in answer.text
            assert "There was no question in that message" in answer.text
        assert tidepool.prompts == []


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


# ---- texts --------------------------------------------------------------------------------------------------------


async def test_a_question_of_forty_thousand_characters_is_refused_with_a_sentence(tidepool):
    async with tidepool.bot():
        answer = await tidepool.answer(tidepool.mention("why did we drop Kafka? " * 1740))
        assert "too long for me to read" in answer.text
        assert tidepool.prompts == []


async def test_names_stand_for_mentions_and_nothing_the_bot_says_pings_anybody(tidepool):
    slack = tidepool.slack
    picker = slack.add_user("picker", bot=True)

    def echo(prompt):
        asked = prompt.partition("Question: ")[2].splitlines()[0]
        return f"{best_source(prompt)} You asked: {asked} <@{tidepool.quince}> <!channel> @here <#{tidepool.harvest}>"

    slack.seed(tidepool.harvest, [(tidepool.sorrel, "picker and tamarind told everyone why we drop Kafka")])
    async with tidepool.bot(echo):
        asked = tidepool.mention(f"why did <@{picker}> and <@{tidepool.tamarind}> drop Kafka, <!everyone>?")
        await tidepool.answer(asked)
        assert "Question: why did @picker and @tamarind drop Kafka" in tidepool.prompts[0]
    said = [str(one.payload) for one in slack.visible_payloads()]
    assert any("@picker" in text for text in said)
    assert not [text for text in said if re.search(r"<[@!#]", text)]


async def test_what_somebody_typed_to_look_like_a_ping_is_quoted_without_power(tidepool):
    slack = tidepool.slack
    slack.seed(
        tidepool.harvest, [(tidepool.sorrel, "The quarry key: ask &lt;!channel&gt; or &lt;@U00000003&gt; @here")]
    )
    async with tidepool.bot():
        answer = await tidepool.answer(tidepool.mention("the quarry key?"))
        [told] = await tidepool.press(tidepool.quince, answer, "lore_sources")
    assert "The quarry key: ask" in shown(answer)
    assert "&lt;!channel&gt;" in told
    assert not [one for one in slack.visible_payloads() if re.search(r"<[@!#]|@here", str(one.payload))]


async def test_a_question_asked_while_the_past_is_still_being_read_is_told_so(tidepool):
    reading = tidepool.slack.faults.on("conversations.history", hold=True)
    async with tidepool.bot(learned=False):
        await reading.reached.wait()
        early = await tidepool.appears("I am still reading the past of #harvest", tidepool.mention(WHY_KAFKA))
        reading.release()
        await tidepool.learned()
        late = await tidepool.answer(tidepool.mention(WHY_KAFKA))
        lost = await tidepool.answer(tidepool.mention("who painted the moon?"))
    assert "three outages" not in early.text
    assert "three outages" in late.text
    assert "still reading" not in lost.text


async def test_thanks_in_a_thread_are_not_answered_and_thanks_to_the_bot_briefly(tidepool):
    async with tidepool.bot():
        asked = tidepool.mention(WHY_KAFKA)
        await tidepool.answer(asked)
        tidepool.say("thanks a lot!", asked)
        assert len(await tidepool.answers(asked)) == 1
        await tidepool.settled()
        tidepool.mention("thank you!", thread_ts=asked)
        await tidepool.settled()
        mine = [one.text for one in tidepool.seen(viewer=tidepool.quince)]
        others = [one.text for one in tidepool.seen(viewer=tidepool.sorrel)]
    assert sum("You are welcome" in text for text in mine) == 1
    assert not any("You are welcome" in text for text in others)
    assert len(tidepool.prompts) == 1


async def test_a_call_for_help_is_told_what_the_bot_can_do(tidepool):
    async with tidepool.bot():
        tidepool.mention("what can you do?")
        tidepool.dm("help")
        tidepool.dm("help", who=tidepool.medlar)
        await tidepool.settled()
        [in_channel] = [one.text for one in tidepool.seen(viewer=tidepool.quince)]
        [alone] = [one.text for one in tidepool.seen(where=tidepool.im())]
        [admin] = [one.text for one in tidepool.seen(where=tidepool.im(tidepool.medlar))]
    assert "/lore ask" in in_channel
    assert in_channel == alone
    assert "/lore reindex" in admin
    assert "/lore reindex" not in alone
    assert tidepool.prompts == []
