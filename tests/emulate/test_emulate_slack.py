"""The real SDK and Bolt against a Slack server that others wrote."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

from tests.emulate.server import BOT_ID, BOT_USER_ID, EmulatedSlack, missing

ABSENT = missing()
pytestmark = pytest.mark.skipif(ABSENT is not None, reason=str(ABSENT))

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Decided*: we drop Kafka"}}
EVENT_SECONDS = 5.0


@pytest.fixture
async def slack():
    async with EmulatedSlack() as server:
        yield server


@pytest.fixture
async def bot(slack):
    """The SDK as the bot, member of the public channel "dock"."""
    await slack.invite_bot("dock", "tamarind")
    return slack.client()


async def error_of(call):
    with pytest.raises(SlackApiError) as raised:
        await call
    return raised.value.response


class Listener:
    """A Bolt app on a port of its own: the events that passed its checks, and the status of each delivery."""

    def __init__(self):
        self.events, self.statuses = asyncio.Queue(), []

    async def next(self):
        return await asyncio.wait_for(self.events.get(), EVENT_SECONDS)


@asynccontextmanager
async def served(application):
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(slack, *, signing_secret):
    heard = Listener()
    app = AsyncApp(client=slack.client(), signing_secret=signing_secret)

    @app.event(re.compile(".*"))
    async def on_event(body):
        await heard.events.put(body)

    async def on_answer(request, response):
        heard.statuses.append(response.status)

    server = app.web_app()
    server.on_response_prepare.append(on_answer)
    async with served(server) as address:
        await slack.subscribe(f"{address}/slack/events")
        yield heard


async def test_no_process_stays_behind(slack):
    async with EmulatedSlack() as another:
        assert another.api_url != slack.api_url
    assert another._process.returncode == 0


# ---- reads ----


async def test_the_bot_learns_who_it_is(slack):
    told = await slack.client().auth_test()
    assert (told["user_id"], told["bot_id"], told["team_id"]) == (BOT_USER_ID, BOT_ID, slack.team_id)


async def test_private_channels_are_hidden_until_the_bot_is_invited(slack):
    bot, bridge = slack.client(), slack.channels["bridge"]
    kinds = "public_channel,private_channel"
    listed = await bot.conversations_list(types=kinds)
    assert {"dock", "galley"} < {channel["name"] for channel in listed["channels"]}
    assert bridge not in {channel["id"] for channel in listed["channels"]}
    for call in (bot.conversations_info, bot.conversations_members, bot.conversations_history):
        assert (await error_of(call(channel=bridge)))["error"] == "not_in_channel"
    await slack.invite_bot("bridge", "quince")
    assert bridge in {channel["id"] for channel in (await bot.conversations_list(types=kinds))["channels"]}
    assert (await bot.conversations_info(channel=bridge))["channel"]["is_private"]
    members = (await bot.conversations_members(channel=bridge))["members"]
    assert {slack.people["quince"], BOT_USER_ID} < set(members)


async def test_channels_come_in_pages(bot):
    names, cursor = [], None
    while cursor != "":
        page = await bot.conversations_list(limit=2, cursor=cursor)
        assert len(page["channels"]) <= 2
        names += [channel["name"] for channel in page["channels"]]
        cursor = page["response_metadata"]["next_cursor"]
    assert sorted(names) == ["dock", "galley", "general", "random"]


async def test_history_is_newest_first_in_pages_and_without_replies(slack, bot):
    parents = [await slack.post("dock", "tamarind", f"message {number}") for number in range(5)]
    reply = await slack.post("dock", "quince", "an answer", thread_ts=parents[0])
    dock, found, cursor = slack.channels["dock"], [], None
    while cursor != "":
        page = await bot.conversations_history(channel=dock, limit=2, cursor=cursor)
        found += page["messages"]
        cursor = page["response_metadata"]["next_cursor"]
    assert [message["ts"] for message in found] == parents[::-1]
    assert [message.get("reply_count") for message in found] == [None, None, None, None, 1]
    thread = (await bot.conversations_replies(channel=dock, ts=parents[0]))["messages"]
    assert [(message["ts"], message.get("thread_ts")) for message in thread] == [
        (parents[0], None),
        (reply, parents[0]),
    ]


async def test_people_are_found_one_by_one_and_in_a_list(slack, bot):
    someone = (await bot.users_info(user=slack.people["juniper"]))["user"]
    assert (someone["name"], someone["real_name"], someone["is_bot"]) == ("juniper", "Juniper", False)
    listed = {user["id"]: user for user in (await bot.users_list())["members"]}
    assert set(slack.people.values()) == set(listed)
    assert listed[BOT_USER_ID]["is_bot"]


# ---- writes ----


async def test_an_answer_in_a_thread_is_posted_edited_and_deleted(slack, bot):
    dock, question = slack.channels["dock"], await slack.post("dock", "tamarind", "why no Kafka?")
    posted = await bot.chat_postMessage(
        channel=dock, thread_ts=question, text="Looking", blocks=[SECTION], unfurl_links=False
    )

    async def answers():
        return (await bot.conversations_replies(channel=dock, ts=question))["messages"][1:]

    [answer] = await answers()
    assert (answer["ts"], answer["thread_ts"], answer["user"]) == (posted["ts"], question, BOT_USER_ID)
    assert answer["blocks"] == [SECTION]
    await bot.chat_update(channel=dock, ts=posted["ts"], text="It caused outages", blocks=[SECTION, SECTION])
    [answer] = await answers()
    assert (answer["text"], len(answer["blocks"])) == ("It caused outages", 2)
    await bot.chat_delete(channel=dock, ts=posted["ts"])
    assert await answers() == []


async def test_the_bot_cannot_change_what_a_person_wrote(slack, bot):
    dock, ts = slack.channels["dock"], await slack.post("dock", "tamarind", "mine")
    assert (await error_of(bot.chat_update(channel=dock, ts=ts, text="x")))["error"] == "cant_update_message"
    assert (await error_of(bot.chat_delete(channel=dock, ts=ts)))["error"] == "cant_delete_message"


async def test_an_ephemeral_message_reaches_members_only(slack, bot):
    dock = slack.channels["dock"]
    sent = await bot.chat_postEphemeral(channel=dock, user=slack.people["quince"], text="only you")
    assert sent["message_ts"]
    assert ("chat.postEphemeral", "only you") in [(method, form.get("text")) for method, form in slack.calls]
    assert (await bot.conversations_history(channel=dock))["messages"] == []
    await slack.client("quince").conversations_leave(channel=dock)
    refused = await error_of(bot.chat_postEphemeral(channel=dock, user=slack.people["quince"], text="only you"))
    assert refused["error"] == "user_not_in_channel"


async def test_a_permalink_names_channel_message_and_thread(slack, bot):
    dock, parent = slack.channels["dock"], await slack.post("dock", "tamarind", "parent")
    reply = await slack.post("dock", "quince", "reply", thread_ts=parent)
    link = (await bot.chat_getPermalink(channel=dock, message_ts=reply))["permalink"]
    assert link.endswith(f"/archives/{dock}/p{reply.replace('.', '')}?thread_ts={parent}&cid={dock}")


async def test_a_missing_scope_is_named():
    async with EmulatedSlack(scopes=["channels:read"]) as slack:
        await slack.invite_bot("dock", "tamarind")
        bot, dock = slack.client(), slack.channels["dock"]
        assert (await bot.conversations_info(channel=dock))["ok"]
        for call, needed in (
            (bot.chat_postMessage(channel=dock, text="hello"), "chat:write"),
            (bot.conversations_history(channel=dock), "channels:history"),
            (bot.users_info(user=slack.people["quince"]), "users:read"),
        ):
            refused = await error_of(call)
            assert (refused["error"], refused["needed"]) == ("missing_scope", needed)
            assert refused["provided"] == "channels:read"


async def test_what_emulate_does_not_know_is_an_unknown_method(slack, bot):
    refused = await error_of(
        bot.assistant_threads_setStatus(channel_id=slack.channels["dock"], thread_ts="1", status="…")
    )
    assert refused["error"] == "unknown_method"


# ---- events ----


async def test_what_people_do_reaches_bolt_as_signed_events(slack):
    async with listening(slack, signing_secret=slack.signing_secret) as heard:
        dock = slack.channels["dock"]
        await slack.invite_bot("dock", "tamarind")
        joined = (await heard.next())["event"]
        assert (joined["type"], joined["user"], joined["channel"]) == ("member_joined_channel", BOT_USER_ID, dock)

        ts = await slack.post("dock", "quince", "first")
        body = await heard.next()
        assert (body["type"], body["team_id"]) == ("event_callback", slack.team_id)
        posted = body["event"]
        assert (posted["type"], posted["ts"], posted["text"], posted["user"], posted.get("subtype")) == (
            "message", ts, "first", slack.people["quince"], None,
        )  # fmt: skip

        await slack.post("dock", "juniper", "reply", thread_ts=ts)
        assert (await heard.next())["event"]["thread_ts"] == ts

        await slack.edit("dock", "quince", ts, "second")
        changed = (await heard.next())["event"]
        assert (changed["subtype"], changed["message"]["ts"], changed["message"]["text"]) == (
            "message_changed", ts, "second",
        )  # fmt: skip
        assert changed["previous_message"]["text"] == "first"

        await slack.react("dock", "juniper", ts, "tada")
        reacted = (await heard.next())["event"]
        assert (reacted["type"], reacted["reaction"], reacted["item"]["ts"]) == ("reaction_added", "tada", ts)

        await slack.delete("dock", "quince", ts)
        deleted = (await heard.next())["event"]
        assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", ts)
        assert set(heard.statuses) == {200}


async def test_bolt_drops_what_the_bot_itself_posts(slack):
    async with listening(slack, signing_secret=slack.signing_secret) as heard:
        await slack.client().chat_postMessage(channel=slack.channels["dock"], text="from the bot")
        await slack.post("dock", "quince", "from a person")
        assert (await heard.next())["event"]["text"] == "from a person"
        assert heard.statuses == [200, 200]


async def test_bolt_refuses_events_signed_with_another_secret(slack):
    async with listening(slack, signing_secret="another secret") as heard:
        await slack.post("dock", "quince", "who are you?")
        assert heard.statuses == [401]
        assert heard.events.empty()


async def test_an_events_url_known_before_is_subscribed_from_the_start():
    bodies = []

    async def take(request):
        bodies.append(await request.json())
        return web.Response()

    receiver = web.Application()
    receiver.router.add_post("/", take)
    async with served(receiver) as address, EmulatedSlack(events_url=address) as slack:
        await slack.post("dock", "quince", "hello")
    assert [body["event"]["text"] for body in bodies] == ["hello"]
