"""What happens in the fake reaches a connected discord.py in a form it takes: its cache says what the world says."""

import asyncio
import sys

import discord
import pytest
import yarl

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.payloads import PRIVATE_THREAD
from tests.fakes.discord.permissions import MANAGE_THREADS, READ, VIEW_CHANNEL

INTENTS = discord.Intents(
    guilds=True, members=True, guild_messages=True, dm_messages=True, message_content=True, guild_reactions=True
)


class Witness(discord.Client):
    """Writes down what it is told of messages, by documented handlers."""

    def __init__(self) -> None:
        super().__init__(intents=INTENTS, guild_ready_timeout=0.2)
        self.told: list[tuple] = []

    async def on_message(self, message) -> None:
        self.told.append(("said", message.content, message.type.value))

    async def on_raw_message_edit(self, payload) -> None:
        self.told.append(("edited", payload.message.content, payload.message.edited_at is not None))

    async def on_raw_message_delete(self, payload) -> None:
        self.told.append(("deleted", str(payload.message_id)))

    async def on_raw_bulk_message_delete(self, payload) -> None:
        self.told.append(("deleted", *sorted(map(str, payload.message_ids))))

    async def on_raw_reaction_add(self, payload) -> None:
        self.told.append(("reacted", payload.emoji.name, str(payload.user_id)))

    async def on_raw_reaction_remove(self, payload) -> None:
        self.told.append(("took back", payload.emoji.name, str(payload.user_id)))

    async def on_raw_reaction_clear(self, payload) -> None:
        self.told.append(("cleared", str(payload.message_id)))

    async def on_guild_remove(self, guild) -> None:
        self.told.append(("left", guild.name))

    async def on_error(self, event, *args, **kwargs) -> None:
        self.told.append(("error", repr(sys.exc_info()[1])))


@pytest.fixture
async def place(monkeypatch):
    """(fake, witness, guild, user, channel), connected."""
    async with FakeDiscord() as fake:
        monkeypatch.setattr(discord.http.Route, "BASE", fake.api_url)
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(fake.gateway_url))
        guild = fake.add_guild("tidepool")
        user, channel = fake.add_member(guild, "quince"), fake.add_channel(guild, "harvest")
        witness = Witness()
        task = asyncio.create_task(witness.start(fake.token))
        await fake.connected()
        await witness.wait_until_ready()
        yield fake, witness, guild, user, channel
        await witness.close()
        await task


def cached(witness, guild):
    """Channels, active threads, roles and members as discord.py knows them.

    Of private threads it forgets none, not even one that the bot was removed from: they are left out.
    """
    known = witness.get_guild(int(guild))
    return (
        {str(place.id): (place.name, place.type.value, len(place.overwrites)) for place in known.channels},
        {str(thread.id): thread.name for thread in known.threads if not thread.is_private()},
        {str(role.id): (role.name, role.permissions.value) for role in known.roles},
        {str(member.id): (member.display_name, len(member.roles) - 1) for member in known.members},
    )


def real(fake, guild):
    """The same as the world knows it."""
    people = fake.members[guild].values()
    return (
        {
            place["id"]: (place["name"], place["type"], len(place["permission_overwrites"]))
            for place in fake.channels_of(guild)
        },
        {
            thread["id"]: thread["name"]
            for thread in fake.active_threads(guild, fake.bot_user_id)
            if thread["type"] != PRIVATE_THREAD
        },
        {role["id"]: (role["name"], int(role["permissions"])) for role in fake.guilds[guild]["roles"]},
        {
            each["user"]["id"]: (
                each["nick"] or each["user"]["global_name"] or each["user"]["username"],
                len(each["roles"]),
            )
            for each in people
        },
    )


