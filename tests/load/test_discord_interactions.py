"""Commands and buttons are acknowledged within three seconds, however many questions wait for a slow model."""

import asyncio
from uuid import uuid4

import pytest

from tests.fakes.discord import FakeDiscord
from tests.load.processes import bots, environment
from tests.load.stalls import STALL_MS, stall_figures
from tests.scenarios.slack.scene import eventually

ANSWER_SECONDS = 3.0
ROUND_TRIP_SECONDS = 0.1
"""What a call of Discord's takes over a real network."""
BURST = 20
"""So many people do something in the same moment."""
OPEN = 40
"""The next burst waits while so many are not acknowledged: the bot is to be loaded, not drowned."""
KNOWN = "SELECT 1 FROM unit_vector WHERE NOT EXISTS (SELECT FROM dirty)"
"""Only who knows an answer asks the model."""


@pytest.mark.timeout(3600)
async def test_every_interaction_is_deferred_while_questions_wait(given_to, size, report):
    waiting, count = size(16, 64), size(200, 5000)
    given, stalls = await given_to(waiting, count)
    seconds = sorted(one.deferred_after or ANSWER_SECONDS * 10 for one in given)
    at = lambda share: seconds[min(int(share * len(seconds)), len(seconds) - 1)]  # noqa: E731
    report(
        "interactions", count=count, waiting=waiting, failed=sum(one.has_failed for one in given),
        p50_ms=round(at(0.5) * 1000, 1), p99_ms=round(at(0.99) * 1000, 1), p999_ms=round(at(0.999) * 1000, 1),
        max_ms=round(seconds[-1] * 1000, 1), **stalls,
    )  # fmt: skip
    assert seconds[-1] <= ANSWER_SECONDS
    assert stalls["stall_p999_ms"] <= size(*STALL_MS)


async def test_a_model_that_works_on_the_event_loop_would_be_caught(given_to):
    _, stalls = await given_to(2, 2 * BURST, "generation_on_the_loop")
    assert stalls["stall_p999_ms"] > max(STALL_MS)


@pytest.fixture
def given_to(database, servers, tmp_path):
    """So many interactions while so many questions wait for a slow model: what became of each, and the stalls."""
    asked = tmp_path / "generations"

    async def give(waiting, count, *mutants):
        async with FakeDiscord(check_shapes=False) as discord:
            guild = discord.add_guild("tidepool")
            people = [discord.add_member(guild, f"tree-{number}") for number in range(64)]
            channel = discord.add_channel(guild, "grove")
            discord.seed(channel, [(people[0], "The press is booked for Friday at nine in the morning")])
            settings = environment(discord, database.url, servers[1], THREADLORE_MODEL__PARALLEL="1")
            async with bots(1, tmp_path, settings, asked, delay=2.0, mutants=mutants):
                await discord.connected()
                await discord.until(lambda: discord.bot_messages(channel), timeout=60)
                await eventually(lambda: database.fetch(KNOWN))
                for number in range(waiting):
                    discord.post(channel, people[number], f"<@{discord.bot_user_id}> when is the press booked?")
                signs = lambda: [one for one in discord.bot_messages(channel) if one.reference]  # noqa: E731
                await discord.until(lambda: len(signs()) >= waiting and asked.exists(), timeout=120)
                discord.faults.on("POST /interactions/*", delay=ROUND_TRIP_SECONDS, times=None)
                given = await bursts(discord, channel, people, count)
                await discord.until(lambda: not unanswered(given), timeout=60)
            return given, stall_figures(tmp_path / "stalls")

    return give


async def bursts(discord, channel, people, count):
    """A burst of commands and clicks in the same moment, a pause, the next burst."""
    given = []
    [notice] = [one.id for one in discord.bot_messages(channel) if not one.reference]
    for number in range(count):
        person = people[number % len(people)]
        match number % 5:
            case 0:
                question = {"question": f"when is the press of row {number} booked?", "private": True}
                given.append(discord.slash_command(person, channel, "ask", question))
            case 1:
                given.append(discord.click(person, notice, f"lore:helpful:{uuid4()}", forged=True))
            case _:
                given.append(discord.slash_command(person, channel, "lore-help"))
        if number % BURST == BURST - 1:
            await discord.until(lambda: len(unanswered(given)) < OPEN, timeout=60)
            await asyncio.sleep(0.2)
    return given


def unanswered(given):
    """What nobody has acknowledged yet, and still may."""
    return [one for one in given if one.callback is None and not one.has_failed]
