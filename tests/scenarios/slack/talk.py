"""Short ways to ask the bot on the fake Slack, and to read what came of it."""

import asyncio
import json
from contextlib import asynccontextmanager

from knowledge.database import Database
from tests.fakes.slack import FakeSlack, Seen

PATIENCE = 60.0
WORKING = ":hourglass_flowing_sand:"
KAFKA = "Decision: we drop Kafka because it caused three outages this winter"
WHY_KAFKA = "why did we drop Kafka?"
LONG = "\n\n".join(f"{number}. The press wants oil, " + "water, " * 300 for number in range(1, 10))


def best_source(prompt: str) -> str:
    """A sensible little model: it repeats the source that has most words of the question, and cites it."""
    asked = set(prompt.rpartition("Question: ")[2].lower().split())
    sources = [line for line in prompt.splitlines() if line.startswith("[")]
    best = max(sources, key=lambda line: len(asked & set(line.lower().split())))
    return f"{best.split(': ', 1)[1]} {best.split()[0]}"


class Tidepool:
    """A workspace: people, the public channel #harvest with one decision in its past, and the bot, when it runs."""

    def __init__(self, slack: FakeSlack, start) -> None:
        self.slack = slack
        self.quince, self.tamarind, self.sorrel = (slack.add_user(name) for name in ("quince", "tamarind", "sorrel"))
        self.medlar = slack.add_user("medlar", admin=True)
        self.harvest = slack.add_channel("harvest", members=[self.quince, self.tamarind, self.sorrel, self.medlar])
        [self.decision] = slack.seed(self.harvest, [(self.tamarind, KAFKA)])
        self.app = None
        self._start = start

    @asynccontextmanager
    async def bot(self, script=best_source, *, learned=True, **more):
        """The bot runs, and knows the past."""
        async with self._start(script, **more) as self.app:
            if learned:
                await self.learned()
            yield self.app

    async def learned(self) -> None:
        """Waits until the bot has come into its channels and read what was written there."""
        places = [one.id for one in self.slack.channels.values() if self.slack.is_bot_in(one) and "im" not in one.kind]
        await self.slack.until(lambda: all(self.slack.bot_messages(place) for place in places), timeout=PATIENCE)
        await self._until(self._has_learned)

    async def settled(self) -> None:
        """Waits until everything so far is handled and answered: nothing more comes of it."""
        await self.slack.settled(timeout=PATIENCE)
        await self._until(self._is_idle)

    def mention(self, text: str, *, who: str = "", where: str = "", **more) -> str:
        """Somebody mentions the bot; the ts of the message."""
        said = f"<@{self.slack.bot_user_id}> {text}".strip()
        return self.slack.post(where or self.harvest, who or self.quince, said, **more)

    def say(self, text: str, thread: str | None = None, *, who: str = "", where: str = "", **more) -> str:
        """Somebody says something that does not name the bot."""
        return self.slack.post(where or self.harvest, who or self.quince, text, thread_ts=thread, **more)

    def dm(self, text: str, *, who: str = "", **more) -> str:
        """Somebody writes to the bot alone."""
        return self.slack.post(self.im(who), who or self.quince, text, **more)

    def im(self, who: str = "") -> str:
        """The conversation of somebody with the bot."""
        return self.slack.open_im(who or self.quince)

    def seen(self, thread: str | None = None, *, where: str = "", viewer: str | None = None) -> list[Seen]:
        """What the bot says now, without its notices: in one thread, or in the whole channel."""
        said = self.slack.bot_messages(where or self.harvest, viewer)
        return [one for one in said if not is_greeting(one.text) and (thread is None or one.thread_ts == thread)]

    async def answers(self, thread: str | None = None, *, where: str = "", viewer: str | None = None) -> list[Seen]:
        """What the bot says when all is settled."""
        await self.settled()
        return self.seen(thread, where=where, viewer=viewer)

    async def answer(self, thread: str | None = None, **more) -> Seen:
        """The bot's only message there, when all is settled."""
        found = await self.answers(thread, **more)
        assert len(found) == 1, [one.text for one in found]
        return found[0]

    async def appears(self, text: str, thread: str | None = None, **more) -> Seen:
        """The first message of the bot that holds this text, as soon as there is one."""

        def found():
            return next((one for one in self.seen(thread, **more) if text in one.text), None)

        return await self.slack.until(found, timeout=PATIENCE)

    async def order(self, text: str, *, who: str = "") -> str:
        """What an admin is told after `/lore TEXT` in #harvest."""
        command = self.slack.slash_command(who or self.medlar, self.harvest, "/lore", text)
        await command.answer(PATIENCE)
        await self.settled()
        return command.posts[-1]["text"]

    async def press(self, who: str, message: Seen, action: str, **more) -> list[str]:
        """Somebody presses a button: what they are told."""
        pressed = self.slack.click(who, message.ts, action, **more)
        await pressed.answer(PATIENCE)
        await self.settled()
        return [post.get("text", "") for post in pressed.posts]

    @property
    def prompts(self) -> list[str]:
        """What the model was asked, question by question."""
        return self.app.chat.model.prompts

    @property
    def database(self) -> Database:
        return self.app.admin.database

    async def rows(self, statement: str, *values) -> list[tuple]:
        return await self.database.fetch(statement, values)

    async def _has_learned(self) -> bool:
        status = await self.app.admin.status()
        return not status.waiting and all(job.state != "running" for job in status.jobs) and await self._is_idle()

    async def _is_idle(self) -> bool:
        if await self.app.inbox.waiting() or await self.app.desk.answers.outbox.waiting():
            return False
        return not (self.app.inbox._pool._running or self.app.answering._pool._running)

    @staticmethod
    async def _until(condition) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await condition():
                await asyncio.sleep(0.03)


def is_greeting(text: str) -> bool:
    """Whether a message only says that the bot reads what is written here."""
    return "I am a bot that answers questions" in text


def shown(message: Seen) -> str:
    """Everything a message shows, its blocks included."""
    return message.text + json.dumps(message.blocks, ensure_ascii=False)


def buttons(message: Seen) -> list[str]:
    """What can be pressed under a message."""
    elements = [element for block in message.blocks for element in block.get("elements", ())]
    return [element["action_id"] for element in elements if "action_id" in element]
