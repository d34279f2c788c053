"""However many questions are answered, the process stays as large as it was."""

import asyncio
import gc
import time
from pathlib import Path

import pytest

from bot.config import Settings
from bot.lifecycle import stop_all
from bot.wiring import open_app
from tests.chaos.quiet import QuietPlatform, asked
from tests.fakes.models import WordEmbedding, first_source, scripted
from tests.talk import described, said

PAGE_BYTES = 4096
AT_ONCE = 4
MOST_GROWTH = 0.05
# One object kept for every second question is a leak, however small it is; some more come and go with connections.
OBJECTS_PER_QUESTION, OBJECTS = 0.5, 300
TASKS = 5


def rss_bytes():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


def counted():
    """Resident bytes, objects and tasks of this process, after everything that can go is gone."""
    gc.collect()
    return rss_bytes(), len(gc.get_objects()), len(asyncio.all_tasks())


class Sized:
    """Grows and shrinks with the questions under way only. `leaks`: the mutant's own, called once a question."""

    def __init__(self, settings, leak=None):
        self._settings = settings
        self._leak = leak

    async def measure(self, warm, questions):
        """What is counted before and after so many questions, the first `warm` of them left out."""
        chat = scripted(first_source)
        platform = QuietPlatform()
        async with open_app(self._settings, model=chat, embedder=WordEmbedding(), adapters=[platform]) as app:
            await app.access.record_channels([described("general")])
            await app.archive.record([said("1", "Decision: we drop Kafka because it caused three outages this winter")])
            await app.indexer.drain()
            answering = asyncio.create_task(app.answering.run())
            try:
                await self._ask(app, platform, chat, range(warm))
                before = counted()
                started = time.monotonic()
                await self._ask(app, platform, chat, range(warm, warm + questions))
                seconds = time.monotonic() - started
                after = counted()
            finally:
                await stop_all([answering])
        assert platform.outcomes == {"answered": warm + questions}
        return before, after, seconds

    async def _ask(self, app, platform, chat, numbers):
        """So many at once as are answered at once; what the test's own parts keep is let go."""
        for start in range(numbers.start, numbers.stop, AT_ONCE):
            some = range(start, min(start + AT_ONCE, numbers.stop))
            for number in some:
                who = f"asker {number % 50}"
                await platform.ask(app, asked(number, "why did we drop Kafka?", who=who))
                if self._leak is not None:
                    self._leak(number)
            while len(platform.seconds) < len(some):
                await asyncio.sleep(0.002)
            platform.seconds.clear()
            platform.said.clear()
            chat.model.prompts.clear()


def growth(before, after, questions):
    """What has grown more than it may; nothing, if all is well."""
    problems = []
    if after[0] > before[0] * (1 + MOST_GROWTH):
        problems.append(f"{after[0] - before[0]} bytes more")
    if after[1] - before[1] > OBJECTS + questions * OBJECTS_PER_QUESTION:
        problems.append(f"{after[1] - before[1]} objects more")
    if after[2] - before[2] > TASKS:
        problems.append(f"{after[2] - before[2]} tasks more")
    return problems


@pytest.fixture
def settings(database_url, servers):
    return Settings(
        _env_file=None,
        database={"url": database_url},
        redis={"url": servers[1]},
        answer={"decline_below": 0.2, "warn_below": 0.2},
        model={"parallel": AT_ONCE},
        limits={"user": "1000000/minute", "channel": "1000000/minute", "workspace": "1000000/minute"},
    )


@pytest.mark.timeout(7200)
async def test_the_process_does_not_grow_with_the_questions_it_answers(settings, size, report):
    warm, questions = size(50, 1000), size(150, 10_000)
    before, after, seconds = await Sized(settings).measure(warm, questions)
    report(
        "memory_growth", questions=questions, seconds=round(seconds, 1),
        rss_mb=[round(one / 2**20, 1) for one in (before[0], after[0])],
        growth_percent=round(100 * (after[0] / before[0] - 1), 2),
        objects=[before[1], after[1]], tasks=[before[2], after[2]],
    )  # fmt: skip
    assert growth(before, after, questions) == []


async def test_a_task_left_behind_by_each_question_would_be_caught(settings):
    left = []
    sized = Sized(settings, leak=lambda _: left.append(asyncio.create_task(asyncio.sleep(3600))))
    before, after, _ = await sized.measure(20, 40)
    assert any("tasks" in problem for problem in growth(before, after, 40))
    for task in left:
        task.cancel()


async def test_objects_left_behind_by_each_question_would_be_caught(settings):
    left = []
    before, after, _ = await Sized(settings, leak=lambda _: left.extend([] for _ in range(20))).measure(20, 40)
    assert any("objects" in problem for problem in growth(before, after, 40))
