"""The fake Discord takes what the real discord.py sends as Discord would: rights, limits, nonces, mentions."""

import aiohttp
import discord
import pytest

from tests.fakes.discord.client import refusal, served
from tests.fakes.discord.permissions import EMBED_LINKS, MANAGE_MESSAGES, SEND_MESSAGES

NONE = discord.AllowedMentions.none()


@pytest.fixture
async def place():
    """A guild with one person and one channel: (fake, client, guild, user, channel)."""
    async with served() as (fake, client):
        guild = fake.add_guild("tidepool")
        user = fake.add_member(guild, "quince")
        yield fake, client, guild, user, fake.add_channel(guild, "harvest")


async def in_channel(client, channel):
    return await client.fetch_channel(int(channel))


async def post(fake, path, body, token=None):
    headers = {"Authorization": f"Bot {token or fake.token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(fake.api_url.replace("/v10", "") + path, json=body, headers=headers) as response,
    ):
        assert response.headers["Content-Type"] == "application/json"
        return response.status, await response.json()


def embed(**parts):
    return {"content": "", "embeds": [parts]}


def buttons(*parts):
    return {"content": "x", "components": [{"type": 1, "components": list(parts)}]}


async def test_what_is_sent_stands_in_the_channel_with_its_audience(place):
    fake, client, guild, user, channel = place
    asked = fake.post(channel, user, "when do we press?")
    fake.add_member(guild, "sorrel")
    target = await in_channel(client, channel)
    embed = discord.Embed(title="Sources", description="1. harvest")
    sent = await target.send(
        "On Friday, <@1>", embed=embed, reference=await target.fetch_message(int(asked)), allowed_mentions=NONE
    )
    (seen,) = fake.bot_messages(channel, viewer=user)
    assert (seen.id, seen.content, seen.reference) == (str(sent.id), "On Friday, <@1>", asked)
    assert [each["title"] for each in seen.embeds] == ["Sources"]
    assert seen.message["mentions"] == []
    (shown,) = fake.visible_payloads()
    assert shown.audience == frozenset(fake.readers(channel) - {fake.bot_user_id})
    assert user in shown.audience
    assert sent.reference.resolved.content == "when do we press?"
    await sent.edit(content="On Saturday", suppress=True)
    (seen,) = fake.bot_messages(channel)
    assert (seen.content, seen.is_edited, seen.embeds) == ("On Saturday", True, [])
    await sent.delete()
    assert fake.bot_messages(channel) == []


async def test_mentions_ping_unless_they_are_forbidden(place):
    fake, client, guild, user, channel = place
    fake.post(channel, user, "hello")
    target = await in_channel(client, channel)
    role = fake.add_role(guild, "pickers")
    text = f"<@{user}> <@&{role}> @everyone"
    await target.send(text)
    await target.send(text, allowed_mentions=NONE)
    loud, quiet = (seen.message for seen in fake.bot_messages(channel))
    assert [each["id"] for each in loud["mentions"]] == [user]
    assert (loud["mention_roles"], loud["mention_everyone"]) == ([role], True)
    assert (quiet["mentions"], quiet["mention_roles"], quiet["mention_everyone"]) == ([], [], False)


async def test_the_same_nonce_gives_the_first_message_again(place):
    fake, client, _, _, channel = place
    target = await in_channel(client, channel)
    first, second = await target.send("once", nonce="n1"), await target.send("once", nonce="n1")
    assert first.id == second.id
    assert (await target.send("once", nonce="n2")).id != first.id
    fake.clock.advance(3600)
    assert (await target.send("once", nonce="n1")).id != first.id
    assert len(fake.bot_messages(channel)) == 3


RIGHTS = [
    (SEND_MESSAGES, {"content": "x"}),
    (EMBED_LINKS, {"content": "x", "embeds": [{"title": "x"}]}),
]


@pytest.mark.parametrize(("right", "body"), RIGHTS)
async def test_sending_needs_its_rights(place, right, body):
    fake, _, guild, _, channel = place
    fake.set_overwrites(channel, {guild: (0, right), fake.bot_role(guild): (0, right)})
    status, answer = await post(fake, f"/channels/{channel}/messages", body)
    assert (status, answer["code"]) == (403, 50013)


async def test_others_messages_are_theirs(place):
    fake, client, guild, user, channel = place
    message = await (await in_channel(client, channel)).fetch_message(int(fake.post(channel, user, "mine")))
    assert await refusal(message.edit(content="yours")) == (403, 50005)
    assert await refusal(message.delete()) == (403, 50013)
    fake.change_role(guild, fake.bot_role(guild), permissions=MANAGE_MESSAGES)
    await message.delete()
    assert fake.transcript(channel) == []


