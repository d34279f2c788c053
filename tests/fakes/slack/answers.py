"""HTTP responses as Slack's API words them."""

import json
from typing import Any

from aiohttp import web

JSON = "application/json; charset=utf-8"


def answer(content: dict[str, Any], *, status: int = 200, scopes: str = "") -> web.Response:
    headers = {"Content-Type": JSON, "X-Slack-Req-Id": "req-1"}
    if scopes:
        headers["X-OAuth-Scopes"] = scopes
    return web.Response(status=status, body=json.dumps(content).encode(), headers=headers)


def too_many(seconds: int) -> web.Response:
    response = answer({"ok": False, "error": "ratelimited"}, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response
