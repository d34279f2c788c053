"""Rights in the fake are those that discord.py computes from the same guild."""

import random

import discord
import pytest

from tests.fakes.discord import permissions as bits
from tests.fakes.discord.world import World

COMPARED = [
    bits.ADMINISTRATOR, bits.MANAGE_CHANNELS, bits.ADD_REACTIONS, bits.VIEW_CHANNEL, bits.SEND_MESSAGES,
    bits.MANAGE_MESSAGES, bits.EMBED_LINKS, bits.ATTACH_FILES, bits.READ_MESSAGE_HISTORY, bits.MENTION_EVERYONE,
    bits.MANAGE_THREADS, bits.SEND_MESSAGES_IN_THREADS, bits.USE_APPLICATION_COMMANDS,
    bits.CONNECT,
]  # fmt: skip
MASK = sum(COMPARED)


def some(dice, chance=0.5):
    return sum(bit for bit in COMPARED[1:] if dice.random() < chance)


def random_world(dice):
    """A guild with random roles, members and overwrites: (world, guild, people, channels)."""
    world = World()
    guild = world.add_guild("tidepool")
    roles = [world.add_role(guild, f"role {number}", some(dice, 0.3)) for number in range(4)]
    if dice.random() < 0.2:
        world.change_role(guild, roles[0], permissions=bits.ADMINISTRATOR)
    world.change_role(guild, guild, permissions=some(dice))
    people = [world.owner_of(guild), world.bot_user_id]
    people += [world.add_member(guild, f"picker {n}", roles=dice.sample(roles, dice.randint(0, 4))) for n in range(4)]
    channels = [world.add_channel(guild, kind, kind=kind) for kind in ("text", "news", "forum", "voice")]
    for channel in channels:
        targets = dice.sample([guild, *roles, *people], dice.randint(0, 6))
        # discord.py looks for the overwrite of @everyone anywhere in the list, so the order may be any.
        world.set_overwrites(channel, {target: (some(dice, 0.2), some(dice, 0.2)) for target in targets})
    channels += [world.start_thread(channels[0], people[2], "t"), world.start_thread(channels[2], people[2], "p")]
    return world, guild, people, channels


@pytest.fixture(scope="module")
def client():
    return discord.Client(intents=discord.Intents.all())


@pytest.mark.parametrize("seed", range(40))
def test_everybody_may_do_in_every_channel_what_discord_py_says(client, seed):
    world, guild, people, channels = random_world(random.Random(seed))
    theirs = discord.Guild(data=world.guild_payload(guild), state=client._connection)
    for channel in channels:
        seen = theirs.get_channel_or_thread(int(channel)) or thread_of(theirs, client, world, channel)
        # discord.py leaves out what concerns speech where nobody speaks.
        mask = MASK if isinstance(seen, discord.VoiceChannel) else MASK & ~bits.CONNECT
        for person in people:
            expected = seen.permissions_for(theirs.get_member(int(person))).value & mask
            assert world.permissions(guild, person, channel) & mask == expected, (person, channel)


def thread_of(guild, client, world, thread):
    """A thread that the bot may not see is not in what the gateway sends: made by hand for the comparison."""
    return discord.Thread(guild=guild, state=client._connection, data=world.thread_payload(thread))


@pytest.fixture
def private():
    """A private thread with two of four people: (world, guild, thread, inside, outside)."""
    world = World()
    guild = world.add_guild("tidepool")
    inside, outside = world.add_member(guild, "quince"), world.add_member(guild, "medlar")
    channel = world.add_channel(guild, "cellar")
    return world, guild, world.start_thread(channel, inside, "wages", private=True), inside, outside


def test_a_private_thread_is_read_by_its_members_and_those_who_manage_threads(private):
    world, guild, thread, inside, outside = private
    assert world.readers(thread) == {inside, world.owner_of(guild)}
    world.set_member_roles(guild, outside, [world.add_role(guild, "elder", bits.MANAGE_THREADS)])
    assert world.readers(thread) == {inside, outside, world.owner_of(guild)}
    world.remove_thread_member(thread, inside)
    assert world.readers(thread) == {outside, world.owner_of(guild)}


def test_a_member_of_a_private_thread_must_still_see_the_channel_above_it(private):
    world, guild, thread, inside, _ = private
    world.set_overwrites(world.channels[thread]["parent_id"], {inside: (0, bits.VIEW_CHANNEL)})
    assert world.readers(thread) == {world.owner_of(guild)}


def test_who_has_left_reads_nothing(private):
    world, guild, thread, inside, _ = private
    world.remove_member(guild, inside)
    assert world.readers(thread) == {world.owner_of(guild)}


def test_direct_messages_are_read_by_two(private):
    world, guild, _, inside, outside = private
    channel = world.open_dm(inside)
    assert world.readers(channel) == {inside, world.bot_user_id}
    assert not world.may_read(outside, channel)
    assert not world.may_read(world.owner_of(guild), channel)