async def test_bulk_deletion_leaves_out_what_is_gone_and_refuses_what_is_old(place):
    fake, client, guild, user, channel = place
    fake.change_role(guild, fake.bot_role(guild), permissions=MANAGE_MESSAGES)
    ids = [fake.post(channel, user, str(number)) for number in range(3)]
    (old,) = fake.seed(channel, [(user, "old", 15 * 86_400)])
    assert await refusal(client.http.delete_messages(int(channel), [ids[0], old])) == (400, 50034)
    fake.delete(channel, ids[0])
    await client.http.delete_messages(int(channel), ids[:2])
    assert [seen.content for seen in fake.transcript(channel)] == ["old", "2"]


async def test_reactions_are_counted_and_named(place):
    fake, client, _, user, channel = place
    message = await (await in_channel(client, channel)).fetch_message(int(fake.post(channel, user, "pears?")))
    fake.react(channel, str(message.id), user, "🍐")
    await message.add_reaction("🍐")
    (reaction,) = (await message.fetch()).reactions
    assert (reaction.count, reaction.me, reaction.emoji) == (2, True, "🍐")
    assert {str(person.id) async for person in reaction.users()} == {user, fake.bot_user_id}
    await message.remove_reaction("🍐", client.user)
    assert [(each.count, each.me) for each in (await message.fetch()).reactions] == [(1, False)]


async def test_direct_messages_reach_those_who_take_them(place):
    fake, client, _, user, _ = place
    person = await client.fetch_user(int(user))
    await person.send("hello")
    channel = fake.open_dm(user)
    assert [seen.content for seen in fake.bot_messages(channel, viewer=user)] == ["hello"]
    assert fake.readers(channel) == {user, fake.bot_user_id}
    fake.refuse_dms(user)
    assert await refusal(person.send("again")) == (403, 50007)
    stranger = await client.fetch_user(int(fake.add_user("loquat")))
    assert await refusal(stranger.send("who?")) == (403, 50007)
    assert await refusal(client.fetch_user(1)) == (404, 10013)


async def test_nothing_cannot_be_sent(place):
    fake, _, _, _, channel = place
    assert (await post(fake, f"/channels/{channel}/messages", {"content": ""}))[1]["code"] == 50006


JUST_ENOUGH = [
    {"content": "x" * 2000},
    {"content": "x", "nonce": "n" * 25},
    {"embeds": [{"title": "x" * 256}] * 10},
    {"embeds": [{"description": "x" * 4096}, {"description": "x" * 1904}]},
    embed(fields=[{"name": "n" * 256, "value": "v" * 100}] * 10),
    buttons(*({"type": 2, "style": 1, "label": "x" * 80, "custom_id": f"{n}".rjust(100)} for n in range(5))),
    {"content": "x", "message_reference": {"message_id": "1", "fail_if_not_exists": False}},
]


@pytest.mark.parametrize("body", JUST_ENOUGH)
async def test_what_reaches_a_limit_is_sent(place, body):
    fake, _, _, _, channel = place
    status, _ = await post(fake, f"/channels/{channel}/messages", body)
    assert status == 200
    assert len(fake.bot_messages(channel)) == 1


TOO_MUCH = [
    ({"content": "x" * 2001}, "content"),
    ({"content": "x", "nonce": "n" * 26}, "nonce"),
    ({"embeds": [{"title": "x"}] * 11}, "embeds"),
    (embed(title="x" * 257), "embeds"),
    (embed(description="x" * 4097), "embeds"),
    (embed(fields=[{"name": "n", "value": "x" * 1025}]), "embeds"),
    (embed(fields=[{"name": " ", "value": "x"}]), "embeds"),
    (embed(fields=[{"name": "n", "value": "v"}] * 26), "embeds"),
    ({"embeds": [{"description": "x" * 3001}] * 2}, "embeds"),
    (buttons(*({"type": 2, "style": 1, "label": "x", "custom_id": str(n)} for n in range(6))), "components"),
    (buttons(*[{"type": 2, "style": 1, "label": "x", "custom_id": "same"}] * 2), "components"),
    (buttons({"type": 2, "style": 1, "label": "x" * 81, "custom_id": "a"}), "components"),
    (buttons({"type": 2, "style": 1, "label": "x", "custom_id": "a" * 101}), "components"),
    (buttons({"type": 2, "style": 5, "label": "no address"}), "components"),
    ({"content": "x", "components": [{"type": 2, "style": 1, "label": "x", "custom_id": "a"}]}, "components"),
    ({"content": "x", "flags": 1 << 15, "components": []}, "content"),
    ({"content": "x", "message_reference": {"message_id": "1"}}, "message_reference"),
]


@pytest.mark.parametrize(("body", "place_of_error"), TOO_MUCH)
async def test_what_passes_a_limit_is_a_bad_form(place, body, place_of_error):
    fake, _, _, _, channel = place
    status, answer = await post(fake, f"/channels/{channel}/messages", body)
    assert (status, answer["code"]) == (400, 50035)
    assert set(answer["errors"]) == {place_of_error}
    assert fake.bot_messages(channel) == []
