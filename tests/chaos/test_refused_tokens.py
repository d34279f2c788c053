"""A token that its platform does not accept is written nowhere, not even in part, and told to nobody."""

import asyncio
import io
import json
import socketserver
import threading
import traceback

import pytest
import structlog

import adapters.discord.app
import adapters.slack.app
import adapters.slack.calls
from bot.documents import status_document
from bot.errors import BadConfiguration
from bot.telemetry import setup_logging
from tests.chaos.test_secrets import Echo, threadlore  # noqa: F401 - a fixture
from tests.load.test_requests import reports
from tests.scenarios.slack.conftest import running

PART = 6
"""So many characters of a token in a row are a part of it; fewer may stand anywhere."""
DISCORD = "qzx7vw3kx9rbtm5hj8ld2k4w.wq4zyp.pc1nf0sgvbx6tk8rj3mw7zqhd5"
SLACK, SLACK_APP = "xoxb-8261950473-qwv7zk3xr9bt", "xapp-1-kz5qw8xv2jr7bt"
KEPT_FROM_MODELS = {
    "MODEL__URL": "http://127.0.0.1:1/v1", "MODEL__NAME": "m", "HTTP__PORT": "0",
    "EMBEDDING__URL": "http://127.0.0.1:1/v1", "EMBEDDING__NAME": "m", "EMBEDDING__DIMENSION": "3",
}  # fmt: skip


class Telltale(Echo):
    """Refuses, and repeats the token wherever a platform says why."""

    def body(self):
        told = self.headers["Authorization"]
        return {"ok": False, "error": told, "message": f"401: {told}", "code": 0}


@pytest.fixture
def telltale():
    """Starts a server that answers everything with this status; its address."""
    servers = []

    def start(status):
        handler = type("OfStatus", (Telltale,), {"status": status})
        servers.append(socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def log():
    """Everything that is logged, at DEBUG."""
    written = io.StringIO()
    yield written
    structlog.reset_defaults()


def parts_in(text, *tokens):
    """What of these tokens stands in a text."""
    bodies = [token.removeprefix("xoxb-").removeprefix("xapp-") for token in tokens]
    parts = {body[at : at + PART] for body in bodies for at in range(len(body) - PART + 1)}
    return sorted(part for part in parts if part.lower() in text.lower())


# ---- refused at the start -------------------------------------------------------------------------------------------


def refusals(telltale):
    """What each platform may answer to a token, with the settings that lead there."""
    for status in (401, 403):
        given = {"DISCORD__TOKEN": DISCORD, "DISCORD__API_URL": telltale(status)}
        yield f"discord, {status}", given
    for status in (200, 401, 500):
        given = {"SLACK__BOT_TOKEN": SLACK, "SLACK__APP_TOKEN": SLACK_APP, "SLACK__API_URL": f"{telltale(status)}/"}
        yield f"slack, {status}", given


def written(threadlore, given):  # noqa: F811
    """What `run` and then `status` write with such settings."""
    both = KEPT_FROM_MODELS | given
    return threadlore("run", **both) + threadlore("status", "--json", **both)


def test_no_part_of_a_token_that_is_refused_at_the_start_is_written(threadlore, telltale, monkeypatch, report):  # noqa: F811
    monkeypatch.setattr(adapters.slack.app, "RETRY_SECONDS", ())
    monkeypatch.setattr(adapters.slack.calls, "FIRST_PAUSE_SECONDS", 0.05)
    texts = {name: written(threadlore, given) for name, given in refusals(telltale)}
    assert all("discord" in text.lower() or "slack" in text.lower() for text in texts.values())
    found = {name: parts_in(text, DISCORD, SLACK, SLACK_APP) for name, text in texts.items()}
    report("refused tokens", refusals=len(found), shown=sum(map(bool, found.values())))
    assert set(map(tuple, found.values())) == {()}, found


def test_a_word_of_slack_that_is_taken_as_it_comes_would_be_noticed(threadlore, telltale, monkeypatch):  # noqa: F811
    monkeypatch.setattr(adapters.slack.calls, "_code", lambda response: str(response.get("error")))
    assert parts_in(written(threadlore, dict(refusals(telltale))["slack, 200"]), SLACK)


def test_a_sentence_that_says_how_the_token_begins_would_be_noticed(threadlore, telltale, monkeypatch):  # noqa: F811
    monkeypatch.setattr(adapters.discord.app, "REFUSED", f"Discord refuses {DISCORD[:8]}…: reset it.")
    assert parts_in(written(threadlore, dict(refusals(telltale))["discord, 401"]), DISCORD)


# ---- refused while the bot runs -------------------------------------------------------------------------------------


@pytest.fixture
def said(slack, server, slack_settings, discord_settings, log, capsys):
    """All that a bot writes, and says of itself, while a platform refuses its token."""
    slack.bot_token, server.token = SLACK, DISCORD

    async def run(platform, refuse, **more):
        settings = slack_settings(slack, **more) if platform == "slack" else discord_settings(server, **more)
        told = ""
        try:
            async with running(settings) as (app, port):
                setup_logging("DEBUG", stream=log)
                await refuse()
                told = json.dumps(status_document(await app.admin.status()), default=str) + await reports(port)
        except BadConfiguration as error:
            told += f"{error}\n{traceback.format_exc()}"
        return log.getvalue() + "".join(capsys.readouterr()) + told

    return run


async def bot_token_revoked(slack, said):
    async def revoke():
        await slack.connected(2)
        slack.revoke_tokens()
        await asyncio.sleep(1.0)

    return await said("slack", revoke)


async def app_token_refused(slack, said):
    async def wait():
        await slack.until(lambda: any(call.outcome == "invalid_auth" for call in slack.calls))
        await asyncio.sleep(0.5)

    return await said("slack", wait, app_token=SLACK_APP)


async def token_reset(server, said):
    async def reset():
        await server.connected()
        server.token = "another"
        server.gateway.close(4000)
        await server.until(lambda: server.gateway.openings[-1].outcome == "4004")
        await asyncio.sleep(0.5)

    return await said("discord", reset)


async def test_no_part_of_a_token_that_slack_takes_back_is_written(slack, said):
    text = await bot_token_revoked(slack, said)
    assert "workspace_ended" in text
    assert parts_in(text, SLACK) == []


async def test_no_part_of_a_token_for_sockets_that_slack_refuses_is_written(slack, said):
    text = await app_token_refused(slack, said)
    assert "step=apps_connections_open" in text
    assert "workspace_ended" in text
    assert parts_in(text, SLACK, SLACK_APP) == []


async def test_no_part_of_a_token_that_was_reset_at_discord_is_written(server, said):
    text = await token_reset(server, said)
    assert adapters.discord.app.REFUSED in text
    assert parts_in(text, DISCORD) == []


async def test_a_log_that_says_which_token_it_is_would_be_noticed(slack, said, monkeypatch):
    class Log:
        def error(self, event, **more):
            structlog.get_logger().error(event, service=SLACK[-8:], **more)

    monkeypatch.setattr(adapters.slack.app, "log", Log())
    assert parts_in(await bot_token_revoked(slack, said), SLACK)
