import asyncio


async def answered(slack, channel, viewer=None, count=1, timeout=10.0):
    """The bot's finished messages: those with buttons or a sentence, no placeholder."""

    def finished():
        found = [
            one
            for one in slack.bot_messages(channel, viewer)
            if "hourglass" not in one.text and " …" not in one.text[-3:]
        ]
        return found if len(found) >= count else None

    return await slack.until(finished, timeout=timeout)


async def test_a_mention_is_answered_in_its_thread_with_a_link_to_the_message(slack, bot):
    quince, tamarind = slack.add_user("quince"), slack.add_user("tamarind")
    harvest = slack.add_channel("harvest", members=[quince, tamarind])
    slack.seed(harvest, [(tamarind, "Decision: we drop Kafka because it caused three outages this winter")])
    async with bot() as app:
        await slack.until(lambda: slack.bot_messages(harvest))
        await asyncio.sleep(1.5)
        ts = slack.post(harvest, quince, f"<@{slack.bot_user_id}> why did we drop Kafka?")
        await asyncio.sleep(3)
        for one in slack.transcript(harvest):
            print(one)
        print([(c.method, c.outcome) for c in slack.calls])
