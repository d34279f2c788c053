"""A town under faults: people ask all the time, say, edit and delete, come and go, and every little while one thing
that the bot needs is away, broken or says everything twice."""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos.breaks import Breaks
from tests.chaos.soaked import GAUGE
from tests.chaos.verdict import verdict
from tests.chaos.watch import Watch
from tests.scenarios.slack.talk import WHY_KAFKA

# By message: its words, or None where it is deleted.
KEPT = "SELECT message_id, body FROM message WHERE message_id = ANY(%(said)s)"
LOOK_SECONDS = 0.05
STONES = 6
READINGS = 8
WHISPERED = "zephyrine0board"
PLAN = "what is the secret plan for the orchard?"


@dataclass(frozen=True)
class Pace:
    """How often somebody asks and something breaks, and for how long at most. `warm_seconds`: before it counts."""

    warm_seconds: float
    seconds: float
    questions_per_second: float
    fault_every_seconds: float
    fault_seconds: float
    patience_seconds: float


class Soak:
    """`postgres` and `redis` are the doors in front of them. Everything by chance comes out of `seed`."""

    def __init__(self, town, postgres, redis, folder, pace, *, seed=0):
        self.town, self.house, self.pace = town, town.house, pace
        self._folder = folder
        self.dice = random.Random(seed)
        self._breaks = Breaks(self.house, postgres, redis, folder, self.dice)
        self.watch = Watch(pace.fault_seconds + 15.0)
        self.faults, self.events = Counter(), Counter()
        self._stones, self._numbers, self._forgetting = {}, 0, []
        house = self.house
        self.people = [house.quince, house.tamarind, house.sorrel, *(house.add_person(f"tree-{n}") for n in range(5))]
        inside = [house.quince, house.sorrel, house.medlar]
        self.board = house.add_channel("board", members=inside)
        house.seed(self.board, [(house.quince, f"The secret plan for the orchard is {WHISPERED}")])
        self.watch.words.add(WHISPERED)
        self.watch.readers[WHISPERED] = {*inside, house.us}
        self.asked, self.expected = [], {}
        self._direct, self.untaken = set(), set()

    # ---- what people do -------------------------------------------------------------------------------------------

    def lay_stone(self):
        """Somebody says what can be asked about, edited and deleted."""
        word = self._word()
        number, text = len(self._stones), f"the {word} lies under stone {len(self._stones)}"
        stone = self.house.say(text, who=self.house.tamarind)
        self._stones[stone] = (number, word)
        self.expected[stone] = text

    def edit_stone(self):
        stone = self._any_stone()
        number, old = self._stones[stone]
        word = self._word()
        text = f"the {word} lies under stone {number}"
        self.house.edit(stone, text)
        self._stones[stone], self.expected[stone] = (number, word), text
        self.watch.retire(old)

    def delete_stone(self):
        stone = self._any_stone()
        self.house.delete(stone)
        self.expected[stone] = None
        self.watch.retire(self._stones.pop(stone)[1])
        self.lay_stone()

    def forget_stone(self):
        """It is forgotten once the bot says so."""
        stone = self._any_stone()
        self._forgetting.append((self.house.begin_to_forget(stone), stone, self._stones.pop(stone)[1]))
        del self.expected[stone]
        self.lay_stone()

    def rename(self):
        number = self.dice.randrange(1000)
        self.house.rename(self.house.harvest, f"harvest-{number}")
        self.house.rename_person(self.people[-1], f"oak-{number}")

    def move(self):
        """sorrel leaves the board, or comes back."""
        sorrel = self.house.sorrel
        if sorrel in self.watch.readers[WHISPERED]:
            self.watch.take_from(WHISPERED, sorrel)
            self.house.leave(self.board, sorrel)
        else:
            self.watch.give_to(WHISPERED, sorrel)
            self.house.join(self.board, sorrel)

    def ask(self):
        """One more question of anybody, unlike the others: in the open, on the board, or to the bot alone."""
        number = len(self.asked)
        stones = max(len(self._stones), 1) + len(self.watch.gone)
        text = self.dice.choice([WHY_KAFKA, PLAN, *[f"what lies under stone {self.dice.randrange(stones)}?"] * 2])
        text, who = f"{text} ({number})", self.dice.choice(self.people)
        match self.dice.randrange(4):
            case 0:
                self._ask_directly(text, who)
            case 1:
                self.asked.append(self.house.mention(text, who=self.house.quince, where=self.board))
            case _:
                self.asked.append(self.house.mention(text, who=who))

    def _ask_directly(self, text, who):
        self.asked.append(self.house.dm(text, who=who))
        self._direct.add(self.asked[-1])

    # ---- the run --------------------------------------------------------------------------------------------------

    async def warm_up(self, questions=12):
        """Everything that grows once has grown: stones lie there, and so many were asked at a time."""
        for _ in range(STONES):
            self.lay_stone()
        for _ in range(questions):
            self.ask()
        await self.settled()
        if self.pace.warm_seconds:
            await self.run(self.pace.warm_seconds)

    async def run(self, seconds):
        """That long all of it at once; then all is mended, and what is open is waited for."""
        tasks = [asyncio.create_task(one) for one in (self._go_on_asking(), self._break_things(), self.keep_looking())]
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._breaks.mend()
        for task in done:
            task.result()
        await self.settled()

    async def ask_about_the_past(self):
        """All news has arrived: whoever asks now hears nothing that is gone, or not theirs."""
        self.watch.be_strict()
        for text in [PLAN, *(f"what lies under stone {number}?" for number in range(STONES))]:
            self.asked.append(self.house.mention(f"{text} ({len(self.asked)})", who=self.house.tamarind))
        self._ask_directly(f"{PLAN} ({len(self.asked)})", self.house.tamarind)
        self._ask_directly(f"{PLAN} ({len(self.asked)})", self.house.sorrel)
        await self.settled()

    async def settled(self):
        """Waits until all is as it should be, or patience is over: then `problems` says what is not."""
        looking = asyncio.create_task(self.keep_looking())
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pace.patience_seconds):
                while await self.problems() or not await self.town.is_idle():
                    await asyncio.sleep(0.2)
        looking.cancel()
        self._look()

    async def problems(self):
        """What is lost, or twice, or not as it was said; nothing, if all is well."""
        said = [one for place in self._places() for one in self.house.seen(where=place) if one.only_for is None]
        answered = [one.asked for one in said if not one.is_working]
        # What is said to the bot alone while it hears nothing, or can keep nothing, stands in no channel to read again.
        missing = self._direct - set(answered)
        self.untaken = {one for one in missing if not await self.house.was_taken(one, self.town.database)}
        self.found = verdict(set(self.asked) - self.untaken, answered)
        kept = dict(await self.town.database.fetch(KEPT, {"said": list(self.expected)}))
        problems = [f"{name} {count}" for name, count in self.found.figures().items() if count]
        problems += [f"working {one.id}" for one in said if one.is_working]
        problems += [f"not kept: {one}" for one, text in self.expected.items() if kept.get(one) != text]
        return problems

    async def measure(self, pid):
        """How large the bot is at rest, in its own words: the least of some readings, for it always has some work."""
        read = [await self._reading(pid) for _ in range(READINGS)]
        return min(read, key=lambda one: one["tasks"]) | {
            name: min(one[name] for one in read) for name in ("rss", "fds", "tasks")
        }

    async def _reading(self, pid):
        await asyncio.sleep(0.2)
        file = self._folder / GAUGE
        file.unlink(missing_ok=True)
        os.kill(pid, signal.SIGUSR1)
        async with asyncio.timeout(30):
            while not file.exists():
                await asyncio.sleep(0.02)
        return json.loads(file.read_text())

    async def keep_looking(self):
        while True:
            self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _go_on_asking(self):
        began = time.monotonic()
        for number in range(1_000_000_000):
            self.ask()
            due = began + (number + 1) / self.pace.questions_per_second
            await asyncio.sleep(max(due - time.monotonic(), 0))

    async def _break_things(self):
        """Each kind once, in an order by chance, and then again."""
        events = [self.lay_stone, self.edit_stone, self.delete_stone, self.forget_stone, self.rename, self.move]
        breaking, happening = [], []
        while True:
            breaking = breaking or self.dice.sample(self._breaks.kinds, len(self._breaks.kinds))
            happening = happening or self.dice.sample(events, len(events))
            fault, event, seconds = breaking.pop(), happening.pop(), self.pace.fault_seconds * self.dice.random()
            self.faults[fault.__name__] += 1
            self.events[event.__name__] += 1
            with fault():
                await asyncio.sleep(seconds / 2)
                event()
                await asyncio.sleep(seconds / 2)
            await asyncio.sleep(self.pace.fault_every_seconds - seconds)

    def _look(self):
        for text, audience in self.house.payloads():
            self.watch.look(text, set(audience))
        self.house.forget_payloads()
        for told, stone, word in list(self._forgetting):
            if "Forgotten" in told():
                self.watch.retire(word)
                self.expected[stone] = None
                self._forgetting.remove((told, stone, word))

    def _word(self):
        self._numbers += 1
        word = f"zephyrine{self._numbers}q"
        self.watch.words.add(word)
        return word

    def _any_stone(self):
        return self.dice.choice(list(self._stones))

    def _places(self):
        return [self.house.harvest, self.board, *(self.house.im(who) for who in self.people)]
