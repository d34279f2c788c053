"""The fake Discord's API answers the real discord.py as Discord would: history, sending, rights, threads, limits."""

from datetime import UTC, datetime, timedelta

import discord
import pytest

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.client import refusal, routed_to, served
from tests.fakes.discord.payloads import poll
from tests.fakes.discord.permissions import (
    CONNECT,
    MANAGE_THREADS,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    VIEW_CHANNEL,
)


@pytest.fixture
async def place():
    """A guild with one person and one channel: (fake, client, guild, user, channel)."""
    async with served() as (fake, client):
        guild = fake.add_guild("tidepool")
        user = fake.add_member(guild, "quince")
        yield fake, client, guild, user, fake.add_channel(guild, "harvest")


async def in_channel(client, channel):
    return await client.fetch_channel(int(channel))


async def texts(history):
    return [message.content async for message in history]


async def test_a_client_logs_in_and_learns_who_it_is(place):
    fake, client, *_ = place
    assert str(client.user.id) == fake.bot_user_id
    assert str((await client.application_info()).id) == fake.application_id


async def test_a_wrong_token_is_refused_and_counted():
    async with FakeDiscord() as fake:
        client = discord.Client(intents=discord.Intents.none())
        with routed_to(fake), pytest.raises(discord.LoginFailure):
            await client.login("wrong")
        await client.close()
        assert fake.invalid_requests == 1


async def test_history_goes_through_every_message_in_both_directions(place):
    fake, client, _, user, channel = place
    ids = fake.seed(channel, [(user, str(number)) for number in range(250)])
    target = await in_channel(client, channel)
    every = [str(number) for number in range(250)]
    assert await texts(target.history(limit=None)) == every[::-1]
    assert await texts(target.history(limit=None, oldest_first=True)) == every
    assert await texts(target.history(limit=None, after=discord.Object(int(ids[99])))) == every[100:]
    assert await texts(target.history(limit=3, before=discord.Object(int(ids[100])))) == ["99", "98", "97"]
    around = await texts(target.history(limit=5, around=discord.Object(int(ids[100]))))
    assert sorted(around, key=int) == ["98", "99", "100", "101", "102"]


async def test_a_page_after_an_id_holds_the_oldest_of_what_follows_newest_first(place):
    fake, client, _, user, channel = place
    ids = fake.seed(channel, [(user, str(number)) for number in range(10)])
    page = await client.http.logs_from(int(channel), 3, after=int(ids[2]))
    assert [message["content"] for message in page] == ["5", "4", "3"]


async def test_times_of_seeded_messages_are_kept(place):
    fake, client, _, user, channel = place
    fake.seed(channel, [(user, "long ago", "2025-03-01T12:00:00+00:00"), (user, "an hour ago", 3600)])
    recent, old = [message async for message in (await in_channel(client, channel)).history()]
    assert old.created_at == datetime(2025, 3, 1, 12, tzinfo=UTC)
    assert abs(datetime.now(UTC) - timedelta(hours=1) - recent.created_at) < timedelta(seconds=10)


@pytest.mark.parametrize(("limit", "refused"), [(0, True), (1, False), (100, False), (101, True)])
async def test_a_page_has_one_to_a_hundred_messages(place, limit, refused):
    _, client, _, _, channel = place
    work = client.http.logs_from(int(channel), limit)
    if refused:
        assert await refusal(work) == (400, 50035)
    else:
        assert await work == []


async def test_without_the_right_to_read_history_the_list_is_empty(place):
    fake, client, guild, user, channel = place
    message = fake.post(channel, user, "hello")
    fake.set_overwrites(channel, {guild: (0, READ_MESSAGE_HISTORY), fake.bot_role(guild): (0, READ_MESSAGE_HISTORY)})
    target = await in_channel(client, channel)
    assert await texts(target.history()) == []
    assert await refusal(target.fetch_message(int(message))) == (403, 50013)
    reply = discord.MessageReference(message_id=int(message), channel_id=int(channel))
    assert await refusal(target.send("a", reference=reply)) == (403, 160002)


