"""The HTTP Events API: Slack calls the bot. That it is Slack, the signature proves: checked here, and by Bolt."""

import re
from collections.abc import Callable, Sequence

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

EVENTS_PATH = "/slack/events"
MOST_BYTES = 1 << 20
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)


def routes_of(apps: Callable[[], Sequence[tuple[str, AsyncApp]]]) -> list[web.RouteDef]:
    """One address for events, buttons and commands of all workspaces: the signature tells whose a request is.

    `apps` gives each workspace's signing secret and its app.
    """

    async def receive(request: web.Request) -> web.Response:
        if (request.content_length or 0) > MOST_BYTES:
            return web.Response(status=413)
        body = (await request.content.read(MOST_BYTES + 1)).decode("utf-8", "replace")
        headers = dict(request.headers)
        for secret, app in apps():
            if is_signed(secret, headers, body):
                try:
                    asked = AsyncBoltRequest(body=body, query=request.query_string, headers=headers)  # type: ignore[arg-type]
                except ValueError:  # signed, and yet no JSON
                    return web.Response(status=400)
                return await to_aiohttp_response(await app.async_dispatch(asked))
        return web.Response(status=401)

    return [web.post(EVENTS_PATH, receive)]


def is_signed(secret: str, headers: dict[str, str], body: str) -> bool:
    """Whether Slack signed this within the last five minutes. The SDK's own check raises where a time is none."""
    lowered = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = lowered.get("x-slack-request-timestamp", ""), lowered.get("x-slack-signature", "")
    if not secret or not _SECONDS.fullmatch(timestamp) or not signature.isascii():
        return False
    return SignatureVerifier(secret).is_valid(body, timestamp, signature)
