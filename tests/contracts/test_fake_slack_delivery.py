"""How the fake delivers: to real Bolt apps over Socket Mode and HTTP, and to a bare socket that acks as it is told."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import Clock, FakeSlack
from tests.fakes.slack.fake import PATIENCE


@dataclass
class Desk:
    """A Bolt app that notes every event with its headers, and the workspace it is in."""

    slack: FakeSlack
    app: AsyncApp
    quince: str
    harvest: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """Types of the events so far, with the subtype of messages."""
        events = [body["event"] for body in self.bodies]
        return [f"{event['type']} {event.get('subtype', '')}".strip() for event in events]

    async def arrived(self, count: int) -> list[dict[str, Any]]:
        await self.slack.until(lambda: len(self.bodies) >= count)
        return self.bodies


def desk_in(slack: FakeSlack) -> Desk:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    app = AsyncApp(client=client, signing_secret=slack.signing_secret)
    quince = slack.add_user("quince")
    desk = Desk(slack, app, quince, slack.add_channel("harvest", members=[quince]))

    @app.event(re.compile(".*"))
    async def note(body: dict[str, Any], request: Any) -> None:
        desk.bodies.append(body)
        desk.headers.append(request.headers)

    return desk


@contextlib.asynccontextmanager
async def connected(ping_interval: float) -> AsyncIterator[Desk]:
    """A desk on Socket Mode. A busy machine has time to ack: a retry would be counted as one event more."""
    async with FakeSlack() as slack:
        slack.server.ack_seconds = PATIENCE
        desk = desk_in(slack)
        handler = AsyncSocketModeHandler(desk.app, slack.app_token, ping_interval=ping_interval)
        await handler.connect_async()
        await slack.connected()
        yield desk
        await handler.close_async()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with connected(PATIENCE) as desk:
        yield desk


@pytest.fixture
async def alert_desk() -> AsyncIterator[Desk]:
    """Notices within a second that its socket is gone; on a busy machine also when it is not."""
    async with connected(1.0) as desk:
        yield desk


@pytest.fixture
async def web_desk() -> AsyncIterator[Desk]:
    """Reached by HTTP."""
    async with FakeSlack() as slack:
        slack.server.ack_seconds = PATIENCE
        slack.server.retry_delays = (0.0, 0.05, 0.1)
        desk = desk_in(slack)
        async with TestServer(desk.app.web_app("/slack/events")) as server:
            slack.deliver_to(str(server.make_url("/slack/events")))
            yield desk


class Wire:
    """A bare socket: receives envelopes, answers what the test says."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def receive(self) -> dict[str, Any]:
        return json.loads((await self.ws.receive(timeout=5)).data)

    async def ack(self, envelope: dict[str, Any], payload: Any = None) -> None:
        answer = {"envelope_id": envelope["envelope_id"]} | ({"payload": payload} if payload else {})
        await self.ws.send_str(json.dumps(answer))


@contextlib.asynccontextmanager
async def wire(slack: FakeSlack) -> AsyncIterator[Wire]:
    client = AsyncWebClient(base_url=slack.api_url)
    url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url, autoping=False) as ws:
        yield Wire(ws)


@pytest.fixture
async def frozen() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(clock=Clock(1_760_000_000, frozen=True)) as slack:
        yield slack


# ---- events ------------------------------------------------------------------------------------


async def test_a_mention_arrives_twice_with_one_ts_and_two_event_ids(desk):
    ts = desk.slack.post(desk.harvest, desk.quince, f"<@{desk.slack.bot_user_id}> when do we press?")
    message, mention = sorted(await desk.arrived(2), key=lambda body: body["event"]["type"] != "message")
    assert message["event"]["ts"] == mention["event"]["ts"] == ts
    assert message["event"]["channel_type"] == "channel"
    assert mention["event"]["type"] == "app_mention"
    assert message["event_id"] != mention["event_id"]
    assert message["authorizations"][0]["user_id"] == desk.slack.bot_user_id
    assert (message["team_id"], message["api_app_id"]) == (desk.slack.team_id, desk.slack.app_id)


PLACES = [("im", {"im": True}), ("mpim", {"mpim": True}), ("group", {"private": True})]


