"""Whom the bot answers on the fake Slack, where an event may not say what it is about."""

from tests.scenarios.slack.talk import WHY_KAFKA


async def test_a_bot_that_came_after_the_start_is_known_as_one_at_its_first_mention(tidepool):
    slack = tidepool.slack
    slack.faults.on_event("message", drop=True, times=None, where=lambda event: "Kafka?" in event.get("text", ""))
    async with tidepool.bot():
        picker = slack.add_user("picker", bot=True)
        asked = tidepool.mention(WHY_KAFKA, who=picker)
        for _ in range(4):
            await tidepool.settled()
            tidepool.mention(WHY_KAFKA, who=picker, thread_ts=asked)
        assert len(await tidepool.answers(asked)) == 4
        assert len(tidepool.prompts) == 3
