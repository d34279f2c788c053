"""How Slack is reached: sockets that break, fall silent or are renewed; requests that are Slack's, or not."""

import asyncio
import hashlib
import hmac
import json
import time

import aiohttp
import pytest

from adapters.slack import connection
from bot.errors import BadConfiguration
from tests.scenarios.mutants import no_second_reading
from tests.scenarios.slack.conftest import running
from tests.scenarios.slack.scene import eventually, order, rows
from tests.scenarios.slack.talk import KAFKA, PATIENCE, WHY_KAFKA, best_source

STORED = "SELECT count(*) FROM inbox"
RED_BARN = "SELECT 1 FROM message WHERE strpos(body, 'red barn') > 0"
ADDRESS = "http://127.0.0.1:{}/slack/events"


def signed(secret, body, *, at=None):
    stamp = str(int(time.time()) if at is None else at)
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}", "Content-Type": "application/json"}


async def post(port, body, headers):
    async with (
        aiohttp.ClientSession() as session,
        session.post(ADDRESS.format(port), data=body, headers=headers) as answer,
    ):
        return answer.status


def an_event(slack, **more):
    event = {
        "type": "message",
        "channel": "C1",
        "user": "U1",
        "text": "hello",
        "ts": "1.000001",
        "channel_type": "channel",
    }
    body = {"type": "event_callback", "event_id": "Ev1", "team_id": slack.team_id, "event": event}
    return json.dumps(body | more)


async def test_only_what_slack_signed_within_five_minutes_is_taken(slack, slack_settings):
    async with running(slack_settings(slack, mode="http")) as (app, port):
        body, secret, now = an_event(slack), slack.signing_secret, int(time.time())
        good = signed(secret, body)
        refused = [
            {},
            {**good, "X-Slack-Signature": "v0=" + "0" * 64},
            {**good, "X-Slack-Signature": ""},
            {name: value for name, value in good.items() if name != "X-Slack-Signature"},
            {**good, "X-Slack-Request-Timestamp": "abc"},
            {**good, "X-Slack-Request-Timestamp": ""},
            {**good, "X-Slack-Request-Timestamp": "-1"},
            {**good, "X-Slack-Request-Timestamp": "9" * 30},
            signed(secret, body, at=now - 301),
            signed(secret, body, at=now + 330),
            signed("another secret", body),
            signed(secret, body + " "),
        ]
        for headers in refused:
            assert await post(port, body, headers) == 401, headers
        assert await rows(app, STORED) == [(0,)]
        assert await post(port, body, good) == 200
        for _ in range(5):
            assert await post(port, body, good) == 200
        assert await rows(app, STORED) == [(1,)]


async def test_over_http_a_mention_is_answered_once_whatever_slack_repeats(slack, slack_settings):
    quince, tamarind = slack.add_user("quince"), slack.add_user("tamarind")
    harvest = slack.add_channel("harvest", members=[quince, tamarind])
    slack.seed(harvest, [(tamarind, KAFKA)])
    async with running(slack_settings(slack, mode="http"), best_source) as (app, port):
        request_url = slack.deliver_to(ADDRESS.format(port))
        assert await request_url.verify()
        await eventually(lambda: rows(app, "SELECT 1 FROM message WHERE strpos(body, 'Kafka') > 0"))
        slack.faults.on_event("*", duplicate=3, times=None)
        ts = slack.post(harvest, quince, f"<@{slack.bot_user_id}> {WHY_KAFKA}")
        await eventually(lambda: rows(app, "SELECT 1 FROM answer WHERE state = 'posted'"))
        await slack.settled(timeout=PATIENCE)
        assert len([one for one in slack.bot_messages(harvest) if one.thread_ts == ts]) == 1
        assert await rows(app, "SELECT count(*) FROM answer") == [(1,)]