@pytest.mark.parametrize(("kind", "where"), PLACES)
async def test_messages_name_the_kind_of_conversation_and_mention_nobody_in_direct_ones(desk, kind, where):
    place = desk.slack.add_channel("nook", members=[desk.quince], **where)
    desk.slack.post(place, desk.quince, f"<@{desk.slack.bot_user_id}> psst")
    await desk.slack.settled()
    assert desk.bodies[0]["event"]["channel_type"] == kind
    assert len(desk.bodies) == (1 if kind == "im" else 2)


ACTS: dict[str, tuple[Callable[[FakeSlack, str, str, str], Any], list[str]]] = {
    "edit": (lambda s, c, _u, ts: s.edit(c, ts, "new"), ["message message_changed"]),
    "edit that mentions": (
        lambda s, c, _u, ts: s.edit(c, ts, f"<@{s.bot_user_id}> new"),
        ["message message_changed", "app_mention"],
    ),
    "unfurl": (lambda s, c, _u, ts: s.unfurl(c, ts), ["message message_changed"]),
    "recount": (lambda s, c, _u, ts: s.recount(c, ts), ["message message_changed"]),
    "delete": (lambda s, c, _u, ts: s.delete(c, ts), ["message message_deleted"]),
    "react": (lambda s, c, u, ts: s.react(c, ts, u, "pear"), ["reaction_added"]),
    "share a file": (
        lambda s, c, u, _ts: s.post(c, u, "plan", files=[s.add_file("plan.txt", b"x")]),
        ["message file_share"],
    ),
    "broadcast": (
        lambda s, c, u, ts: s.post(c, u, "loud", thread_ts=ts, broadcast=True),
        ["message thread_broadcast"],
    ),
    "join": (lambda s, c, _u, _ts: s.join(c, s.add_user("plum")), ["member_joined_channel", "message channel_join"]),
    "leave": (lambda s, c, u, _ts: s.leave(c, u), ["message channel_leave", "member_left_channel"]),
    "bot leaves": (lambda s, c, _u, _ts: s.leave(c, s.bot_user_id), ["member_left_channel", "channel_left"]),
    "rename": (lambda s, c, _u, _ts: s.rename_channel(c, "orchard"), ["channel_rename"]),
    "archive": (lambda s, c, _u, _ts: s.archive(c), ["channel_archive"]),
    "unarchive": (lambda s, c, _u, _ts: s.unarchive(c), ["channel_unarchive"]),
    "delete channel": (lambda s, c, _u, _ts: s.delete_channel(c), ["channel_deleted"]),
    "convert": (lambda s, c, _u, _ts: s.convert_to_private(c), ["channel_convert_to_private"]),
    "share": (lambda s, c, _u, _ts: s.share(c), ["channel_shared"]),
    "new id": (lambda s, c, _u, _ts: s.change_channel_id(c), ["channel_id_changed"]),
    "rename user": (lambda s, _c, u, _ts: s.change_user(u, name="pomelo"), ["user_change"]),
    "deactivate": (lambda s, _c, u, _ts: s.deactivate(u), ["user_change"]),
    "make guest": (lambda s, _c, u, _ts: s.change_user(u, guest=True), ["user_change"]),
    "uninstall": (lambda s, _c, _u, _ts: s.uninstall(), ["app_uninstalled"]),
    "revoke": (lambda s, _c, _u, _ts: s.revoke_tokens(), ["tokens_revoked"]),
    "open home": (lambda s, _c, u, _ts: s.open_home(u), ["app_home_opened"]),
    "look": (lambda s, c, u, _ts: s.look_at(u, c), ["app_context_changed"]),
}


@pytest.mark.parametrize("name", ACTS)
async def test_what_people_do_reaches_the_app(desk, name):
    act, kinds = ACTS[name]
    ts = desk.slack.post(desk.harvest, desk.quince, "old", silent=True)
    act(desk.slack, desk.harvest, desk.quince, ts)
    await desk.arrived(len(kinds))
    await desk.slack.settled()
    assert sorted(desk.kinds) == sorted(kinds)


async def test_an_edit_tells_both_versions_and_an_unfurl_changes_no_text(desk):
    ts = desk.slack.post(desk.harvest, desk.quince, "old", silent=True)
    desk.slack.edit(desk.harvest, ts, "new")
    desk.slack.unfurl(desk.harvest, ts)
    edit, unfurl = (body["event"] for body in await desk.arrived(2))
    assert (edit["previous_message"]["text"], edit["message"]["text"]) == ("old", "new")
    assert edit["message"]["edited"]["user"] == desk.quince
    assert edit["ts"] != ts == edit["message"]["ts"]
    assert "user" not in edit
    assert unfurl["message"]["text"] == unfurl["previous_message"]["text"]
    assert unfurl["message"]["attachments"]


