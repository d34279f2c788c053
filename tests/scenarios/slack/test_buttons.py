"""Buttons under answers on the fake Slack: ratings, sources, deletion, and what is shown to the asker alone."""

import pytest

from tests.scenarios.slack.talk import KAFKA, PATIENCE, WHY_KAFKA, buttons, shown

FEEDBACK = "SELECT person_id, helpful, reason, note FROM feedback ORDER BY given_at"


async def asked_and_answered(tidepool, text=WHY_KAFKA, **more):
    return await tidepool.answer(tidepool.mention(text, **more))


# ---- ratings ------------------------------------------------------------------------------------------------------


async def test_a_helpful_answer_is_rated_and_the_reader_thanked_alone(tidepool):
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool)
        assert await tidepool.press(tidepool.sorrel, answer, "lore_helpful") == ["Thank you, I have noted that."]
        await tidepool.press(tidepool.sorrel, answer, "lore_helpful")
        assert await tidepool.rows(FEEDBACK) == [(tidepool.sorrel, True, "", "")]
        assert await tidepool.answers(viewer=tidepool.tamarind) == [answer]


async def test_an_unhelpful_answer_opens_a_dialog_whose_words_are_kept(tidepool):
    slack = tidepool.slack
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool)
        assert await tidepool.press(tidepool.sorrel, answer, "lore_unhelpful") == []
        [(view_id, opened)] = slack.views.items()
        assert opened["user"] == tidepool.sorrel
        entered = ({"selected_option": {"value": "outdated"}}, {"value": "Kafka is back since May"})
        values = {
            block["block_id"]: {block["element"]["action_id"]: value}
            for block, value in zip(opened["view"]["blocks"], entered, strict=True)
        }
        submitted = slack.submit(tidepool.sorrel, view_id, values)
        assert await submitted.answer(PATIENCE) is None
        await tidepool.settled()
        assert await tidepool.rows(FEEDBACK) == [(tidepool.sorrel, False, "outdated", "Kafka is back since May")]
        await tidepool.press(tidepool.sorrel, answer, "lore_helpful")
        [(_, helpful, *_)] = await tidepool.rows(FEEDBACK)
    assert helpful


async def test_a_dialog_that_comes_too_late_costs_neither_the_rating_nor_the_thanks(tidepool):
    tidepool.slack.faults.on("views.open", error="expired_trigger_id")
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool)
        assert await tidepool.press(tidepool.sorrel, answer, "lore_unhelpful") == ["Thank you, I have noted that."]
        assert await tidepool.rows(FEEDBACK) == [(tidepool.sorrel, False, "", "")]


async def test_a_button_of_an_answer_that_is_no_more_says_so(tidepool):
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool)
        [told] = await tidepool.press(tidepool.sorrel, answer, "lore_helpful", value="no such answer", forged=True)
        assert await tidepool.rows(FEEDBACK) == []
    assert "I no longer have that answer" in told


# ---- sources ------------------------------------------------------------------------------------------------------


async def test_sources_are_shown_whole_to_who_presses_and_to_nobody_else(tidepool):
    slack = tidepool.slack
    long = f"Decision: the copper kettle goes to the museum. {'It served us well for years. ' * 20} That is all."
    slack.seed(tidepool.harvest, [(tidepool.tamarind, long)])
    async with tidepool.bot(lambda _: "The copper kettle goes to the museum [1]"):
        answer = await asked_and_answered(tidepool, "the copper kettle goes to the museum?")
        assert "That is all." not in shown(answer)
        [told] = await tidepool.press(tidepool.sorrel, answer, "lore_sources")
        assert "That is all." in told
        assert "That is all." not in str(await tidepool.answers(viewer=tidepool.quince))


async def test_who_may_no_longer_read_a_source_is_not_shown_it(tidepool):
    slack = tidepool.slack
    orchard = slack.add_channel("orchard", members=[tidepool.tamarind])
    slack.seed(orchard, [(tidepool.tamarind, "Decision: the pear trees by the river are felled")])
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool, "which pear trees by the river are felled?")
        assert "pear trees by the river" in answer.text
        assert "pear trees" in (await tidepool.press(tidepool.sorrel, answer, "lore_sources"))[0]
        slack.convert_to_private(orchard)
        await tidepool.settled()
        [refused] = await tidepool.press(tidepool.sorrel, answer, "lore_sources")
        [allowed] = await tidepool.press(tidepool.tamarind, answer, "lore_sources")
    assert refused == "There is no source of this answer that you may read."
    assert "pear trees" in allowed


