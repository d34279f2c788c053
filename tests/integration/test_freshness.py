"""What is asked of a platform before a question, and what is not; on a real PostgreSQL."""

import asyncio

import pytest

from knowledge.access import Access
from knowledge.errors import ChannelUnreadable, SourceUnavailable
from knowledge.freshness import MOST_LISTS, Freshness
from knowledge.messages import Members, Person, PersonKind, Visibility
from knowledge.presence import Presence
from knowledge.scope import Audience
from tests.talk import WORKSPACE, channel, described, person

GENERAL, BOARD = Audience(channel=channel("general")), Audience(channel=channel("board"))
QUINCE = person("quince")


class FakeMembership:
    """Says who is where, and keeps what it was asked."""

    def __init__(self):
        self.members_of = {"general": ["quince", "tamarind"], "board": ["quince"], "market": ["tamarind"]}
        self.kinds = {}
        self.asked = []
        self.errors = {}
        self.at_once = self.most_at_once = 0

    async def members(self, ref):
        await self._answer(ref.channel_id)
        return Members(ref, tuple(person(name) for name in self.members_of[ref.channel_id]))

    async def person(self, ref):
        await self._answer(ref.person_id)
        return Person(ref, ref.person_id, self.kinds.get(ref.person_id, PersonKind.MEMBER))

    async def channel(self, ref):
        raise AssertionError("nobody asks for that before a question")

    async def _answer(self, name):
        self.asked.append(name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        if name in self.errors:
            raise self.errors[name]


class World:
    def __init__(self, database):
        self.database = database
        self.access = Access(database)
        self.source = FakeMembership()
        self.freshness = Freshness(database, self.access, {"test": self.source})

    async def begin(self):
        await Presence(self.database).connect("test", WORKSPACE, "Tidepool")
        await self.access.record_channels([
            described("general"), described("market"), described("board", Visibility.PRIVATE),
        ])  # fmt: skip
        await self.access.record_people([Person(person(name), name) for name in ("quince", "tamarind")], live=True)
        for name, members in self.source.members_of.items():
            await self.access.record_members(Members(channel(name), tuple(map(person, members))))
        return self

    async def asked(self, audience, asker=QUINCE):
        """What is read for one question."""
        self.source.asked.clear()
        await self.freshness.ensure(audience, asker)
        return sorted(self.source.asked)

    async def scope(self, audience, asker=QUINCE):
        return set((await self.access.scope_for(audience, asker)).channel_names)

    async def age(self, seconds):
        """Everything was read so long ago."""
        row = {"seconds": seconds}
        await self.database.execute("UPDATE channel SET members_at = now() - make_interval(secs => %(seconds)s)", row)
        await self.database.execute("UPDATE person SET read_at = now() - make_interval(secs => %(seconds)s)", row)


@pytest.fixture
async def world(database):
    return await World(database).begin()


async def test_where_no_platform_is_connected_nothing_is_asked_and_nothing_is_needed(database):
    world = World(database)
    await world.access.record_channels([described("general"), described("board", Visibility.PRIVATE)])
    await Freshness(database, world.access, {}).ensure(BOARD, QUINCE)
    assert await world.scope(BOARD, None) == {"general", "board"}


async def test_the_operator_needs_nothing_asked(world):
    assert await world.asked(Audience(), None) == []


async def test_a_private_channel_needs_its_list_and_an_answer_in_private_those_of_the_asker(world):
    assert await world.asked(BOARD) == ["board"]
    await world.age(3600)
    assert await world.asked(Audience(person=QUINCE)) == ["board", "quince"]
    await world.age(3600)
    assert await world.asked(Audience(person=person("tamarind")), person("tamarind")) == ["tamarind"]


async def test_a_public_channel_needs_its_list_only_where_there_are_guests_or_strangers(world):
    assert await world.asked(GENERAL) == []
    await world.access.record_people([Person(person("juniper"), "juniper", PersonKind.GUEST)], live=True)
    assert await world.asked(GENERAL) == ["general"]
    await world.access.record_people([Person(person("juniper"), "juniper")], live=True)
    await world.age(0)
    await world.access.record_channels([described("general", shared=True)])
    await world.age(3600)
    assert await world.asked(GENERAL) == ["general", "quince"]


async def test_an_account_that_was_never_described_may_be_a_guests(world):
    await world.access.join(channel("market"), person("stranger"))
    assert await world.asked(GENERAL) == ["general"]


async def test_a_guest_needs_the_lists_of_the_public_channels_too(world):
    world.source.kinds["tamarind"] = PersonKind.GUEST
    await world.access.record_people([Person(person("tamarind"), "tamarind", PersonKind.GUEST)], live=True)
    asked = await world.asked(Audience(person=person("tamarind")), person("tamarind"))
    assert asked == ["general", "market"]


async def test_what_was_just_read_is_not_read_again(world):
    await world.asked(Audience(person=QUINCE))
    assert await world.asked(Audience(person=QUINCE)) == []
    await world.age(29)
    assert await world.asked(Audience(person=QUINCE)) == []


async def test_it_is_read_again_before_it_counts_no_longer(world):
    await world.asked(Audience(person=QUINCE))
    await world.age(31)
    assert await world.scope(Audience(person=QUINCE)) == {"general", "market", "board"}
    assert await world.asked(Audience(person=QUINCE)) == ["board", "quince"]
    await world.age(61)
    # What is left is a public channel that quince is in: there are no guests whom it could be closed to.
    assert await world.scope(Audience(person=QUINCE)) == {"general"}


async def test_who_left_without_a_word_is_out_after_the_list_was_read(world):
    world.source.members_of["board"] = []
    await world.asked(Audience(person=QUINCE))
    assert await world.scope(Audience(person=QUINCE)) == {"general", "market"}


async def test_who_became_a_guest_without_a_word_is_one(world):
    world.source.kinds["quince"] = PersonKind.GUEST
    await world.age(3600)
    await world.asked(Audience(person=QUINCE))
    await world.asked(Audience(person=QUINCE))
    assert await world.scope(Audience(person=QUINCE)) == {"general", "board"}


async def test_somebody_unknown_is_looked_up(world):
    assert await world.asked(Audience(person=person("pear")), person("pear")) == ["pear"]
    assert await world.scope(Audience(person=person("pear")), person("pear")) == {"general", "market"}


async def test_a_list_that_cannot_be_read_keeps_its_channel_closed(world):
    await world.age(3600)
    world.source.errors["board"] = SourceUnavailable("busy")
    assert await world.asked(Audience(person=QUINCE)) == ["board", "quince"]
    assert await world.scope(Audience(person=QUINCE)) == {"general", "market"}
    assert await world.scope(BOARD) == set()


async def test_an_asker_who_cannot_be_looked_up_hears_of_this_channel_alone(world):
    await world.age(3600)
    world.source.errors["quince"] = SourceUnavailable("busy")
    await world.asked(BOARD)
    assert await world.scope(BOARD) == {"board"}
    assert await world.scope(Audience(person=QUINCE)) == {"general", "board"}


async def test_a_channel_that_the_platform_hides_is_closed_to_all(world):
    world.source.errors["board"] = ChannelUnreadable("gone")
    await world.asked(BOARD)
    assert await world.scope(Audience(), None) == {"general", "market"}
    assert await world.asked(BOARD) == []


async def test_closed_and_forgotten_channels_are_not_asked_for(world):
    await Presence(world.database).hide(channel("board"))
    assert await world.asked(BOARD) == []
    assert await world.asked(Audience(person=QUINCE)) == []


async def test_the_lists_of_somebody_in_many_channels_are_read_at_once_and_not_without_end(world):
    names = [f"room-{n}" for n in range(MOST_LISTS + 10)]
    await world.access.record_channels([described(name, Visibility.PRIVATE) for name in names])
    for name in names:
        world.source.members_of[name] = ["quince"]
        await world.access.record_members(Members(channel(name), (QUINCE,)))
    asked = await world.asked(Audience(person=QUINCE))
    assert len(asked) == MOST_LISTS
    assert world.source.most_at_once > 5
    assert len(await world.scope(Audience(person=QUINCE))) == MOST_LISTS + 2


async def test_questions_at_once_all_see_what_is_true(world):
    world.source.members_of["board"] = ["tamarind"]
    await world.age(3600)
    await asyncio.gather(*(world.freshness.ensure(Audience(person=QUINCE), QUINCE) for _ in range(8)))
    assert await world.scope(Audience(person=QUINCE)) == {"general", "market"}
    rows = await world.database.fetch(
        "SELECT person_id FROM membership JOIN channel USING (channel_pk) JOIN person USING (person_pk) "
        "WHERE channel_id = 'board'"
    )
    assert rows == [("tamarind",)]


@pytest.mark.parametrize("told", ["left", "joined", "hidden", "missed"])
async def test_a_list_that_was_under_way_when_something_was_told_is_asked_for_again(world, told):
    presence, board, lists = Presence(world.database), channel("board"), []

    async def read(ref):
        lists.append(Members(ref, (QUINCE, person("tamarind")) if not lists else (person("juniper"),)))
        if len(lists) == 1:
            match told:
                case "left":
                    await world.access.leave(board, QUINCE)
                case "joined":
                    await world.access.join(board, person("juniper"))
                case "hidden":
                    await presence.hide(board)
                case _:
                    await presence.unsettle("test", WORKSPACE)
        return lists[-1]

    await world.access.read_members(board, read)
    assert len(lists) == 2
    assert await members_of(world, "board") == ["juniper"]


async def test_of_two_lists_of_one_channel_the_later_one_stands(world):
    board, begun, go = channel("board"), asyncio.Event(), asyncio.Event()
    slow_lists = iter([["quince", "tamarind"], ["tamarind"]])

    async def slow(ref):
        people = next(slow_lists)
        begun.set()
        await go.wait()
        return Members(ref, tuple(map(person, people)))

    async def quick(ref):
        return Members(ref, (person("tamarind"),))

    reading = asyncio.create_task(world.access.read_members(board, slow))
    await begun.wait()
    await world.access.read_members(board, quick)
    go.set()
    await reading
    assert await members_of(world, "board") == ["tamarind"]


async def test_who_is_gone_is_in_no_channel_when_they_come_back(world):
    assert await members_of(world, "board") == ["quince"]
    await world.access.record_people([Person(QUINCE, "quince", active=False)], live=True)
    await world.access.record_people([Person(QUINCE, "quince")], live=True)
    assert await members_of(world, "board") == []


async def members_of(world, name):
    rows = await world.database.fetch(
        "SELECT p.person_id FROM membership JOIN person p USING (person_pk) JOIN channel c USING (channel_pk) "
        "WHERE c.channel_id = %(name)s ORDER BY 1",
        {"name": name},
    )
    return [row[0] for row in rows]
