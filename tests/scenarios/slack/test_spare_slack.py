"""A server that knows only the oldest methods of Slack: what it cannot do is left out, and the answer still comes."""

import pytest

from tests.fakes.slack.methods import METHODS
from tests.scenarios.slack.talk import KAFKA, WHY_KAFKA, WORKING

KNOWN = {
    "auth.test", "apps.connections.open", "chat.postMessage", "chat.update", "chat.postEphemeral",
    "conversations.list", "conversations.info", "conversations.members", "conversations.history",
    "conversations.replies", "users.info",
}  # fmt: skip


@pytest.fixture
def spare(tidepool):
    for method in METHODS.keys() - KNOWN:
        tidepool.slack.faults.on(method, error="unknown_method", times=None)
    return tidepool


async def test_a_mention_is_answered_by_a_server_of_few_methods(spare):
    async with spare.bot():
        answer = await spare.answer(spare.mention(WHY_KAFKA))
    assert "three outages" in answer.text
    assert WORKING not in answer.text


async def test_a_direct_message_is_answered_by_a_server_of_few_methods(spare):
    async with spare.bot():
        spare.dm(WHY_KAFKA)
        answer = await spare.answer(where=spare.im())
    assert "three outages" in answer.text
    assert WORKING not in answer.text


async def test_new_words_edits_and_deletions_are_learnt_from_a_server_of_few_methods(spare):
    async with spare.bot():
        spare.say("The press is booked for Friday at nine")
        await spare.settled()
        spare.slack.delete(spare.harvest, spare.decision)
        await spare.settled()
        bodies = [row[0] for row in await spare.rows("SELECT body FROM message WHERE body IS NOT NULL")]
    assert bodies == ["The press is booked for Friday at nine"]
    assert KAFKA not in bodies