async def test_the_client_knows_the_guild_as_it_is_after_every_change(place):
    fake, witness, guild, user, channel = place
    role, doomed = fake.add_role(guild, "picker", READ), fake.add_role(guild, "doomed")
    cellar = fake.add_channel(guild, "cellar", overwrites={role: (READ, 0)})
    forum = fake.add_channel(guild, "orchard", kind="forum")
    thread = fake.start_thread(channel, user, "press", message=fake.post(channel, user, "x"), text="y")
    post = fake.start_thread(forum, user, "grafting", text="how?")
    private = fake.start_thread(channel, user, "wages", private=True, text="secret")
    other = fake.start_thread(cellar, user, "barrels")
    newcomer = fake.add_member(guild, "sorrel", roles=[doomed])
    everybody_sees_nothing = {guild: (0, VIEW_CHANNEL), fake.bot_role(guild): (0, VIEW_CHANNEL)}
    changes = [
        lambda: fake.rename(channel, "reaping"),
        lambda: fake.set_member_roles(guild, user, [role]),
        lambda: fake.change_member(guild, user, nick="quincy"),
        lambda: fake.change_user(newcomer, global_name="Sorrel B"),
        lambda: fake.delete_role(guild, doomed),
        lambda: fake.change_role(guild, role, name="reaper", permissions=MANAGE_THREADS),
        lambda: fake.add_thread_member(private, fake.bot_user_id),
        lambda: fake.remove_thread_member(private, fake.bot_user_id),
        lambda: fake.archive_thread(thread),
        lambda: fake.post(thread, user, "open again"),
        lambda: fake.rename(post, "budding"),
        lambda: fake.delete_thread(post),
        lambda: fake.set_overwrites(channel, {user: (VIEW_CHANNEL, 0)}),
        lambda: fake.delete_channel(cellar),
        lambda: fake.remove_member(guild, newcomer),
        lambda: fake.set_unavailable(guild, unavailable=False),
    ]
    for number, change in enumerate(changes):
        change()
        await fake.settled()
        assert cached(witness, guild) == real(fake, guild), number
    assert witness.get_guild(int(guild)).get_thread(int(private)).name == "wages"
    assert other not in fake.channels
    with fake.silently():
        fake.set_overwrites(channel, everybody_sees_nothing)
        hidden = fake.start_thread(channel, user, "unseen")
    fake.set_overwrites(channel, {})
    await fake.settled()
    assert hidden in cached(witness, guild)[1]


async def test_the_client_hears_of_messages_in_the_order_in_which_they_happen(place):
    fake, witness, guild, user, channel = place
    first, second, third = (fake.post(channel, user, text) for text in ("one", "two", "three"))
    fake.post(channel, user, "re", reply_to=first)
    # discord.py changes the very object that its handlers of the message may not have looked at yet.
    await fake.until(lambda: len(witness.told) == 4)
    fake.edit(channel, first, "uno")
    fake.unfurl(channel, second)
    fake.react(channel, first, user, "🍐")
    fake.react(channel, first, user, "🍐", removed=True)
    fake.clear_reactions(channel, second)
    fake.delete(channel, first)
    fake.bulk_delete(channel, [second, third, "1"])
    fake.seed(channel, [(user, "long ago")])
    fake.post(fake.open_dm(user), user, "in private")
    fake.remove_guild(guild)
    await fake.until(lambda: len(witness.told) == 13)
    assert witness.told == [
        ("said", "one", 0),
        ("said", "two", 0),
        ("said", "three", 0),
        ("said", "re", 19),
        ("edited", "uno", True),
        ("edited", "two", False),
        ("reacted", "🍐", user),
        ("took back", "🍐", user),
        ("cleared", second),
        ("deleted", first),
        ("deleted", second, third),
        ("said", "in private", 0),
        ("left", "tidepool"),
    ]


async def test_an_outage_of_a_guild_is_not_its_end(place):
    fake, witness, guild, user, channel = place
    fake.set_unavailable(guild)
    await fake.settled()
    assert witness.get_guild(int(guild)).unavailable
    fake.post(channel, user, "unheard")
    fake.set_unavailable(guild, unavailable=False)
    await fake.settled()
    assert not witness.get_guild(int(guild)).unavailable
    assert witness.told == []