async def test_a_channel_out_of_sight_is_refused_and_an_unknown_one_not_found(place):
    fake, client, guild, _, channel = place
    fake.set_overwrites(channel, {guild: (0, VIEW_CHANNEL), fake.bot_role(guild): (0, VIEW_CHANNEL)})
    assert await refusal(client.http.logs_from(int(channel), 10)) == (403, 50001)
    assert await refusal(client.http.logs_from(1, 10)) == (404, 10003)
    assert await refusal(client.http.get_guild(1)) == (404, 10004)
    assert fake.invalid_requests == 1


async def test_text_beside_speech_needs_the_right_to_connect(place):
    fake, client, guild, user, _ = place
    voice = fake.add_channel(guild, "cellar", kind="voice")
    fake.seed(voice, [(user, "typed while talking")])
    assert len(await client.http.logs_from(int(voice), 10)) == 1
    fake.set_overwrites(voice, {guild: (0, CONNECT)})
    assert await refusal(client.http.logs_from(int(voice), 10)) == (403, 50001)
    assert user not in fake.readers(voice)


async def test_threads_are_listed_where_they_stand(place):
    fake, client, guild, user, channel = place
    forum = fake.add_channel(guild, "orchard", kind="forum")
    asked = fake.post(channel, user, "which press?")
    thread = fake.start_thread(channel, user, "press", message=asked, text="the old one")
    post_id = fake.start_thread(forum, user, "grafting", text="how do I graft?")
    private = fake.start_thread(channel, user, "wages", private=True, text="secret")
    listed = await client.http.get_active_threads(int(guild))
    assert {each["id"] for each in listed["threads"]} == {thread, post_id}
    assert await refusal(client.http.logs_from(int(private), 10)) == (403, 50001)
    assert await refusal(client.http.logs_from(int(forum), 10)) == (400, 50024)
    assert [each["content"] for each in await client.http.logs_from(int(thread), 10)] == ["the old one", ""]
    first = await client.http.get_message(int(post_id), int(post_id))
    assert first["content"] == "how do I graft?"
    fake.add_thread_member(private, fake.bot_user_id)
    assert [each["content"] for each in await client.http.logs_from(int(private), 10)] == ["secret"]
    assert fake.readers(private) == {user, fake.bot_user_id, fake.owner_of(guild)}


async def test_archived_threads_are_paged_by_the_time_they_were_archived(place):
    fake, client, guild, user, channel = place
    threads = [fake.start_thread(channel, user, f"t{number}") for number in range(5)]
    latest_first = [threads[number] for number in (3, 0, 4, 1, 2)]
    for thread in latest_first[::-1]:
        fake.clock.advance(60)
        fake.archive_thread(thread)
    target = await in_channel_of_guild(client, guild, channel)
    assert [str(thread.id) async for thread in target.archived_threads(limit=None)] == latest_first
    page = await client.http.get_public_archived_threads(int(channel), limit=2)
    assert ([each["id"] for each in page["threads"]], page["has_more"]) == (latest_first[:2], True)
    before = page["threads"][-1]["thread_metadata"]["archive_timestamp"]
    page = await client.http.get_public_archived_threads(int(channel), before=before, limit=3)
    assert ([each["id"] for each in page["threads"]], page["has_more"]) == (latest_first[2:], False)
    assert (await client.http.get_active_threads(int(guild)))["threads"] == []


async def in_channel_of_guild(client, guild, channel):
    """A channel with a guild that knows its roles, as the calls about threads want it."""
    found = await client.fetch_guild(int(guild))
    return next(each for each in await found.fetch_channels() if each.id == int(channel))


async def test_private_archived_threads_need_a_right_or_membership(place):
    fake, client, guild, user, channel = place
    joined, other = (fake.start_thread(channel, user, name, private=True) for name in ("joined", "other"))
    fake.add_thread_member(joined, fake.bot_user_id)
    fake.archive_thread(joined)
    fake.archive_thread(other)
    number = int(channel)
    assert await refusal(client.http.get_private_archived_threads(number)) == (403, 50013)
    mine = await client.http.get_joined_private_archived_threads(number)
    assert [each["id"] for each in mine["threads"]] == [joined]
    fake.change_role(guild, fake.bot_role(guild), permissions=MANAGE_THREADS)
    every = await client.http.get_private_archived_threads(number)
    assert {each["id"] for each in every["threads"]} == {joined, other}


