"""The fake's Web API as the real client of slack_sdk meets it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import Clock, FakeSlack

START = 1_760_000_000.0


@dataclass
class Office:
    """A workspace with one of everything, and a client of its bot that repeats nothing by itself."""

    slack: FakeSlack
    client: AsyncWebClient
    quince: str
    medlar: str
    harvest: str
    cellar: str

    @property
    def everyday_client(self) -> AsyncWebClient:
        return AsyncWebClient(token=self.slack.bot_token, base_url=self.slack.api_url)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with FakeSlack(clock=Clock(START, frozen=True)) as slack:
        quince, medlar = slack.add_user("quince"), slack.add_user("medlar")
        harvest = slack.add_channel("harvest", members=[quince, medlar])
        cellar = slack.add_channel("cellar", members=[medlar], private=True, bot_in=False)
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        yield Office(slack, client, quince, medlar, harvest, cellar)


async def error_of(call: Awaitable[Any]) -> str:
    with pytest.raises(SlackApiError) as raised:
        await call
    return raised.value.response["error"]


def times(count: int, start: int = 1_700_000_000) -> list[str]:
    return [f"{start + number}.000100" for number in range(count)]


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "yes", "text": {"type": "plain_text", "text": "Yes"}, **more}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


# ---- arguments, tokens, scopes -----------------------------------------------------------------


@pytest.mark.parametrize("way", ["query", "form", "json"])
async def test_arguments_are_read_from_query_form_and_json(office, way):
    slack = office.slack
    args = {"channel": office.harvest, "limit": 1}
    slack.seed(office.harvest, [(office.quince, "one"), (office.quince, "two")])
    sent = {"query": {"params": args}, "form": {"data": args}, "json": {"json": args}}[way]
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    async with (
        aiohttp.ClientSession(slack.api_url, headers=headers) as session,
        session.request("GET" if way == "query" else "POST", "conversations.history", **sent) as answer,
    ):
        messages = (await answer.json())["messages"]
    assert [message["text"] for message in messages] == ["two"]
    assert slack.calls[-1].args["channel"] == office.harvest


async def test_structured_arguments_inside_a_form_are_recorded_as_structures(office):
    await office.client.api_call(
        "chat.postMessage", data={"channel": office.harvest, "text": "hi", "blocks": '[{"type": "divider"}]'}
    )
    assert office.slack.calls[-1].args["blocks"] == [{"type": "divider"}]


async def test_calls_are_recorded_with_method_token_and_outcome(office):
    await office.client.auth_test()
    assert await error_of(office.client.users_info(user="U404")) == "user_not_found"
    assert [(call.method, call.outcome, call.token == office.slack.bot_token) for call in office.slack.calls] == [
        ("auth.test", "ok", True),
        ("users.info", "user_not_found", True),
    ]


async def test_a_token_is_needed_must_be_known_and_of_the_right_kind(office):
    def client(token: str) -> AsyncWebClient:
        return AsyncWebClient(token=token, base_url=office.slack.api_url)

    assert await error_of(client("").auth_test()) == "not_authed"
    assert await error_of(client("xoxb-stolen").auth_test()) == "invalid_auth"
    assert await error_of(office.client.apps_connections_open(app_token=office.slack.bot_token)) == (
        "not_allowed_token_type"
    )
    assert await error_of(client(office.slack.app_token).users_list()) == "not_allowed_token_type"
    assert await error_of(office.client.api_call("chat.telepathy")) == "unknown_method"


async def test_revoked_tokens_and_uninstalled_apps_are_refused(office):
    office.slack.revoke_tokens(silent=True)
    assert await error_of(office.client.auth_test()) == "token_revoked"
    office.slack.uninstall(silent=True)
    assert await error_of(office.client.auth_test()) == "account_inactive"


@pytest.mark.parametrize(
    ("scope", "call"),
    [
        ("chat:write", lambda o: o.client.chat_postMessage(channel=o.harvest, text="hi")),
        ("channels:history", lambda o: o.client.conversations_history(channel=o.harvest)),
        ("channels:read", lambda o: o.client.conversations_members(channel=o.harvest)),
        ("groups:read", lambda o: o.client.conversations_list(types="public_channel,private_channel")),
        ("users:read", lambda o: o.client.users_info(user=o.quince)),
        ("files:read", lambda o: o.client.files_info(file="F1")),
    ],
)
async def test_a_missing_scope_is_named(office, scope, call):
    office.slack.scopes.discard(scope)
    with pytest.raises(SlackApiError) as raised:
        await call(office)
    assert (raised.value.response["error"], raised.value.response["needed"]) == ("missing_scope", scope)
    assert scope not in raised.value.response["provided"]


# ---- refusals ----------------------------------------------------------------------------------


async def _react_twice(office: Office) -> None:
    ts = office.slack.post(office.harvest, office.quince, "pears", silent=True)
    for _ in range(2):
        await office.client.reactions_add(channel=office.harvest, timestamp=ts, name="pear")


REFUSALS: dict[str, Callable[[Office], Awaitable[Any]]] = {
    "channel_not_found": lambda o: o.client.conversations_info(channel=o.cellar),
    "not_in_channel": lambda o: o.client.conversations_history(channel=o.slack.add_channel("x", bot_in=False)),
    "thread_not_found": lambda o: o.client.conversations_replies(channel=o.harvest, ts="1.000000"),
    "message_not_found": lambda o: o.client.chat_update(channel=o.harvest, ts="1.000000", text="x"),
    "cant_update_message": lambda o: o.client.chat_update(
        channel=o.harvest, ts=o.slack.post(o.harvest, o.quince, "mine", silent=True), text="x"
    ),
    "no_text": lambda o: o.client.api_call("chat.postMessage", json={"channel": o.harvest, "text": " "}),
    "msg_too_long": lambda o: o.client.chat_postMessage(channel=o.harvest, text="x" * 40_001),
    "user_not_in_channel": lambda o: o.client.chat_postEphemeral(
        channel=o.harvest, user=o.slack.add_user("outsider"), text="x"
    ),
    "invalid_cursor": lambda o: o.client.conversations_history(channel=o.harvest, cursor="xyz"),
    "invalid_limit": lambda o: o.client.conversations_history(channel=o.harvest, limit=1000),
    "already_reacted": _react_twice,
    "invalid_thread_ts": lambda o: o.client.api_call("chat.startStream", json={"channel": o.harvest}),
    "file_not_found": lambda o: o.client.files_info(file=o.slack.add_file("unshared.txt", b"x")),
    "invalid_trigger_id": lambda o: o.client.views_open(trigger_id="1.2", view={"type": "modal"}),
}


@pytest.mark.parametrize("error", REFUSALS)
async def test_what_slack_refuses_is_refused_in_its_words(office, error):
    assert await error_of(REFUSALS[error](office)) == error


async def test_a_bot_posts_only_where_it_is(office):
    elsewhere = office.slack.add_channel("elsewhere", bot_in=False, members=[office.quince])
    for call in (
        office.client.chat_postMessage(channel=elsewhere, text="x"),
        office.client.chat_postEphemeral(channel=elsewhere, user=office.quince, text="x"),
    ):
        assert await error_of(call) == "not_in_channel"


async def test_an_archived_channel_takes_no_message(office):
    office.slack.archive(office.harvest, silent=True)
    assert await error_of(office.client.chat_postMessage(channel=office.harvest, text="x")) == "is_archived"


BROKEN_BLOCKS = {
    "51 blocks": [{"type": "divider"}] * 51,
    "section text": [section("x" * 3001)],
    "empty section": [section("")],
    "header": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
    "context elements": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}],
    "fields": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}],
    "field text": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}],
    "button text": [actions(button(text={"type": "plain_text", "text": "x" * 76}))],
    "button mrkdwn": [actions(button(text={"type": "mrkdwn", "text": "x"}))],
    "action_id": [actions(button(action_id="x" * 256))],
    "value": [actions(button(value="x" * 2001))],
    "same action_id": [actions(button(), button())],
    "same block_id": [{"type": "divider", "block_id": "b"}] * 2,
    "markdown in sum": [{"type": "markdown", "text": "x" * 6001}] * 2,
    "unknown type": [{"type": "paragraph"}],
    "no object": ["text"],
}
GOOD_BLOCKS = {
    "50 blocks": [{"type": "divider"}] * 50,
    "section": [section("x" * 3000)],
    "markdown": [{"type": "markdown", "text": "x" * 6000}] * 2,
    "buttons": [actions(button(value="x" * 2000, action_id="x" * 255))],
    "feedback": [
        {
            "type": "context_actions",
            "elements": [
                {
                    "type": "feedback_buttons",
                    "action_id": "feedback",
                    "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "1"},
                    "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "0"},
                }
            ],
        }
    ],
}


@pytest.mark.parametrize("name", BROKEN_BLOCKS)
async def test_blocks_beyond_the_limits_are_refused(office, name):
    call = office.client.chat_postMessage(channel=office.harvest, text="x", blocks=BROKEN_BLOCKS[name])
    assert await error_of(call) == "invalid_blocks"
    assert not office.slack.bot_messages(office.harvest)


@pytest.mark.parametrize("name", GOOD_BLOCKS)
async def test_blocks_within_the_limits_are_posted(office, name):
    await office.client.chat_postMessage(channel=office.harvest, text="x", blocks=GOOD_BLOCKS[name])
    assert len(office.slack.bot_messages(office.harvest)[0].blocks) == len(GOOD_BLOCKS[name])


# ---- reading -----------------------------------------------------------------------------------


async def pages(call: Callable[..., Awaitable[Any]], key: str, **args: Any) -> list[list[Any]]:
    found, cursor = [], None
    while True:
        answer = await call(cursor=cursor, **args)
        found.append(answer[key])
        if not (cursor := (answer.get("response_metadata") or {}).get("next_cursor")):
            return found


async def test_history_is_newest_first_and_bounded_as_asked(office):
    stamps = times(5)
    office.slack.seed(office.harvest, [(office.quince, "pears", ts) for ts in stamps])

    async def read(**bounds: Any) -> list[str]:
        answer = await office.client.conversations_history(channel=office.harvest, **bounds)
        return [message["ts"] for message in answer["messages"]]

    assert await read() == stamps[::-1]
    assert await read(oldest=stamps[1], latest=stamps[3]) == [stamps[2]]
    assert await read(oldest=stamps[1], latest=stamps[3], inclusive=True) == stamps[3:0:-1]
    assert await read(oldest="1700000003") == stamps[:2:-1]
    assert await read(limit=2) == stamps[:2:-1]


async def test_pages_of_history_cover_everything_once_even_short_ones(office):
    stamps = times(50)
    office.slack.seed(office.harvest, [(office.quince, "pears", ts) for ts in stamps])
    office.slack.short_pages = True
    found = await pages(office.client.conversations_history, "messages", channel=office.harvest, limit=20)
    assert [message["ts"] for page in found for message in page] == stamps[::-1]
    assert max(map(len, found)) < 20


async def test_a_page_survives_the_deletion_of_the_message_its_cursor_names(office):
    stamps = times(6)
    office.slack.seed(office.harvest, [(office.quince, "pears", ts) for ts in stamps])
    first = await office.client.conversations_history(channel=office.harvest, limit=3)
    office.slack.delete(office.harvest, stamps[2], silent=True)
    cursor = first["response_metadata"]["next_cursor"]
    rest = await office.client.conversations_history(channel=office.harvest, limit=3, cursor=cursor)
    assert [message["ts"] for message in rest["messages"]] == [stamps[1], stamps[0]]


async def test_history_lists_parents_and_broadcasts_and_replies_the_rest(office):
    slack = office.slack
    parent = slack.post(office.harvest, office.quince, "When?", silent=True)
    plain = slack.post(office.harvest, office.medlar, "Friday", thread_ts=parent, silent=True)
    loud = slack.post(office.harvest, office.quince, "Friday!", thread_ts=parent, broadcast=True, silent=True)
    history = (await office.client.conversations_history(channel=office.harvest))["messages"]
    assert [message["ts"] for message in history] == [loud, parent]
    counts = {key: history[1][key] for key in ("reply_count", "latest_reply", "reply_users", "thread_ts")}
    assert counts == {
        "reply_count": 2,
        "latest_reply": loud,
        "reply_users": [office.medlar, office.quince],
        "thread_ts": parent,
    }
    for asked in (parent, plain):
        thread = (await office.client.conversations_replies(channel=office.harvest, ts=asked))["messages"]
        assert [message["ts"] for message in thread] == [parent, plain, loud]


async def test_every_page_of_replies_leads_with_the_parent(office):
    parent, *replies = times(31)
    office.slack.seed(office.harvest, [(office.quince, "pears", parent)])
    office.slack.seed(office.harvest, [(office.medlar, "reply", ts, parent) for ts in replies])
    found = await pages(office.client.conversations_replies, "messages", channel=office.harvest, ts=parent, limit=10)
    assert all(page[0]["ts"] == parent for page in found)
    assert [message["ts"] for page in found for message in page[1:]] == replies
    late = await office.client.conversations_replies(channel=office.harvest, ts=parent, oldest=replies[-2])
    assert [message["ts"] for message in late["messages"]] == [parent, replies[-1]]


async def test_a_deleted_parent_stays_as_a_tombstone_until_its_last_reply_goes(office):
    slack = office.slack
    parent = slack.post(office.harvest, office.quince, "secret", silent=True)
    reply = slack.post(office.harvest, office.medlar, "ok", thread_ts=parent, silent=True)
    slack.delete(office.harvest, parent, silent=True)
    (left,) = (await office.client.conversations_history(channel=office.harvest))["messages"]
    assert (left["subtype"], left["user"], left["reply_count"]) == ("tombstone", "USLACKBOT", 1)
    assert "secret" not in str(left)
    slack.delete(office.harvest, reply, silent=True)
    assert (await office.client.conversations_history(channel=office.harvest))["messages"] == []


async def test_fifty_thousand_messages_page_quickly(office):
    stamps = times(50_000)
    office.slack.seed(office.harvest, [(office.quince, "pears", ts) for ts in stamps])
    started = time.perf_counter()
    found = await pages(office.client.conversations_history, "messages", channel=office.harvest, limit=999)
    assert sum(map(len, found)) == 50_000
    assert time.perf_counter() - started < 20


async def test_lists_show_what_the_bot_may_know_of_by_type_and_in_pages(office):
    slack = office.slack
    ours = slack.add_channel("vault", private=True, members=[office.quince])
    direct = slack.open_im(office.quince)
    old = slack.add_channel("old", bot_in=False)
    slack.archive(old, silent=True)

    async def listed(**args: Any) -> set[str]:
        found = await pages(office.client.conversations_list, "channels", limit=1, **args)
        return {channel["id"] for page in found for channel in page}

    assert await listed() == {office.harvest, old}
    assert await listed(exclude_archived=True) == {office.harvest}
    assert await listed(types="private_channel,im") == {ours, direct}
    mine = await office.client.users_conversations(types="public_channel,private_channel")
    assert {channel["id"] for channel in mine["channels"]} == {office.harvest, ours}


async def test_members_come_in_pages(office):
    found = await pages(office.client.conversations_members, "members", channel=office.harvest, limit=2)
    assert found == [[office.quince, office.medlar], [office.slack.bot_user_id]]


async def test_people_carry_the_flags_that_decide_what_they_may_read(office):
    guest = office.slack.add_user("sorb", guest=True)
    stranger = office.slack.add_user("loquat", stranger=True)
    shown = {user["id"]: user for user in (await office.client.users_list())["members"]}
    assert shown[guest]["is_restricted"]
    assert not shown[guest]["is_ultra_restricted"]
    assert shown[stranger]["is_stranger"]
    assert shown[stranger]["team_id"] != office.slack.team_id
    assert shown[office.slack.bot_user_id]["is_bot"]
    office.slack.deactivate(guest, silent=True)
    assert (await office.client.users_info(user=guest))["user"]["deleted"]


async def test_metadata_is_kept_and_returned_only_when_asked_for(office):
    metadata = {"event_type": "answer", "event_payload": {"id": "a1"}}
    await office.client.chat_postMessage(channel=office.harvest, text="hi", metadata=metadata)
    plain = await office.client.conversations_history(channel=office.harvest)
    full = await office.client.conversations_history(channel=office.harvest, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == metadata


# ---- writing and what people see ---------------------------------------------------------------


async def test_what_is_posted_is_seen_by_those_who_may_read_the_place(office):
    slack = office.slack
    guest, outsider = slack.add_user("sorb", guest=True), slack.add_user("loquat", stranger=True)
    nook = slack.add_channel("nook", private=True, members=[office.medlar, guest])
    public = await office.client.chat_postMessage(channel=office.harvest, text="for all", unfurl_links=False)
    await office.client.chat_postMessage(channel=nook, text="for the nook")
    first, second = slack.visible_payloads()
    assert first.audience == {office.quince, office.medlar}
    assert second.audience == {office.medlar, guest}
    assert first.payload["unfurl_links"] is False
    assert [seen.ts for seen in slack.transcript(office.harvest, office.quince)] == [public["ts"]]
    assert slack.transcript(nook, office.quince) == []
    assert slack.transcript(office.harvest, outsider) == []


async def test_an_ephemeral_message_is_seen_by_one_and_not_in_history(office):
    await office.client.chat_postEphemeral(channel=office.harvest, user=office.quince, text="psst")
    assert [seen.text for seen in office.slack.transcript(office.harvest, office.quince)] == ["psst"]
    assert office.slack.transcript(office.harvest, office.medlar) == []
    assert (await office.client.conversations_history(channel=office.harvest))["messages"] == []
    assert office.slack.visible_payloads()[0].audience == {office.quince}


async def test_an_update_keeps_blocks_it_does_not_mention_and_drops_them_when_emptied(office):
    posted = await office.client.chat_postMessage(channel=office.harvest, text="a", blocks=[section("old")])
    at = {"channel": office.harvest, "ts": posted["ts"]}
    await office.client.chat_update(**at, text="b")
    (seen,) = office.slack.bot_messages(office.harvest)
    assert (seen.text, seen.is_edited, seen.blocks[0]["text"]["text"]) == ("b", True, "old")
    await office.client.chat_update(**at, text="c", blocks=[])
    assert office.slack.bot_messages(office.harvest)[0].blocks == []


async def test_a_permalink_names_channel_message_and_thread(office):
    parent = office.slack.post(office.harvest, office.quince, "q", silent=True)
    reply = office.slack.post(office.harvest, office.quince, "r", thread_ts=parent, silent=True)
    link = (await office.client.chat_getPermalink(channel=office.harvest, message_ts=reply))["permalink"]
    number = reply.replace(".", "")
    assert link == (
        f"https://tidepool.slack.com/archives/{office.harvest}/p{number}?thread_ts={parent}&cid={office.harvest}"
    )


async def test_a_reply_to_a_message_that_is_gone_is_refused_or_lands_in_the_channel(office):
    gone = office.slack.post(office.harvest, office.quince, "q", silent=True)
    office.slack.delete(office.harvest, gone, silent=True)

    def call() -> Awaitable[Any]:
        return office.client.chat_postMessage(channel=office.harvest, text="a", thread_ts=gone)

    assert await error_of(call()) == "thread_not_found"
    office.slack.orphans_go_to_channel = True
    await call()
    assert office.slack.bot_messages(office.harvest)[0].thread_ts is None


async def test_the_sdk_streams_an_answer_into_a_thread(office):
    asked = office.slack.post(office.harvest, office.quince, "q", silent=True)
    stream = await office.client.chat_stream(
        channel=office.harvest,
        thread_ts=asked,
        recipient_team_id=office.slack.team_id,
        recipient_user_id=office.quince,
        buffer_size=4,
    )
    await stream.append(markdown_text="The press ")
    (seen,) = office.slack.bot_messages(office.harvest)
    assert (seen.text, seen.is_streaming, seen.thread_ts) == ("The press ", True, asked)
    update = office.client.chat_update(channel=office.harvest, ts=seen.ts, text="x")
    assert await error_of(update) == "streaming_state_conflict"
    await stream.append(markdown_text="is booked.")
    await stream.stop(blocks=[actions(button())])
    (seen,) = office.slack.bot_messages(office.harvest)
    assert (seen.text, seen.is_streaming, seen.blocks[0]["type"]) == ("The press is booked.", False, "actions")
    again = office.client.chat_appendStream(channel=office.harvest, ts=seen.ts, markdown_text="x")
    assert await error_of(again) == "message_not_in_streaming_state"
    assert any(sent.payload["text_so_far"] == seen.text for sent in office.slack.visible_payloads())


async def test_a_stream_in_a_channel_names_its_recipient_and_ends_after_five_minutes(office):
    asked = office.slack.post(office.harvest, office.quince, "q", silent=True)
    args = {"channel": office.harvest, "thread_ts": asked, "markdown_text": "x"}
    assert await error_of(office.client.chat_startStream(**args)) == "missing_recipient_team_id"
    args["recipient_team_id"] = office.slack.team_id
    assert await error_of(office.client.chat_startStream(**args)) == "missing_recipient_user_id"
    started = await office.client.chat_startStream(**args, recipient_user_id=office.quince)
    office.slack.clock.advance(301)
    append = office.client.chat_appendStream(channel=office.harvest, ts=started["ts"], markdown_text="x")
    assert await error_of(append) == "message_not_in_streaming_state"
    await office.client.chat_update(channel=office.harvest, ts=started["ts"], text="whole")


async def test_a_status_is_shown_until_two_minutes_pass_or_the_bot_posts(office):
    direct = office.slack.open_im(office.quince)
    asked = office.slack.post(direct, office.quince, "q", silent=True)

    async def think() -> None:
        await office.client.assistant_threads_setStatus(channel_id=direct, thread_ts=asked, status="is reading")

    await think()
    assert office.slack.status_of(direct, asked) == "is reading"
    office.slack.clock.advance(121)
    assert office.slack.status_of(direct, asked) == ""
    await think()
    await office.client.chat_postMessage(channel=direct, text="a", thread_ts=asked)
    assert office.slack.status_of(direct, asked) == ""


async def test_prompts_for_a_thread_are_shown_nowhere_in_the_agent_view(office):
    direct = office.slack.open_im(office.quince)
    prompts = [{"title": "Harvest", "message": "When do we press?"}]
    await office.client.assistant_threads_setSuggestedPrompts(channel_id=direct, thread_ts="1", prompts=prompts)
    assert direct not in office.slack.prompts
    await office.client.api_call(
        "assistant.threads.setSuggestedPrompts", json={"channel_id": direct, "prompts": prompts}
    )
    assert office.slack.prompts[direct] == prompts


# ---- files -------------------------------------------------------------------------------------


async def test_a_file_is_served_to_the_bot_that_may_see_it_and_every_token_is_noted(office):
    slack = office.slack
    file_id = slack.add_file("plan.txt", b"press on Friday", user=office.quince)
    slack.post(office.harvest, office.quince, "the plan", files=[file_id], silent=True)
    (message,) = (await office.client.conversations_history(channel=office.harvest))["messages"]
    url = message["files"][0]["url_private_download"]
    assert url == slack.file_url(file_id)
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers={"Authorization": f"Bearer {slack.bot_token}"}) as answer:
            assert await answer.read() == b"press on Friday"
        async with session.get(url) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
    seen = [request.authorization for request in slack.file_requests if "plan.txt" in request.path]
    assert seen == [f"Bearer {slack.bot_token}", ""]


async def test_a_file_may_lead_elsewhere_and_be_known_only_by_its_id(office):
    slack = office.slack
    file_id = slack.add_file("plan.txt", b"x", access="check_file_info", redirect=slack.elsewhere_url)
    slack.post(office.harvest, office.quince, "", files=[file_id], silent=True)
    (message,) = (await office.client.conversations_history(channel=office.harvest))["messages"]
    assert "url_private" not in message["files"][0]
    info = (await office.client.files_info(file=file_id))["file"]
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    async with aiohttp.ClientSession() as session, session.get(info["url_private"], headers=headers) as answer:
        assert await answer.read() == b"not from Slack"
    assert slack.file_requests[-1].host.startswith("localhost")


# ---- limits and faults -------------------------------------------------------------------------


async def test_rate_limits_answer_429_until_their_minute_is_over():
    async with FakeSlack(clock=Clock(START, frozen=True), rate_limits=True) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        for _ in range(20):
            await client.conversations_list()
        with pytest.raises(SlackApiError) as raised:
            await client.conversations_list()
        assert raised.value.response.status_code == 429
        assert raised.value.response.headers["Retry-After"] == "60"
        slack.clock.advance(60)
        await client.conversations_list()


async def test_an_app_outside_the_marketplace_reads_fifteen_messages_a_minute():
    async with FakeSlack(clock=Clock(START, frozen=True), non_marketplace=True) as slack:
        channel = slack.add_channel("harvest", members=[slack.add_user("quince")])
        slack.seed(channel, [(slack.bot_user_id, "pears", ts) for ts in times(40)])
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        page = await client.conversations_history(channel=channel, limit=200)
        assert (len(page["messages"]), page["has_more"]) == (15, True)
        assert await error_of(client.conversations_history(channel=channel)) == "ratelimited"


async def test_the_sdks_own_handler_waits_out_a_429(office):
    office.slack.faults.on("users.info", retry_after=1)
    client = office.everyday_client
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    assert (await client.users_info(user=office.quince))["ok"]
    first, second = office.slack.calls_of("users.info")
    assert (first.outcome, second.outcome) == ("ratelimited", "ok")
    assert second.at - first.at >= 1


async def test_a_dropped_connection_before_the_work_leaves_nothing(office):
    office.slack.faults.on("chat.postMessage", drop=True)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await office.client.chat_postMessage(channel=office.harvest, text="x")
    assert office.slack.transcript(office.harvest) == []
    assert [(call.outcome, call.worked) for call in office.slack.calls] == [("dropped", False)]


async def test_a_lost_answer_leaves_the_message_and_the_default_client_posts_it_twice(office):
    office.slack.faults.on("chat.postMessage", drop=True, done=True)
    await office.everyday_client.chat_postMessage(channel=office.harvest, text="x")
    assert len(office.slack.bot_messages(office.harvest)) == 2
    assert [call.worked for call in office.slack.calls] == [True, True]


async def test_faults_act_on_the_nth_call_that_matches(office):
    fault = office.slack.faults.on("users.*", nth=2, times=2, error="internal_error", where=lambda a: a.get("user"))
    outcomes = []
    for _ in range(4):
        await office.client.auth_test()
        try:
            outcomes.append((await office.client.users_info(user=office.quince))["ok"])
        except SlackApiError as error:
            outcomes.append(error.response["error"])
    assert outcomes == [True, "internal_error", "internal_error", True]
    assert fault.hits == 2


async def test_a_fault_with_a_chance_hits_about_that_share(office):
    office.slack.faults.on("auth.test", times=None, chance=0.3, error="internal_error")
    for _ in range(100):
        try:
            await office.client.auth_test()
        except SlackApiError:
            continue
    assert 15 <= sum(call.outcome == "internal_error" for call in office.slack.calls) <= 45


async def test_server_errors_and_broken_json_arrive_as_such(office):
    office.slack.faults.on("auth.test", status=503)
    with pytest.raises(SlackApiError) as raised:
        await office.client.auth_test()
    assert raised.value.response.status_code == 503
    office.slack.faults.on("auth.test", bad_json=True)
    with pytest.raises(SlackApiError):
        await office.client.auth_test()
    assert [call.outcome for call in office.slack.calls] == ["http_503", "bad_json"]


async def test_a_held_call_waits_for_the_test_before_or_after_its_work(office):
    for done in (False, True):
        fault = office.slack.faults.on("chat.postMessage", hold=True, done=done)
        call = asyncio.create_task(office.client.chat_postMessage(channel=office.harvest, text=f"{done}"))
        await asyncio.wait_for(fault.reached.wait(), 5)
        assert (f"{done}" in {seen.text for seen in office.slack.transcript(office.harvest)}) == done
        assert not call.done()
        fault.release()
        await call
