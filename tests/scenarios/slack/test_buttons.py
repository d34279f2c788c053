"""Buttons under answers on the fake Slack: a dialog that comes too late, and the offer to the asker alone."""

import re

from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA, buttons

FEEDBACK = "SELECT person_id, helpful, reason, note FROM feedback ORDER BY given_at"
WHERE_PUMP = "where is the spare pump behind the cider barrels?"
COUNT = "SELECT count(*) FROM answer"


async def asked_and_answered(tidepool, text=WHY_KAFKA, **more):
    return await tidepool.answer(tidepool.mention(text, **more))


async def test_a_dialog_that_comes_too_late_costs_neither_the_rating_nor_the_thanks(tidepool):
    tidepool.slack.faults.on("views.open", error="expired_trigger_id")
    async with tidepool.bot():
        answer = await asked_and_answered(tidepool)
        assert await tidepool.press(tidepool.sorrel, answer, "lore_unhelpful") == ["Thank you, I have noted that."]
        assert await tidepool.rows(FEEDBACK) == [(tidepool.sorrel, False, "", "")]


def cellar_of(tidepool):
    """A private channel of quince's, which knows more about pumps than the public one."""
    cellar = tidepool.slack.add_channel("cellar", private=True, members=[tidepool.quince])
    tidepool.slack.seed(cellar, [(tidepool.quince, "The spare pump is behind the cider barrels")])
    return cellar


async def test_what_only_the_asker_may_read_is_offered_to_them_alone_and_shown_on_their_click(tidepool):
    slack = tidepool.slack
    cellar_of(tidepool)
    async with tidepool.bot():
        asked = tidepool.mention(WHERE_PUMP)
        declined, offer = await tidepool.answers(asked, viewer=tidepool.quince)
        assert "Nothing found" in declined.text
        assert offer.ephemeral_for == tidepool.quince
        assert buttons(offer) == ["lore_private"]
        value = offer.blocks[-1]["elements"][0]["value"]
        told = await tidepool.press(tidepool.sorrel, offer, "lore_private", value=value, forged=True)
        assert told == [":x: Only the person who asked can do that."]
        assert await tidepool.rows(COUNT) == [(1,)]
        [told] = await tidepool.press(tidepool.quince, offer, "lore_private")
        assert "behind the cider barrels" in told
        assert await tidepool.answers(asked, viewer=tidepool.sorrel) == [declined]
        assert await tidepool.rows(COUNT) == [(2,)]
    secrets = [one for one in slack.visible_payloads() if re.search("spare pump is behind|more that only", str(one))]
    assert {frozenset(one.audience) for one in secrets} == {frozenset({tidepool.quince})}


async def test_nothing_is_offered_to_who_may_not_read_more(tidepool):
    cellar_of(tidepool)
    async with tidepool.bot():
        declined = await asked_and_answered(tidepool, WHERE_PUMP, who=tidepool.sorrel)
        answered = await asked_and_answered(tidepool, who=tidepool.quince)
    assert "Nothing found" in declined.text
    assert KAFKA in answered.text
