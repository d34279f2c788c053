"""In which order what Discord tells is kept."""

import asyncio
from types import SimpleNamespace

from adapters.discord.intake import Intake
from adapters.discord.seen import Kind
from knowledge.errors import KnowledgeUnavailable


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


class BusyInbox:
    """Takes nothing in the first so many times."""

    def __init__(self, refusals):
        self.refusals, self.kept = refusals, []

    async def accept(self, delivery):
        if self.refusals:
            self.refusals -= 1
            raise KnowledgeUnavailable("PostgreSQL did not answer within 1.9 s. Check that it runs.")
        self.kept.append(delivery.delivery_id)


async def test_an_event_is_tried_again_before_its_guild_is_compared_anew():
    inbox, guild = BusyInbox(3), SimpleNamespace(gap=asyncio.Event())
    intake = Intake(SimpleNamespace(inbox=inbox), lambda _: guild)
    assert await intake.keep(Kind.DELETE, 1, {}, "d:1")
    assert (inbox.kept, guild.gap.is_set()) == (["d:1"], False)


async def test_what_cannot_be_kept_is_made_good_by_comparing():
    inbox, guild = BusyInbox(99), SimpleNamespace(gap=asyncio.Event())
    intake = Intake(SimpleNamespace(inbox=inbox), lambda _: guild)
    assert not await intake.keep(Kind.DELETE, 1, {}, "d:1")
    assert guild.gap.is_set()


async def test_whoever_waits_for_a_command_is_told_at_once():
    inbox, guild = BusyInbox(1), SimpleNamespace(gap=asyncio.Event())
    intake = Intake(SimpleNamespace(inbox=inbox), lambda _: guild)
    assert not await intake.keep("command", 1, {}, "i:1", tries=1)
