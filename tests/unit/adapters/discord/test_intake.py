"""In which order what Discord tells is kept."""

import asyncio
from types import SimpleNamespace

from adapters.discord.intake import Intake
from adapters.discord.seen import Kind


class SlowInbox:
    """Takes its time over changes of who may read what."""

    def __init__(self):
        self.kept = []

    async def accept(self, delivery):
        await asyncio.sleep(0.05 if delivery.kind in {Kind.CHANNEL, Kind.ROLES} else 0)
        self.kept.append(delivery.kind)


async def kept(*kinds):
    inbox = SlowInbox()
    intake = Intake(SimpleNamespace(inbox=inbox), lambda _: None)
    await asyncio.gather(*(intake.keep(kind, 1, {}) for kind in kinds))
    return inbox.kept


async def test_no_question_is_kept_before_a_change_of_readers_that_came_first():
    assert await kept(Kind.CHANNEL, Kind.MENTION, "command") == [Kind.CHANNEL, Kind.MENTION, "command"]
    assert await kept(Kind.MENTION, Kind.ROLES, Kind.MESSAGE) == [Kind.MENTION, Kind.ROLES, Kind.MESSAGE]


async def test_changes_of_readers_are_kept_side_by_side():
    begun = asyncio.get_running_loop().time()
    assert len(await kept(*[Kind.CHANNEL] * 20)) == 20
    assert asyncio.get_running_loop().time() - begun < 0.5
