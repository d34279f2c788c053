"""The gateway breaks off in every way there is while people write, edit and delete: nothing is lost, nothing stays."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import discord
import pytest

from adapters.discord import client, history
from bot.config import Settings
from tests.fakes.discord import Clock, FakeDiscord
from tests.scenarios.mutants import no_second_reading
from tests.scenarios.slack.conftest import running

STORED = "SELECT message_id, body FROM message WHERE NOT deleted"
# A tenth of what is real: the pause of discord.py before an IDENTIFY, and how new a message is that a page may lack.
PAUSE_SECONDS = 0.5
UNSETTLED = timedelta(seconds=0.5)
IDENTIFY_SECONDS = 87.0
"""A thousand IDENTIFYs a day, evenly: so far the clock of Discord's budget is pushed at each."""
KINDS = {
    "close": lambda gateway: gateway.close(4000),
    "reconnect": lambda gateway: gateway.reconnect(),
    "resumable": lambda gateway: gateway.invalidate(resumable=True),
    "invalid": lambda gateway: gateway.invalidate(),
    "drop": lambda gateway: gateway.drop(),
}


@pytest.fixture
def budget(monkeypatch):
    """The clock of the budget of IDENTIFYs, pushed where discord.py would wait."""
    clock = Clock()

    async def before_identify(_client, _shard, *, initial=False):
        clock.advance(IDENTIFY_SECONDS)
        await asyncio.sleep(0 if initial else PAUSE_SECONDS)

    monkeypatch.setattr(discord.Client, "before_identify_hook", before_identify)
    monkeypatch.setattr(history, "UNSETTLED", UNSETTLED)
    monkeypatch.setattr(client, "LAST_GUILD_SECONDS", 0.1)
    return clock


@pytest.fixture
async def fake(budget):
    async with FakeDiscord(check_shapes=False) as opened:
        opened.gateway.handshake.clock = budget
        opened.gateway.handshake.strict = True
        yield opened


@pytest.fixture
def settings(fake, database_url, servers):
    return Settings(
        _env_file=None,
        database={"url": database_url},
        redis={"url": servers[1]},
        discord={"token": fake.token, "api_url": fake.api_url, "gateway_url": fake.gateway_url},
    )


@pytest.mark.timeout(14_400)
async def test_nothing_is_lost_and_nothing_stays(settings, fake, size, report):
    each, dice = size(10, 1000), random.Random(7)
    kinds = dice.sample(list(KINDS) * each, each * len(KINDS))
    talk = Talk(fake, dice)
    missing, left = await broken_off(settings, fake, talk, kinds, seconds=size(20, 300))
    openings = Counter(f"{one.op} {one.outcome}" for one in fake.gateway.openings)
    report("discord_reconnects", each=each, done=dict(talk.done), openings=dict(openings))
    assert (missing, left) == ([], [])
    assert openings.keys() == {"identify ready", "resume resumed"}
    assert openings["identify ready"] == 1 + each
    # Where the machine stands still for a moment a heartbeat is late, and discord.py resumes once more by itself.
    assert openings["resume resumed"] >= each * 4
    assert fake.gateway.handshake.start_limit()["remaining"] > 0


async def test_catching_up_at_the_start_alone_would_be_caught(settings, fake, monkeypatch):
    no_second_reading(monkeypatch)
    missing, left = await broken_off(settings, fake, Talk(fake, random.Random(7)), ["invalid"] * 3, seconds=4)
    assert missing or left


async def broken_off(settings, fake, talk, kinds, *, seconds):
    """The gateway breaks off while somebody talks, once for each kind. What is missing then, and what is left over."""
    async with running(settings) as (app, _):
        await fake.connected()
        await until_kept(app, talk)
        writing = asyncio.create_task(talk.go_on())
        for number, kind in enumerate(kinds, 2):
            KINDS[kind](fake.gateway)
            await fake.connected(number, timeout=60)
            await asyncio.sleep(talk.dice.random() * 0.1)
            fake.calls.clear()  # with every page that was read
        writing.cancel()
        return await until_kept(app, talk, seconds=seconds)


class Talk:
    """Three channels in which somebody always writes, edits or deletes something."""

    def __init__(self, fake, dice):
        self.fake, self.dice = fake, dice
        self.guild = fake.add_guild("tidepool")
        self.person = fake.add_member(self.guild, "quince")
        self.channels = [fake.add_channel(self.guild, name) for name in ("harvest", "cellar", "orchard")]
        self.done = Counter()
        for channel in self.channels:
            fake.seed(channel, [(self.person, f"barrel {number} is full", 86_400.0 + number) for number in range(50)])

    async def go_on(self):
        while True:
            self._do(self.dice.choice(self.channels))
            await asyncio.sleep(0.05)

    def standing(self):
        return {one["id"]: one["content"] for channel in self.channels for one in self._said(channel)}

    def _said(self, channel):
        return [one for one in self.fake.logs[channel] if one["author"]["id"] == self.person]

    def _do(self, channel):
        number = self.done.total()
        what = self.dice.choices(["posted", "edited", "deleted"], [6, 3, 2])[0]
        said = self._said(channel)
        # The latest as often as those of long ago.
        message = self.dice.choice([self.dice.choice(said), said[-1]])["id"]
        match what:
            case "posted":
                self.fake.post(channel, self.person, f"apple {number} is ripe")
            case "edited":
                self.fake.edit(channel, message, f"pear {number} is ripe")
            case "deleted":
                self.fake.delete(channel, message)
        self.done[what] += 1


async def until_kept(app, talk, *, seconds=20):
    """Waits until what is stored is what stands; what still differs then. A past of thousands takes its time."""
    missing, left = [], []
    for _ in range(seconds * 4):
        rows = dict(await app.admin.database.fetch(STORED))
        standing = talk.standing()
        missing = [one for one, text in standing.items() if rows.get(one) != text]
        left = [one for one in rows if one not in standing]
        if not missing and not left:
            break
        await asyncio.sleep(0.25)
    return missing, left