async def test_an_archived_thread_cannot_be_changed_but_opens_when_somebody_writes(place):
    fake, client, guild, user, channel = place
    thread = fake.start_thread(channel, user, "press", text="hello")
    target = await in_channel(client, thread)
    said = await target.send("here")
    fake.archive_thread(thread)
    assert await refusal(said.edit(content="there")) == (400, 50083)
    assert await refusal(said.add_reaction("🍐")) == (400, 50083)
    await target.send("again")
    assert not fake.channels[thread]["thread_metadata"]["archived"]
    fake.archive_thread(thread, locked=True)
    assert await refusal(target.send("locked")) == (400, 50083)
    fake.archive_thread(thread, archived=False)
    fake.change_role(guild, guild, permissions=VIEW_CHANNEL | SEND_MESSAGES)
    fake.change_role(guild, fake.bot_role(guild), permissions=0)
    assert await refusal(target.send("no right for threads")) == (403, 50013)


async def test_members_come_in_pages_and_only_with_the_intent(place):
    fake, client, guild, _, _ = place
    people = {fake.add_member(guild, f"picker {number}") for number in range(5)}
    first = await client.http.get_members(int(guild), 4, None)
    rest = await client.http.get_members(int(guild), 1000, first[-1]["user"]["id"])
    assert people < {each["user"]["id"] for each in first + rest}
    assert len(first + rest) == len(fake.members[guild])
    fake.lists_members = False
    assert await refusal(client.http.get_members(int(guild), 4, None)) == (403, 50001)
    assert await refusal(client.http.get_member(int(guild), 1)) == (404, 10013)


KINDS = ["text", "news", "voice", "stage", "forum", "media", "category"]


async def test_everything_that_can_stand_somewhere_has_discords_own_shape(place):
    fake, client, guild, user, channel = place
    category = fake.add_channel(guild, "fields", kind="category")
    for kind in KINDS[:-1]:
        fake.add_channel(guild, f"a {kind}", kind=kind, parent=category, overwrites={guild: (0, 8), user: (8, 0)})
    asked = fake.post(channel, user, f"<@{user}>", attachments=["plan.pdf"], embeds=[{"title": "x"}], stickers=["pear"])
    fake.start_thread(channel, user, "press", message=asked, text="x")
    fake.start_thread(channel, user, "alone")
    fake.post(channel, "almanac", "from outside", webhook=True)
    fake.post(channel, user, "", poll=poll("Which?", ["Pear", "Plum"]))
    fake.delete(channel, answered := fake.post(channel, user, "gone"))
    fake.post(channel, user, "reply", reply_to=asked)
    fake.forward(channel, user, channel, asked)
    fake.unfurl(channel, asked)
    fake.pin(channel, asked)
    fake.react(channel, asked, user, "pear:123456789012345678")
    http, number = client.http, int(guild)
    assert {each["type"] for each in await http.get_all_guild_channels(number)} == {0, 2, 4, 5, 13, 15, 16}
    for each in fake.channels_of(guild) + fake.channels_of(guild, threads=True):
        await http.get_channel(int(each["id"]))
    listed = await http.logs_from(int(channel), 100)
    assert answered not in {each["id"] for each in listed}
    for message in listed:
        assert await http.get_message(int(channel), int(message["id"])) == message
    await http.get_guild(number, with_counts=True)
    await http.get_roles(number)
    await http.get_members(number, 100, None)
    await http.get_guilds(100)
    await client.http.get_bot_gateway()
    (pinned,) = [message async for message in (await in_channel(client, channel)).pins()]
    assert str(pinned.id) == asked


async def test_a_call_that_is_not_as_described_is_noted():
    async with FakeDiscord() as fake:
        client = discord.Client(intents=discord.Intents.none())
        channel = fake.add_channel(fake.add_guild("tidepool"), "harvest")
        with routed_to(fake):
            await client.login(fake.token)
            await client.http.request(discord.http.Route("GET", f"/channels/{channel}/messages"), params={"newest": 1})
            fake.channels[channel]["position"] = "first"
            await client.http.get_channel(int(channel))
            await refusal(client.http.get_all_integrations(1))
        await client.close()
        if fake.rest.contract is None:
            pytest.skip("Discord's description lies outside this repository")
        assert [problem.partition(":")[0] for problem in fake.violations] == [
            "GET /channels/{channel_id}/messages",
            "GET /channels/{channel_id}",
            "GET /guilds/1/integrations",
        ]