# ---- deletion -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["quince", "medlar"])
async def test_the_asker_and_an_admin_may_delete_an_answer(tidepool, who):
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool)
        assert await tidepool.press(getattr(tidepool, who), answer, "lore_delete") == []
        assert await tidepool.answers() == []
        assert await tidepool.rows("SELECT state FROM answer") == [("removed",)]


async def test_others_may_not_delete_an_answer(tidepool):
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool)
        told = await tidepool.press(tidepool.sorrel, answer, "lore_delete")
        assert [one.ts for one in await tidepool.answers(viewer=tidepool.quince)] == [answer.ts]
    assert told == [":x: Only the person who asked can do that."]


async def test_an_answer_that_slack_will_not_delete_stays_and_its_asker_is_told(tidepool):
    tidepool.slack.faults.on("chat.delete", status=500, times=None)
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool)
        [told] = await tidepool.press(tidepool.quince, answer, "lore_delete")
    assert "I could not delete it" in told


async def test_an_answer_for_one_person_can_be_deleted_too(tidepool):
    slack = tidepool.slack
    async with tidepool.bot():
        command = slack.slash_command(tidepool.quince, tidepool.harvest, "/lore", WHY_KAFKA)
        await command.answer(PATIENCE)
        answer = (await tidepool.answers(viewer=tidepool.quince))[-1]
        assert KAFKA in answer.text
        slack.click(tidepool.quince, answer.ts, "lore_delete")
        assert answer.ts not in [one.ts for one in await tidepool.answers(viewer=tidepool.quince)]


async def test_an_answer_whose_message_somebody_deletes_is_gone_for_good(tidepool):
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool)
        tidepool.slack.delete(tidepool.harvest, answer.ts)
        await tidepool.settled()
        assert await tidepool.rows("SELECT state FROM answer") == [("removed",)]


# ---- for the asker alone ------------------------------------------------------------------------------------------


def cellar_of(tidepool):
    """A private channel of quince's, which knows more about pumps than the public one."""
    cellar = tidepool.slack.add_channel("cellar", private=True, members=[tidepool.quince])
    tidepool.slack.seed(cellar, [(tidepool.quince, "The spare pump is behind the cider barrels")])
    return cellar


async def test_what_only_the_asker_may_read_is_offered_to_them_alone_and_shown_on_a_click(tidepool):
    slack = tidepool.slack
    cellar_of(tidepool)
    async with tidepool.bot():
        asked = tidepool.mention("where is the spare pump behind the cider barrels?")
        declined, offer = await tidepool.answers(asked, viewer=tidepool.quince)
        assert "Nothing found" in declined.text
        assert offer.ephemeral_for == tidepool.quince
        assert buttons(offer) == ["lore_private"]
        [told] = await tidepool.press(tidepool.quince, offer, "lore_private")
        assert "behind the cider barrels" in told
        assert await tidepool.answers(asked, viewer=tidepool.sorrel) == [declined]
        assert await tidepool.rows("SELECT count(*) FROM answer") == [(2,)]
    leaked = [one for one in slack.visible_payloads() if "barrels" in str(one.payload) or "more that only" in str(one)]
    assert all(one.audience == {tidepool.quince} for one in leaked if "spare pump is behind" in str(one.payload))
    assert all(one.audience == {tidepool.quince} for one in leaked if "more that only" in str(one.payload))


async def test_somebody_else_cannot_press_the_offer(tidepool):
    cellar_of(tidepool)
    async with tidepool.bot():
        asked = tidepool.mention("where is the spare pump behind the cider barrels?")
        _, offer = await tidepool.answers(asked, viewer=tidepool.quince)
        value = offer.blocks[-1]["elements"][0]["value"]
        told = await tidepool.press(tidepool.sorrel, offer, "lore_private", value=value, forged=True)
        assert await tidepool.rows("SELECT count(*) FROM answer") == [(1,)]
    assert told == [":x: Only the person who asked can do that."]


async def test_nothing_is_offered_to_who_may_not_read_more(tidepool):
    cellar_of(tidepool)
    async with tidepool.bot():
        declined = await asked_and_answered(
            tidepool, "where is the spare pump behind the cider barrels?", who=tidepool.sorrel
        )
        answered = await asked_and_answered(tidepool, who=tidepool.quince)
    assert "Nothing found" in declined.text
    assert KAFKA in answered.text
