"""Lives the sample's day on a local server that plays Slack, and writes down what people saw: `make day`.

Writes docs/slack-day.md, the transcript of every question, and docs/slack-answer.svg, a picture of two answers.
"""

import asyncio
import re
import tempfile
from pathlib import Path

from bot.commands.serve import services
from bot.config import Settings
from bot.lifecycle import stop_all
from bot.wiring import open_app
from tests.fakes.slack import FakeSlack
from tests.load.day import chosen_questions, live
from tests.load.picture import picture

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = 20
PICTURED = 2


async def main() -> None:
    """The day, from the past to the last answer."""
    async with FakeSlack() as slack:
        workspace = {"bot_token": slack.bot_token, "app_token": slack.app_token, "api_url": slack.api_url}
        with tempfile.TemporaryDirectory() as home:
            settings = Settings(_env_file=None, home=Path(home), slack=workspace)  # type: ignore[call-arg,arg-type]
            async with open_app(settings) as app:
                for adapter in app.adapters:
                    await adapter.open(app.desk)
                tasks = [asyncio.create_task(service) for service in services(app)]
                await slack.connected(2)
                day = await live(slack, app, chosen_questions(QUESTIONS))
                await stop_all(tasks)
        (ROOT / "docs" / "slack-day.md").write_text(transcript(slack, day), encoding="utf-8")
        shown = [one for one in exchanges(slack, day) if one[1][0].blocks][:PICTURED]
        (ROOT / "docs" / "slack-answer.svg").write_text(picture(slack, shown), encoding="utf-8")
        seconds = sorted(day.seconds)
        print(f"{len(day.asked)} questions, p50 {seconds[len(seconds) // 2]:.1f} s, outcomes {day.outcomes}")


def exchanges(slack, day):
    """Each question's text, and the bot's messages under it."""
    for text, name, ts in day.asked:
        channel = day.channels[name] if name != "direct" else slack.open_im("U0QUINCE")
        yield (name, text), [one for one in slack.bot_messages(channel) if one.thread_ts == ts]


def transcript(slack, day) -> str:
    """What Slack shows under each question, as Markdown."""
    lines = [
        "# A day on Slack",
        "",
        "Written by `make day`: the fictional sample workspace, lived on a local server that plays Slack, with",
        "the real slack-bolt client, PostgreSQL, Redis and the built-in small model.",
        f"{day.posted} messages were posted while the bot listened, {day.edited} edited and {day.deleted} deleted.",
        f"Then Quince asked {len(day.asked)} questions in four channels and directly.",
        "Shown is the text of each answer as Slack would show it.",
    ]
    for ((name, text), answers), seconds, outcome in zip(exchanges(slack, day), day.seconds, day.outcomes, strict=True):
        where = "directly" if name == "direct" else f"in #{name}"
        lines += ["", f"**Quince, {where}:** {text}", ""]
        lines += [f"> {line}" for one in answers for line in plain(one.text).splitlines()]
        lines += ["", f"*{outcome.replace('_', ' ')}, after {seconds:.1f} s*"]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Slack's mrkdwn as somebody reads it: the label of a link, the characters of an entity."""
    text = re.sub(r"<[^<>|]*\|([^<>]*)>", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


if __name__ == "__main__":
    asyncio.run(main())
