"""Days under faults (O6): people ask all the time, every few seconds something breaks, and the bot is never restarted.

In the end each question has one answer or one honest sentence, all that was said is kept as it was said last, nobody
was told what is not theirs or is gone, and the process is no larger than after it had warmed up.

In full size it takes SOAK_MINUTES of the environment, 20 if that is not set. The promise is about three days: 4320.
"""

import os
from collections import Counter

import pytest

from tests.chaos.soak import WHISPERED, Pace, Soak
from tests.chaos.test_memory_growth import MOST_GROWTH, TASKS
from tests.chaos.verdict import SOUND
from tests.chaos.watch import Watch
from tests.proxy import redis_proxy

MINUTES = float(os.environ.get("SOAK_MINUTES", "20"))
SMALL = Pace(0, 4, 5, 0.42, 0.4, 60)
FULL = Pace(120, MINUTES * 60, 2, 8, 6, 300)
# Few of them make five per cent of nothing: pools have more or fewer connections from one moment to the next.
SPARE = {"rss": 0, "fds": 10, "tasks": TASKS}


def growth(before, after):
    """What is larger than it may be, and which tasks there are more of; nothing, if all is well."""
    most = {name: before[name] + max(before[name] * MOST_GROWTH, SPARE[name]) for name in SPARE}
    grown = {name: (before[name], after[name]) for name in SPARE if after[name] > most[name]}
    return grown | ({"more": dict(Counter(after["kinds"]) - Counter(before["kinds"]))} if "tasks" in grown else {})


def sizes(gauged):
    return {"rss_mb": round(gauged["rss"] / 2**20, 1), "fds": gauged["fds"], "tasks": gauged["tasks"]}


@pytest.fixture
async def begin(town, proxy, servers, tmp_path, tmp_path_factory, size):
    """Opens a soak: its bot has learnt all there is, and warmed up."""
    folder = tmp_path_factory.mktemp("r")
    async with redis_proxy(servers[1], folder) as redis:

        async def start(pace, *mutants):
            soak = Soak(town, proxy, redis, tmp_path, pace)
            soak.house.tell_again_for(30)
            fittings = ["hostile_model", "gauge", *size(["quick_retries"], [])]
            bot = await town.start(
                *fittings, *mutants, lease=size(1.5, 5.0), database_url=proxy.url, THREADLORE_REDIS__URL=redis.url
            )
            await town.learned()
            await soak.warm_up()
            return soak, bot

        yield start


@pytest.mark.timeout(MINUTES * 60 + 1800)
async def test_under_faults_all_is_answered_once_and_nothing_leaks_or_grows(begin, size, report):
    soak, bot = await begin(size(SMALL, FULL))
    before = await soak.measure(bot.pid)
    await soak.run(soak.pace.seconds)
    after = await soak.measure(bot.pid)
    found, problems = soak.found, await soak.problems()
    await soak.ask_about_the_past()
    watch = soak.watch
    report(
        "soak", platform=soak.house.platform, seconds=soak.pace.seconds, questions=len(soak.asked),
        faults=dict(soak.faults), events=dict(soak.events), **found.figures(), problems=problems,
        untaken=len(soak.untaken), shown=sum(watch.shown.values()), leaks=len(watch.leaks),
        served=dict(Counter(watch.served)), gone=len(watch.gone), before=sizes(before), after=sizes(after),
        rss_percent=round(100 * (after["rss"] / before["rss"] - 1), 2),
    )  # fmt: skip
    assert (found, soak.found) == (SOUND, SOUND)
    assert (problems, await soak.problems()) == ([], [])
    assert (watch.leaks, watch.served) == ([], [])
    assert watch.shown[WHISPERED]
    assert bot.is_alive()
    assert growth(before, after) == {}


@pytest.mark.parametrize("house", ["slack"], indirect=True)
async def test_a_task_left_behind_by_each_question_would_be_caught(begin):
    soak, bot = await begin(SMALL, "leaked_tasks")
    before = await soak.measure(bot.pid)
    for _ in range(16):
        soak.ask()
    await soak.settled()
    assert "tasks" in growth(before, await soak.measure(bot.pid))


def test_a_word_told_to_an_outsider_or_after_it_is_gone_would_be_caught():
    watch = Watch(60.0, readers={"oak": {"quince", "sorrel"}}, words={"oak", "elm"})
    watch.look("oak and elm", {"quince", "sorrel"})
    watch.take_from("oak", "sorrel")
    watch.retire("elm")
    watch.look("oak and elm", {"quince", "sorrel"})
    assert (watch.leaks, watch.served) == ([], [])
    watch.look("oak", {"tamarind"})
    assert watch.leaks == [("oak", "tamarind")]
    watch.be_strict()
    watch.look("oak and elm", {"sorrel"})
    assert watch.leaks == [("oak", "tamarind"), ("oak", "sorrel")]
    assert watch.served == ["elm"]