async def test_what_cannot_be_kept_is_not_acknowledged_and_comes_again(slack, slack_settings, proxy):
    quince = slack.add_user("quince")
    harvest = slack.add_channel("harvest", members=[quince])
    slack.seed(harvest, [(quince, KAFKA)])
    async with running(slack_settings(slack, database=proxy.url), best_source) as (app, _):
        await slack.connected(2)
        await eventually(lambda: rows(app, "SELECT 1 FROM message WHERE strpos(body, 'Kafka') > 0"))
        proxy.refuse()
        ts = slack.post(harvest, quince, f"<@{slack.bot_user_id}> {WHY_KAFKA}")
        await asyncio.sleep(2.5)
        asked = [one for one in slack.deliveries if one.event.get("ts") == ts]
        assert asked
        assert not any(one.state == "acked" for one in asked)
        proxy.restore()
        slack.clock.advance(4)

        def answered():
            return [one for one in slack.bot_messages(harvest) if one.thread_ts == ts and "[1]" in one.text]

        await slack.until(answered, timeout=60)
        assert len([one for one in slack.bot_messages(harvest) if one.thread_ts == ts]) == 1


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "too_many_websockets"])
async def test_a_socket_that_slack_ends_is_opened_again(tidepool, reason):
    slack = tidepool.slack
    async with tidepool.bot():
        opened = len(slack.calls_of("apps.connections.open"))
        await slack.disconnect(reason)
        await slack.until(lambda: len(slack.calls_of("apps.connections.open")) > opened, timeout=PATIENCE)
        await slack.connected(1, timeout=PATIENCE)
        ts = slack.post(tidepool.harvest, tidepool.quince, f"<@{slack.bot_user_id}> {WHY_KAFKA}")
        await slack.until(
            lambda: [one for one in slack.bot_messages(tidepool.harvest) if one.thread_ts == ts], timeout=PATIENCE
        )


async def what_was_missed_is_read(tidepool, *, seconds=PATIENCE):
    slack = tidepool.slack
    async with tidepool.bot() as app:
        slack.cut_sockets()
        slack.post(tidepool.harvest, tidepool.tamarind, "the barrels are in the red barn", silent=True)
        await slack.connected(4, timeout=PATIENCE)
        await eventually(lambda: rows(app, RED_BARN), seconds=seconds)


async def test_what_was_said_while_no_socket_was_open_is_read(tidepool):
    await what_was_missed_is_read(tidepool)


async def test_catching_up_at_the_start_alone_would_be_caught(tidepool, monkeypatch):
    no_second_reading(monkeypatch)
    with pytest.raises(AssertionError):
        await what_was_missed_is_read(tidepool, seconds=4)


async def test_a_question_asked_while_no_socket_was_open_is_answered_once(tidepool):
    slack = tidepool.slack
    async with tidepool.bot():
        slack.cut_sockets()
        ts = slack.post(tidepool.harvest, tidepool.quince, f"<@{slack.bot_user_id}> {WHY_KAFKA}", silent=True)
        await slack.connected(4, timeout=PATIENCE)

        def answers():
            return [one for one in slack.bot_messages(tidepool.harvest) if one.thread_ts == ts]

        await slack.until(answers, timeout=PATIENCE)
        # The channel is read again from before the question on: it is found a second time.
        slack.limit_app()
        await tidepool.settled()
        assert len(answers()) == 1


@pytest.fixture
def impatient(monkeypatch, size):
    """The watchdog, about twenty times as fast; in full size as it is."""
    if size(False, True):
        return
    monkeypatch.setattr(connection, "LATE_SECONDS", 0.5)
    monkeypatch.setattr(connection, "LOOK_SECONDS", 0.5)
    monkeypatch.setattr(connection.Connection.__init__, "__kwdefaults__", {"silence_seconds": 2.0})


async def silence_is_noticed(tidepool, *, seconds):
    slack = tidepool.slack
    async with tidepool.bot() as app:
        slack.mute_sockets()
        slack.post(tidepool.harvest, tidepool.tamarind, "the barrels are in the red barn")
        await eventually(lambda: rows(app, RED_BARN), seconds=seconds)


@pytest.mark.usefixtures("impatient")
async def test_a_socket_that_only_answers_pings_is_noticed(tidepool, size, report):
    began = time.monotonic()
    await silence_is_noticed(tidepool, seconds=size(20, 100))
    report("silence", seconds=round(time.monotonic() - began, 1))


@pytest.mark.usefixtures("impatient")
async def test_a_watchdog_that_trusts_pings_would_be_caught(tidepool, monkeypatch):
    asked = []

    async def only_whether_it_is_open(watched):
        asked.append(watched)
        return not watched.is_open

    monkeypatch.setattr(connection.Connection, "_is_deaf", only_whether_it_is_open)
    with pytest.raises(AssertionError):
        await silence_is_noticed(tidepool, seconds=8)
    assert len(asked) > 1