async def test_the_last_reply_takes_the_tombstone_with_it(desk):
    parent = desk.slack.post(desk.harvest, desk.quince, "q", silent=True)
    reply = desk.slack.post(desk.harvest, desk.quince, "r", thread_ts=parent, silent=True)
    desk.slack.delete(desk.harvest, parent)
    desk.slack.delete(desk.harvest, reply)
    buried, first, second = (body["event"] for body in await desk.arrived(3))
    assert (buried["subtype"], buried["message"]["subtype"]) == ("message_changed", "tombstone")
    assert [event["deleted_ts"] for event in (first, second)] == [reply, parent]


async def test_nothing_is_told_of_places_the_bot_is_not_in_or_of_what_happens_silently(desk):
    slack = desk.slack
    for private in (True, False):
        place = slack.add_channel("cellar", private=private, bot_in=False, members=[desk.quince])
        ts = slack.post(place, desk.quince, f"<@{slack.bot_user_id}>")
        slack.edit(place, ts, "x")
        slack.react(place, ts, desk.quince, "pear")
        slack.join(place, slack.add_user("plum"))
        slack.delete(place, ts)
    slack.archive(slack.add_channel("vault", private=True, bot_in=False))
    slack.post(desk.harvest, desk.quince, "quiet", silent=True)
    assert slack.deliveries == []


async def test_events_follow_subscriptions_and_scopes(desk):
    desk.slack.outbox.subscriptions = {"message.channels", "app_mention"}
    desk.slack.scopes.discard("app_mentions:read")
    direct = desk.slack.open_im(desk.quince)
    desk.slack.post(direct, desk.quince, "direct")
    desk.slack.post(desk.harvest, desk.quince, f"<@{desk.slack.bot_user_id}>")
    assert [delivery.event["channel"] for delivery in desk.slack.deliveries] == [desk.harvest]


async def test_the_bots_own_messages_are_told_and_bolt_drops_them(desk):
    await desk.app.client.chat_postMessage(channel=desk.harvest, text="mine")
    await desk.slack.settled()
    (delivery,) = desk.slack.deliveries
    assert (delivery.event["bot_id"], delivery.state) == (desk.slack.bot_id, "acked")
    assert desk.bodies == []


async def test_a_faulty_line_drops_repeats_delays_and_reorders_events(desk):
    slack = desk.slack
    slack.faults.on_event("message", where=lambda event: event["text"] == "drop", drop=True)
    slack.faults.on_event("message", where=lambda event: event["text"] == "twice", duplicate=1)
    slack.faults.on_event("message", where=lambda event: event["text"] == "late", delay=0.4)
    slack.faults.on_event("message", where=lambda event: event["text"] == "second", reorder=1)
    for text in ("drop", "twice", "late", "second", "first"):
        slack.post(desk.harvest, desk.quince, text)
    await desk.arrived(5)
    assert [body["event"]["text"] for body in desk.bodies] == ["twice", "twice", "first", "second", "late"]
    assert desk.bodies[0]["event_id"] == desk.bodies[1]["event_id"]
    assert slack.deliveries[0].state == "dropped"


async def test_a_reordered_event_is_sent_even_when_no_other_follows(desk):
    desk.slack.faults.on_event("message", reorder=3)
    desk.slack.post(desk.harvest, desk.quince, "alone")
    await desk.arrived(1)


async def test_an_old_event_can_be_sent_once_more(desk):
    desk.slack.post(desk.harvest, desk.quince, "x")
    await desk.slack.settled()
    desk.slack.redeliver(desk.bodies[0]["event_id"])
    await desk.arrived(2)
    assert desk.bodies[0] == desk.bodies[1]


async def test_a_thousand_events_are_acked_within_seconds_and_in_order(desk):
    for number in range(1000):
        desk.slack.post(desk.harvest, desk.quince, str(number))
    await desk.slack.settled()
    assert [int(delivery.event["text"]) for delivery in desk.slack.deliveries] == list(range(1000))
    assert len(desk.slack.acks) == 1000


# ---- Socket Mode -------------------------------------------------------------------------------


