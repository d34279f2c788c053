"""A disk that is really full (O5): PostgreSQL can neither grow a table nor write its log, dies of it, and stays down.

What is not kept is not acknowledged, whoever asks is told, and when there is room again all of it is kept and answered,
without a restart by anybody.
"""

import asyncio
import random
import time
from contextlib import redirect_stderr
from dataclasses import dataclass

import pytest

from bot.errors import DependencyDown
from bot.generation.model_files import default_chat_model, default_embedding_model
from bot.inbox import PostgresInbox
from knowledge.embedded import _Lease
from knowledge.errors import KnowledgeUnavailable
from tests.chaos.small_disk import server_on, small_disk
from tests.chaos.verdict import SOUND, Verdict, verdict
from tests.load.processes import UNLIMITED
from tests.scenarios.slack.talk import PATIENCE, WHY_KAFKA, best_source

STORED = "SELECT message_id FROM message WHERE NOT deleted AND message_id = ANY(%(ids)s)"
SENTENCE, ANSWER = "I cannot reach the message index right now", "three outages"
TOLD_SECONDS = 10.0
BACK_SECONDS = 20.0
dice = random.Random(5)


@dataclass(frozen=True)
class Full:
    """What came of it. In seconds: until the first was `told`, the next answer was `back`, and all had theirs.

    None: not at all in the time given.
    """

    found: Verdict
    questions: int
    told: float | None
    shown: int
    back: float | None
    all: float


@pytest.fixture
async def disk():
    with small_disk() as opened:
        async with server_on(opened):
            yield opened


@pytest.fixture
def refusals(monkeypatch):
    """Grows with each event that could not be kept."""
    sound, found = PostgresInbox.accept, []

    async def accept(inbox, delivery):
        try:
            return await sound(inbox, delivery)
        except KnowledgeUnavailable as error:
            found.append(error)
            raise

    monkeypatch.setattr(PostgresInbox, "accept", accept)
    return found


def long_words():
    """Fifteen hundred characters that PostgreSQL cannot press together: a few of them fill what room its files have."""
    return " ".join(f"{dice.getrandbits(64):x}" for _ in range(88))


async def seconds_until(happened, limit):
    began = time.monotonic()
    while not happened():
        if time.monotonic() - began > limit:
            return None
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def talked_to_on_a_full_disk(house, disk, seconds, **more):
    """The bot's own log lies on the disk too."""
    with disk.bot_log.open("a") as log, redirect_stderr(log):
        return await _talked_to(house, disk, seconds, **more)


async def _talked_to(house, disk, seconds, *, patience=PATIENCE, caught_up=PATIENCE, at_last=lambda: None):
    """The disk is full while the model is at a question, more comes in meanwhile, and then there is room again."""
    full = asyncio.Event()
    house.tell_again_for(int(seconds) + 60)

    def fills_up(prompt):
        if not full.is_set():
            disk.fill()
            full.set()
        return best_source(prompt)

    def told(asked, *texts):
        shown = [one.text for one in house.seen() if one.asked == asked and not one.is_working]
        return any(text in one for text in texts for one in shown)

    async with house.bot(fills_up, database=disk.url, limits=UNLIMITED) as app:
        said, asked = [], [house.mention(WHY_KAFKA)]
        async with asyncio.timeout(PATIENCE):
            await full.wait()
        told_after = asyncio.create_task(seconds_until(lambda: told(asked[0], SENTENCE, ANSWER), TOLD_SECONDS))
        for step in range(int(seconds * 2)):
            said.append(house.say(f"row {step} is pruned {long_words()}", who=house.tamarind))
            asked.append(house.mention(f"{WHY_KAFKA} ({step})"))
            await asyncio.sleep(0.5)
            if step == int(seconds):  # half of the time
                await disk.stop_the_log()
        shown = len(house.seen())
        told_seconds = await told_after
        disk.free()
        asked.append(house.mention(f"{WHY_KAFKA} (last)"))
        freed = time.monotonic()
        waiting = [one for one in asked if not told(one, ANSWER)]
        back = await seconds_until(lambda: any(told(one, ANSWER) for one in waiting), patience)
        at_last()
        stop = time.monotonic() + caught_up  # what a platform does not send again is read again
        while True:
            await house.settled()
            stored = [one for (one,) in await app.admin.database.fetch(STORED, {"ids": said})]
            answered = [one.asked for one in house.seen() if not one.is_working]
            found = verdict([*said, *asked], [*stored, *answered])
            if found == SOUND or back is None or time.monotonic() > stop:
                return Full(found, len(asked), told_seconds, shown, back, time.monotonic() - freed)
            await asyncio.sleep(0.2)


@pytest.mark.timeout(1200)
async def test_what_no_longer_fits_is_not_acknowledged_and_all_recovers_by_itself(house, disk, refusals, size, report):
    seconds = size(4, 60)
    seen = await talked_to_on_a_full_disk(house, disk, seconds)
    report(
        "full_disk", platform=house.platform, seconds=seconds, questions=seen.questions, refused=len(refusals),
        told_seconds=seen.told and round(seen.told, 2), shown_meanwhile=seen.shown,
        back_seconds=seen.back and round(seen.back, 2), all_seconds=round(seen.all, 1), **seen.found.figures(),
    )  # fmt: skip
    assert "No space left on device" in disk.log
    assert "was not properly shut down" in disk.log  # it died of it; the line that says of what may not have fitted
    assert "event=database_awaited" in disk.bot_log.read_text()
    assert refusals
    assert seen.found == SOUND
    assert seen.told is not None
    assert seen.back is not None
    assert seen.back <= BACK_SECONDS


@pytest.mark.parametrize("house", ["slack"], indirect=True)
async def test_acknowledging_what_did_not_fit_would_be_caught(house, disk, hasty_inbox):
    seen = await talked_to_on_a_full_disk(house, disk, 3, patience=5, caught_up=1)
    assert seen.found.lost


@pytest.mark.parametrize("house", ["slack"], indirect=True)
async def test_a_server_that_nobody_starts_again_would_be_caught(house, disk, monkeypatch):
    sound, given_up = _Lease.revive, asyncio.Event()

    def revive(lease):
        if given_up.is_set():
            sound(lease)

    monkeypatch.setattr(_Lease, "revive", revive)
    seen = await talked_to_on_a_full_disk(house, disk, 3, patience=8, at_last=given_up.set)
    assert seen.back is None


def test_a_model_that_no_longer_fits_is_used_as_it_is_or_refused_in_a_sentence():
    with small_disk() as disk:
        disk.fill()
        assert disk.folder not in default_chat_model(disk.folder / "home").parents
        with pytest.raises(DependencyDown, match=r"^The model file .* cannot be written to .*: No space left"):
            default_embedding_model(disk.folder / "home")
