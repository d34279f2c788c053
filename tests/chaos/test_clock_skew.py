"""A host whose clock is wrong (O4): whose question it is, and until when, is said by PostgreSQL's clock alone."""

import asyncio
import time

import pytest

from bot import outbox as table
from bot.conversation import Request
from bot.outbox import Outbox
from knowledge.messages import ChannelRef

SKEWS = (-600.0, 600.0)
LEASE_SECONDS = 1.0
TRUE_TIME = time.time


class HostClock(Outbox):
    """The mutant: leases by the clock of the machine that it runs on."""

    async def claim(self, platforms, limit):
        sound = table.CLAIM
        table.CLAIM = sound.replace("now()", f"to_timestamp({time.time()})")
        try:
            return await super().claim(platforms, limit)
        finally:
            table.CLAIM = sound


async def claims(database, monkeypatch, skew, outbox_of):
    """How many questions three hosts get of one: the first and the second at once, the third when the lease is over.

    The clock of the first is wrong by `skew` seconds.
    """
    outbox = outbox_of(database, lease_seconds=LEASE_SECONDS)
    answer_id = "7d0f9ad5-5a2c-5b58-a0f8-4c59d2a5a3f1"
    await outbox.open(Request(answer_id, ChannelRef("slack", "tidepool", "harvest"), "why?", None))
    with monkeypatch.context() as wrong:
        wrong.setattr(time, "time", lambda: TRUE_TIME() + skew)
        first = len(await outbox.claim(["slack"], 5))
    second = len(await outbox.claim(["slack"], 5))
    await asyncio.sleep(LEASE_SECONDS + 0.2)
    return first, second, len(await outbox.claim(["slack"], 5))


@pytest.mark.parametrize("skew", SKEWS)
async def test_a_lease_is_as_long_as_it_is_whatever_the_host_believes(database, monkeypatch, skew):
    assert await claims(database, monkeypatch, skew, Outbox) == (1, 0, 1)


@pytest.mark.parametrize("skew", SKEWS)
async def test_leases_by_the_hosts_clock_would_be_caught(database, monkeypatch, skew):
    assert await claims(database, monkeypatch, skew, HostClock) != (1, 0, 1)