async def test_a_socket_begins_with_hello_and_its_address_is_good_once(frozen):
    client = AsyncWebClient(base_url=frozen.api_url)
    url = (await client.apps_connections_open(app_token=frozen.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        hello = await ws.receive_json()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        assert hello["connection_info"] == {"app_id": frozen.app_id}
        assert hello["debug_info"]["approximate_connection_time"] > 0
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_an_event_without_ack_comes_again_with_its_id_in_new_envelopes_and_then_no_more(frozen):
    channel = frozen.add_channel("harvest", members=[frozen.add_user("quince")])
    async with wire(frozen) as line:
        await line.receive()
        frozen.post(channel, frozen.bot_user_id, "x")
        envelopes = [await line.receive()]
        for wait in (3, 3 + 60, 3 + 300):
            frozen.clock.advance(3)
            await asyncio.sleep(0.01)
            frozen.clock.advance(wait)
            envelopes.append(await line.receive())
        frozen.clock.advance(1000)
        await frozen.settled()
    assert [(each["retry_attempt"], each["retry_reason"]) for each in envelopes] == [
        (0, ""), (1, "timeout"), (2, "timeout"), (3, "timeout"),
    ]  # fmt: skip
    assert len({each["payload"]["event_id"] for each in envelopes}) == 1
    assert len({each["envelope_id"] for each in envelopes}) == 4
    assert frozen.deliveries[0].state == "failed"


async def test_an_ack_after_the_deadline_is_noted_as_late_and_does_not_stop_the_retry(frozen):
    channel = frozen.add_channel("harvest")
    async with wire(frozen) as line:
        await line.receive()
        frozen.post(channel, frozen.bot_user_id, "x")
        first = await line.receive()
        frozen.clock.advance(3.1)
        second = await line.receive()
        await line.ack(first)
        await frozen.until(lambda: frozen.acks)
        assert (frozen.acks[0].late, frozen.deliveries[0].state) == (True, "sent")
        await line.ack(second)
        await frozen.settled()
    assert [(ack.late, ack.attempt) for ack in frozen.acks] == [(True, 1), (False, 2)]


async def test_each_event_goes_to_one_of_the_open_sockets(frozen):
    channel = frozen.add_channel("harvest")
    async with wire(frozen) as one, wire(frozen) as two:
        assert (await one.receive())["num_connections"] == 1
        assert (await two.receive())["num_connections"] == 2
        for text in ("a", "b", "c", "d"):
            frozen.post(channel, frozen.bot_user_id, text)
        seen = [[(await line.receive())["payload"]["event"]["text"] for _ in range(2)] for line in (one, two)]
    assert sorted(seen[0] + seen[1]) == ["a", "b", "c", "d"]


async def test_an_eleventh_socket_is_sent_away(frozen):
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(10):
            await (await stack.enter_async_context(wire(frozen))).receive()
        line = await stack.enter_async_context(wire(frozen))
        assert await line.receive() == {"type": "disconnect", "reason": "too_many_websockets"}


@pytest.mark.parametrize("keep", [False, True])
async def test_events_of_the_gap_are_lost_unless_the_test_keeps_them(frozen, keep):
    channel = frozen.add_channel("harvest")
    frozen.server.socket_mode.keep_in_gap = keep
    async with wire(frozen) as line:
        await line.receive()
        frozen.cut_sockets()
        await frozen.until(lambda: not frozen.sockets)
    frozen.post(channel, frozen.bot_user_id, "in the gap")
    await asyncio.sleep(0.05)
    async with wire(frozen) as line:
        await line.receive()
        frozen.post(channel, frozen.bot_user_id, "after")
        texts = [(await line.receive())["payload"]["event"]["text"] for _ in range(2 if keep else 1)]
    assert texts == (["in the gap", "after"] if keep else ["after"])
    assert frozen.deliveries[0].state == ("sent" if keep else "lost")


async def test_an_event_whose_socket_died_unacked_comes_again_on_the_next_one(frozen):
    channel = frozen.add_channel("harvest")
    async with wire(frozen) as line:
        await line.receive()
        frozen.post(channel, frozen.bot_user_id, "x")
        first = await line.receive()
    async with wire(frozen) as line:
        await line.receive()
        frozen.clock.advance(3.1)
        second = await line.receive()
    assert (first["retry_attempt"], second["retry_attempt"]) == (0, 1)
    assert first["payload"] == second["payload"]


async def test_the_client_comes_back_after_a_refresh(desk):
    await desk.slack.disconnect("refresh_requested")
    await desk.slack.connected(2)
    desk.slack.post(desk.harvest, desk.quince, "x")
    await desk.arrived(1)


async def test_the_client_comes_back_after_a_sudden_end(alert_desk):
    alert_desk.slack.cut_sockets()
    await alert_desk.slack.connected(2)


async def test_after_a_warning_events_still_come(frozen):
    channel = frozen.add_channel("harvest")
    async with wire(frozen) as line:
        await line.receive()
        await frozen.disconnect("warning", close_after=10)
        assert (await line.receive())["reason"] == "warning"
        frozen.post(channel, frozen.bot_user_id, "x")
        await line.ack(await line.receive())
        await frozen.settled()
        frozen.clock.advance(10)
        assert (await line.ws.receive(timeout=5)).type == aiohttp.WSMsgType.CLOSE


async def test_a_disabled_link_refuses_new_addresses(frozen):
    async with wire(frozen) as line:
        await line.receive()
        await frozen.disconnect("link_disabled")
        assert (await line.receive())["reason"] == "link_disabled"
    client = AsyncWebClient(base_url=frozen.api_url)
    with pytest.raises(SlackApiError, match="socket_mode_not_enabled"):
        await client.apps_connections_open(app_token=frozen.app_token)


async def test_a_muted_socket_answers_pings_and_brings_nothing(frozen):
    channel = frozen.add_channel("harvest")
    async with wire(frozen) as line:
        await line.receive()
        frozen.mute_sockets()
        frozen.post(channel, frozen.bot_user_id, "x")
        await frozen.settled()
        await line.ws.ping(b"there?")
        assert (await line.ws.receive(timeout=5)).type == aiohttp.WSMsgType.PONG
    assert frozen.deliveries[0].state == "lost"


# ---- commands, clicks, modals ------------------------------------------------------------------


async def test_a_command_is_answered_with_its_ack_and_by_its_response_url(desk):
    @desk.app.command("/ask")
    async def ask(ack: Any, respond: Any, command: dict[str, Any]) -> None:
        await ack("looking")
        for number in range(6):
            await respond(f"{command['text']} {number}", response_type="in_channel" if number == 0 else "ephemeral")

    command = desk.slack.slash_command(desk.quince, desk.harvest, "/ask", "when")
    assert await command.answer() == {"text": "looking"}
    await desk.slack.until(lambda: len(desk.slack.calls_of("response_url")) == 6)
    assert [call.outcome for call in desk.slack.calls_of("response_url")] == ["ok"] * 5 + ["used_url"]
    said = {seen.text: seen.ephemeral_for for seen in desk.slack.transcript(desk.harvest)}
    assert said == {"looking": desk.quince, "when 0": None} | {f"when {n}": desk.quince for n in range(1, 5)}
    assert len(command.posts) == 5
    ways = {sent.method for sent in desk.slack.visible_payloads()}
    assert ways == {"ack", "response_url"}


async def test_a_response_url_ends_after_thirty_minutes(frozen):
    user = frozen.add_user("quince")
    command = frozen.slash_command(user, frozen.add_channel("harvest", members=[user]), "/ask")
    frozen.clock.advance(1801)
    async with aiohttp.ClientSession() as session, session.post(command.response_url, json={"text": "x"}) as answer:
        assert (answer.status, (await answer.json())["error"]) == (404, "expired_url")


async def test_a_click_brings_value_message_and_a_way_to_replace_it(desk):
    @desk.app.action("yes")
    async def yes(ack: Any, respond: Any, body: dict[str, Any]) -> None:
        await ack()
        await respond(f"{body['user']['id']} {body['actions'][0]['value']}", replace_original=True)

    element = {"type": "button", "action_id": "yes", "value": "42", "text": {"type": "plain_text", "text": "Yes"}}
    posted = await desk.app.client.chat_postMessage(
        channel=desk.harvest, text="?", blocks=[{"type": "actions", "elements": [element]}]
    )
    click = desk.slack.click(desk.quince, posted["ts"], "yes")
    assert click.payload["message"]["text"] == "?"
    await desk.slack.until(lambda: click.posts)
    (seen,) = desk.slack.bot_messages(desk.harvest)
    assert (seen.text, seen.blocks) == (f"{desk.quince} 42", [])


async def test_only_a_forged_click_presses_what_its_user_cannot_see(desk):
    other = desk.slack.add_user("medlar")
    desk.slack.join(desk.harvest, other, silent=True)
    element = {"type": "button", "action_id": "yes", "value": "42", "text": {"type": "plain_text", "text": "Yes"}}
    posted = await desk.app.client.chat_postEphemeral(
        channel=desk.harvest, user=desk.quince, text="?", blocks=[{"type": "actions", "elements": [element]}]
    )
    ts = posted["message_ts"]
    with pytest.raises(LookupError):
        desk.slack.click(other, ts, "yes")
    with pytest.raises(LookupError):
        desk.slack.click(desk.quince, ts, "no")
    forged = desk.slack.click(other, ts, "yes", value="43", forged=True)
    assert (forged.payload["user"]["id"], forged.payload["actions"][0]["value"]) == (other, "43")
    assert forged.payload["container"]["is_ephemeral"]
    assert "message" not in forged.payload


async def test_a_shortcut_opens_a_modal_that_is_submitted(desk):
    @desk.app.shortcut("explain")
    async def explain(ack: Any, client: AsyncWebClient, body: dict[str, Any]) -> None:
        await ack()
        title = {"type": "plain_text", "text": "Explain"}
        view = {"type": "modal", "callback_id": "form", "title": title, "blocks": [{"type": "divider"}]}
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @desk.app.view("form")
    async def form(ack: Any, view: dict[str, Any]) -> None:
        await ack(response_action="errors", errors={"why": view["state"]["values"]["why"]["text"]["value"]})

    ts = desk.slack.post(desk.harvest, desk.quince, "pears", silent=True)
    desk.slack.message_shortcut(desk.quince, desk.harvest, ts, "explain")
    (view_id,) = await desk.slack.until(lambda: desk.slack.views)
    submitted = desk.slack.submit(desk.quince, view_id, {"why": {"text": {"value": "because"}}})
    assert (await submitted.answer())["errors"] == {"why": "because"}
    assert desk.slack.visible_payloads()[0].audience == {desk.quince}


async def test_a_trigger_is_good_for_three_seconds_and_one_view(frozen):
    client = AsyncWebClient(token=frozen.bot_token, base_url=frozen.api_url)
    user = frozen.add_user("quince")
    channel = frozen.add_channel("harvest", members=[user])
    view = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": []}
    late, early = (frozen.slash_command(user, channel, "/ask").trigger_id for _ in range(2))
    await client.views_open(trigger_id=early, view=view)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=early, view=view)
    frozen.clock.advance(3)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await client.views_open(trigger_id=late, view=view)


# ---- HTTP --------------------------------------------------------------------------------------


async def test_signed_events_are_accepted_and_wrongly_signed_ones_sent_again_in_vain(web_desk):
    slack = web_desk.slack
    slack.post(web_desk.harvest, web_desk.quince, "x")
    await slack.settled()
    assert (slack.acks[0].status, slack.deliveries[0].state) == (200, "acked")
    slack.signing_secret = "wrong"
    slack.post(web_desk.harvest, web_desk.quince, "y")
    await slack.settled()
    assert [ack.status for ack in slack.acks] == [200, 401, 401, 401, 401]
    assert slack.deliveries[1].state == "failed"
    assert [body["event"]["text"] for body in web_desk.bodies] == ["x"]


async def test_an_old_signature_is_refused(web_desk):
    web_desk.slack.outbox.request_url.skew = -301
    web_desk.slack.post(web_desk.harvest, web_desk.quince, "x")
    await web_desk.slack.settled()
    assert {ack.status for ack in web_desk.slack.acks} == {401}


async def test_the_request_url_is_verified(web_desk):
    assert await web_desk.slack.outbox.request_url.verify()


async def test_commands_and_clicks_arrive_as_signed_forms(web_desk):
    @web_desk.app.command("/ask")
    async def ask(ack: Any, command: dict[str, Any]) -> None:
        await ack({"text": command["text"], "response_type": "in_channel"})

    @web_desk.app.action("yes")
    async def yes(ack: Any) -> None:
        await ack()

    command = web_desk.slack.slash_command(web_desk.quince, web_desk.harvest, "/ask", "when & where?")
    assert (await command.answer())["text"] == "when & where?"
    (seen,) = web_desk.slack.transcript(web_desk.harvest)
    assert (seen.text, seen.ephemeral_for) == ("when & where?", None)
    click = web_desk.slack.click(web_desk.quince, seen.ts, "yes", forged=True)
    assert await click.answer() is None


@contextlib.asynccontextmanager
async def request_url(answer: Callable[[int], web.Response], seen: list[dict[str, str]]) -> AsyncIterator[str]:
    """A request URL that answers the nth request, from 0, as told."""

    async def handle(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return answer(len(seen) - 1)

    app = web.Application()
    app.router.add_post("/events", handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/events"))


async def test_failed_deliveries_are_retried_with_number_and_reason(frozen):
    seen: list[dict[str, str]] = []
    channel = frozen.add_channel("harvest")
    async with request_url(lambda number: web.Response(status=500 if number < 2 else 200), seen) as url:
        frozen.deliver_to(url)
        frozen.post(channel, frozen.bot_user_id, "x")
        await frozen.until(lambda: len(seen) == 1)
        frozen.clock.advance(0)
        await frozen.until(lambda: len(seen) == 2)
        await frozen.until(lambda: len(frozen.acks) == 2)
        assert not frozen.outbox.is_settled()
        frozen.clock.advance(60)
        await frozen.settled()
    retries = [(each.get("X-Slack-Retry-Num"), each.get("X-Slack-Retry-Reason")) for each in seen]
    assert retries == [(None, None), ("1", "http_error"), ("2", "http_error")]
    assert frozen.deliveries[0].state == "acked"


async def test_no_retry_follows_when_the_app_declines_it(frozen):
    seen: list[dict[str, str]] = []
    channel = frozen.add_channel("harvest")
    async with request_url(lambda _: web.Response(status=500, headers={"X-Slack-No-Retry": "1"}), seen) as url:
        frozen.deliver_to(url)
        frozen.post(channel, frozen.bot_user_id, "x")
        await frozen.settled()
    assert (len(seen), frozen.deliveries[0].state) == (1, "failed")


async def test_slow_and_absent_apps_have_their_own_reasons(web_desk):
    slack = web_desk.slack
    slack.server.ack_seconds = 0.3

    @web_desk.app.middleware
    async def dawdle(next_: Any) -> None:
        await asyncio.sleep(0.6 if not slack.acks else 0)
        await next_()

    slack.post(web_desk.harvest, web_desk.quince, "x")
    await slack.settled()
    assert web_desk.headers[-1]["x-slack-retry-reason"] == ["http_timeout"]
    slack.deliver_to("http://127.0.0.1:9/events")
    slack.post(web_desk.harvest, web_desk.quince, "y")
    await slack.settled()
    assert (slack.deliveries[-1].state, slack.deliveries[-1].retry_reason) == ("failed", "connection_failed")


async def test_a_limited_app_is_told_without_an_inner_event(frozen):
    bodies: list[dict[str, Any]] = []

    async def handle(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/events", handle)
    async with TestServer(app) as server:
        frozen.deliver_to(str(server.make_url("/events")))
        frozen.limit_app()
        await frozen.settled()
    assert (bodies[0]["type"], "event" in bodies[0]) == ("app_rate_limited", False)


# ---- several workspaces ------------------------------------------------------------------------


async def test_workspaces_on_one_server_share_nothing_but_the_port(desk):
    other = desk.slack.add_workspace("orchard")
    client = AsyncWebClient(token=other.bot_token, base_url=desk.slack.api_url)
    assert (await client.auth_test())["team_id"] == other.team_id != desk.slack.team_id
    assert (await client.conversations_list())["channels"] == []
    place = other.add_channel("grove", members=[other.add_user("tamarind")])
    other.post(place, other.bot_user_id, "x")
    await desk.slack.settled()
    assert other.outbox.deliveries[0].state == "lost"
    assert desk.bodies == []


async def test_one_app_in_two_workspaces_gets_both_on_its_socket(desk):
    other = desk.slack.add_workspace("orchard", app_token=desk.slack.app_token)
    place = other.add_channel("grove", members=[tamarind := other.add_user("tamarind")])
    other.post(place, tamarind, "x")
    assert (await desk.arrived(1))[0]["team_id"] == other.team_id


async def test_a_mistake_in_the_fake_itself_fails_the_test():
    slack = await FakeSlack().__aenter__()
    slack.faults.on("auth.test", where=lambda _: 1 / 0)
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    with pytest.raises(SlackApiError):
        await client.auth_test()
    with pytest.raises(ZeroDivisionError):
        await slack.__aexit__(None, None, None)
