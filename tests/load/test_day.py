"""A scripted day with the real model: what was asked is answered where it was asked."""

import asyncio

import pytest

from bot.commands.serve import services
from bot.lifecycle import stop_all
from bot.wiring import open_app
from tests.fakes.slack import FakeSlack
from tests.load.day import chosen_questions, live


@pytest.mark.model
@pytest.mark.timeout(1200)
async def test_a_day_of_talk_and_questions(slack_settings, size, report):
    async with FakeSlack(check_shapes=False) as slack:
        settings = slack_settings(slack).model_copy(update={"home": None})
        async with open_app(settings) as app:
            for adapter in app.adapters:
                await adapter.open(app.desk)
            tasks = [asyncio.create_task(service) for service in services(app)]
            try:
                await slack.connected(2)
                day = await live(slack, app, chosen_questions(size(3, 20)))
            finally:
                await stop_all(tasks)
        seconds = sorted(day.seconds)
        report(
            "day", posted=day.posted, edited=day.edited, deleted=day.deleted, asked=len(day.asked),
            answered=sum(one.startswith("answered") for one in day.outcomes), declined=day.outcomes.count("declined"),
            p50_s=round(seconds[len(seconds) // 2], 1), max_s=round(seconds[-1], 1),
        )  # fmt: skip
        for (_, name, ts), _outcome in zip(day.asked, day.outcomes, strict=True):
            channel = day.channels[name] if name != "direct" else slack.open_im("U0QUINCE")
            replies = [one for one in slack.bot_messages(channel) if one.thread_ts == ts]
            assert len(replies) >= 1
            assert all("hourglass" not in one.text for one in replies)