@pytest.mark.usefixtures("impatient")
async def test_a_message_that_nobody_may_keep_opens_the_sockets_anew_once(tidepool):
    slack, mode = tidepool.slack, tidepool.slack.server.socket_mode
    async with tidepool.bot() as app:
        await order(app, slack, tidepool.tamarind, tidepool.harvest, "forget-me")
        slack.post(tidepool.harvest, tidepool.tamarind, "the barrels are in the red barn")
        await tidepool.settled()
        before = mode.connections
        await slack.until(lambda: mode.connections == before + 2, timeout=PATIENCE)
        await asyncio.sleep(6.0)
        assert mode.connections == before + 2
        assert not await rows(app, RED_BARN)


async def test_a_429_is_waited_out_to_the_second(tidepool):
    slack = tidepool.slack
    async with tidepool.bot():
        slack.faults.on("chat.postMessage", retry_after=2, times=2)
        ts = slack.post(tidepool.harvest, tidepool.quince, f"<@{slack.bot_user_id}> {WHY_KAFKA}")
        await slack.until(
            lambda: [one for one in slack.bot_messages(tidepool.harvest) if one.thread_ts == ts], timeout=PATIENCE
        )
        limited = [one for one in slack.calls_of("chat.postMessage") if one.outcome == "ratelimited"]
        after = [one for one in slack.calls_of("chat.postMessage") if one.at > limited[0].at]
        assert len(limited) == 2
        assert all(later.at - earlier.at >= 2.0 for earlier, later in zip(limited, after, strict=False))


async def test_events_of_another_workspace_are_acknowledged_and_dropped(slack, slack_settings):
    async with running(slack_settings(slack, mode="http")) as (app, port):
        body = an_event(slack, team_id="T0OTHER", authorizations=[{"team_id": "T0OTHER"}])
        assert await post(port, body, signed(slack.signing_secret, body)) == 200
        assert await rows(app, STORED) == [(0,)]


async def test_a_revoked_token_ends_its_workspace_and_nothing_else(tidepool):
    slack = tidepool.slack
    async with tidepool.bot() as app:
        slack.revoke_tokens()
        await asyncio.sleep(1.0)
        before = len(slack.calls)
        await asyncio.sleep(2.0)
        assert len(slack.calls) - before <= 2
        assert (await app.admin.status()).channels


async def test_a_wrong_token_is_one_sentence_at_the_start(slack, slack_settings):
    settings = slack_settings(slack, bot_token="xoxb-wrong")
    with pytest.raises(BadConfiguration, match="THREADLORE_SLACK__BOT_TOKEN"):
        async with running(settings):
            pass


async def test_two_workspaces_answer_each_from_their_own(slack, slack_settings):
    other = slack.add_workspace("orchard")
    more = {"bot_token": other.bot_token, "app_token": other.app_token, "signing_secret": other.signing_secret}
    quince, medlar = slack.add_user("quince"), other.add_user("medlar")
    here, there = slack.add_channel("harvest", members=[quince]), other.add_channel("harvest", members=[medlar])
    slack.seed(here, [(quince, KAFKA)])
    other.seed(there, [(medlar, "We keep Kafka and are happy with it")])
    async with running(slack_settings(slack, workspaces=[more]), best_source) as (app, _):
        await slack.connected(4, timeout=PATIENCE)
        await eventually(lambda: rows(app, "SELECT 1 FROM message WHERE strpos(body, 'happy') > 0"))
        await eventually(lambda: rows(app, "SELECT 1 FROM message WHERE strpos(body, 'outages') > 0"))
        mine = slack.post(here, quince, f"<@{slack.bot_user_id}> why Kafka?")
        theirs = other.post(there, medlar, f"<@{other.bot_user_id}> why Kafka?")
        await eventually(lambda: rows(app, "SELECT 1 FROM answer HAVING count(*) FILTER (WHERE state = 'posted') = 2"))
        [answer] = [one for one in slack.bot_messages(here) if one.thread_ts == mine]
        [other_answer] = [one for one in other.bot_messages(there) if one.thread_ts == theirs]
        assert "outages" in answer.text
        assert "happy" not in answer.text
        assert "happy" in other_answer.text
        assert "outages" not in other_answer.text


async def test_the_web_server_says_whether_it_is_alive_ready_and_busy(slack, slack_settings):
    async with running(slack_settings(slack)) as (_, port), aiohttp.ClientSession() as session:
        for path, word in (("healthz", "alive"), ("readyz", "ready"), ("metrics", "threadlore_messages")):
            async with session.get(f"http://127.0.0.1:{port}/{path}") as answer:
                assert answer.status == 200
                assert word in await answer.text()
        async with session.post(f"http://127.0.0.1:{port}/slack/events") as answer:
            assert answer.status == 404
