"""Only what Slack signed takes effect, once; and whatever goes wrong, no secret and no body is written anywhere."""

import asyncio
import io
import json
import time
from contextlib import AsyncExitStack

import aiohttp
import pytest
import structlog
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr
from slack_sdk.signature import SignatureVerifier

from adapters.slack import web
from bot.config import DatabaseSettings, RedisSettings
from bot.errors import ModelUnavailable
from bot.telemetry import setup_logging
from tests.fakes.slack import FakeSlack
from tests.scenarios.slack.conftest import running
from tests.scenarios.slack.scene import rows
from tests.scenarios.slack.test_connection import STORED, an_event, post, signed

CANARY = "canary5ecre7"


def refused_requests(secret, body):
    """Every way of not being Slack, by name."""
    now = int(time.time())
    good = signed(secret, body)
    stamp, signature = "X-Slack-Request-Timestamp", "X-Slack-Signature"
    return {
        "nothing": {},
        "bad signature": {**good, signature: "v0=" + "0" * 64},
        "empty signature": {**good, signature: ""},
        "no signature": {name: value for name, value in good.items() if name != signature},
        "other version": {**good, signature: good[signature].replace("v0", "v1")},
        "upper case": {**good, signature: good[signature].upper()},
        "no time": {name: value for name, value in good.items() if name != stamp},
        "time abc": {**good, stamp: "abc"},
        "empty time": {**good, stamp: ""},
        "time before time": {**good, stamp: "-1"},
        "broken time": {**good, stamp: f"{now}.5"},
        "huge time": {**good, stamp: "9" * 30},
        "time in other digits": {**good, stamp: "1٢٣"},
        "old": signed(secret, body, at=now - 301),
        "future": signed(secret, body, at=now + 330),
        "wrong secret": signed("another secret", body),
        "changed body": signed(secret, body + " "),
    }


@pytest.fixture
def log():
    """Everything that is logged, at DEBUG."""
    written = io.StringIO()
    yield written
    structlog.reset_defaults()


@pytest.mark.timeout(1800)
async def test_forged_requests_are_refused_and_a_repeat_has_no_effect(slack_settings, size, report, log, capsys):
    async with FakeSlack() as slack, running(slack_settings(slack, mode="http")) as (app, port):
        setup_logging("DEBUG", stream=log)
        body, secret = an_event(slack, event_context=CANARY), slack.signing_secret
        for name, headers in refused_requests(secret, body).items():
            assert await post(port, body, headers) == 401, name
        assert await rows(app, STORED) == [(0,)]
        replays = size(50, 1_000)
        for _ in range(replays):
            assert await post(port, body, signed(secret, body)) == 200
        assert await rows(app, STORED) == [(1,)]
        for broken in ("{", "[]", '"x"', "\x00", "payload=%7B"):
            assert await post(port, broken + CANARY, signed(secret, broken + CANARY)) < 500
        report("requests", refused=len(refused_requests(secret, body)), replays=replays, effects=1)
    assert CANARY not in log.getvalue() + "".join(capsys.readouterr())


def test_the_stock_check_fails_on_a_time_that_is_none():
    with pytest.raises(ValueError, match="invalid literal"):
        SignatureVerifier("secret").is_valid("{}", "abc", "v0=1")
    assert not web.is_signed("secret", {"X-Slack-Request-Timestamp": "abc", "X-Slack-Signature": "v0=1"}, "{}")


PASSWORDS = {"database": "canaryd8a", "redis": "canaryre6", "chat": "canarych1", "embedding": "canaryem3"}


def with_passwords(settings, database):
    """The same bot, with a password or a key for whatever it opens besides Slack."""
    redis = settings.redis.url.get_secret_value().partition("://")[2]
    return settings.model_copy(
        update={
            "database": DatabaseSettings(url=make_conninfo(database, password=PASSWORDS["database"])),
            "redis": RedisSettings(url=f"redis://:{PASSWORDS['redis']}@{redis}"),
            "model": settings.model.model_copy(update={"api_key": SecretStr(PASSWORDS["chat"])}),
            "embedding": settings.embedding.model_copy(update={"api_key": SecretStr(PASSWORDS["embedding"])}),
        }
    )


async def break_everything(slack, app, port, proxy):
    """Errors of the platform, the model, Redis and the database, a body that cannot be read, and the reports."""
    body = an_event(slack, event_context=CANARY)
    await post(port, body, {"X-Slack-Signature": "v0=1", "X-Slack-Request-Timestamp": "abc"})
    await post(port, body, signed(slack.signing_secret, body))
    slack.faults.on("*", status=500, times=3)
    quince = slack.add_user("quince")
    place = slack.add_channel("harvest", members=[quince])
    slack.post(place, quince, f"<@{slack.bot_user_id}> why {CANARY}?")
    await asyncio.sleep(1.0)
    try:
        await app.admin.database.fetch(f"SELECT {CANARY}")
    except Exception:  # noqa: BLE001 - which error it is does not matter
        structlog.get_logger().exception("database_failed", text=CANARY, token=slack.bot_token)
    reported = await reports(port)
    proxy.refuse()
    slack.post(place, quince, f"<@{slack.bot_user_id}> why not {CANARY}?")
    await asyncio.sleep(1.0)
    reported += await reports(port)
    proxy.restore()
    return reported


async def reports(port):
    """What the bot says of itself."""
    texts = []
    async with aiohttp.ClientSession() as session:
        for path in ("metrics", "readyz", "healthz"):
            async with session.get(f"http://127.0.0.1:{port}/{path}") as answer:
                texts.append(await answer.text())
    return "".join(texts)


def broken_model(prompt):
    raise ModelUnavailable(CANARY) from RuntimeError(CANARY)


@pytest.mark.parametrize("careless", [False, True], ids=["ours", "mutant: a body is logged"])
async def test_no_secret_is_written_anywhere(slack_settings, proxy, log, capsys, monkeypatch, careless):
    if careless:
        check = web.is_signed

        def noisy(secret, headers, body):
            log.write(f"request {body}\n")
            return check(secret, headers, body)

        monkeypatch.setattr(web, "is_signed", noisy)
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(FakeSlack())
        settings = with_passwords(slack_settings(slack, mode="http"), proxy.url)
        app, port = await stack.enter_async_context(running(settings, broken_model))
        setup_logging("DEBUG", stream=log)
        secrets = {slack.bot_token, slack.app_token, slack.signing_secret, CANARY, *PASSWORDS.values()}
        reported = await break_everything(slack, app, port, proxy)
        prompts = json.dumps(app.chat.model.prompts).replace(CANARY, "")  # the question itself is the model's to read
    written = log.getvalue() + "".join(capsys.readouterr()) + reported + prompts
    found = [secret for secret in secrets if secret in written]
    assert log.getvalue()
    assert (found == [CANARY]) if careless else (found == [])
