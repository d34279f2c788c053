"""HTTP answers of the API. discord.py reads JSON only under exactly this content type, and a 429 only with `Via`."""

import json
from typing import Any

from aiohttp import web

JSON = "application/json"


def answer(status: int, body: Any, **headers: str) -> web.Response:
    """Headers by keyword, with "_" for "-"; no body where it is None."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        return web.Response(status=status, headers={"Via": "1.1 google"} | named)
    everything = {"Content-Type": JSON, "Via": "1.1 google"} | named
    return web.Response(status=status, body=json.dumps(body).encode(), headers=everything)


def too_many(retry_after: float, scope: str, **headers: str) -> web.Response:
    """429: one bucket is empty ("user"), the limit of the whole bot is reached ("global"), or others used it up."""
    named = {"Retry_After": str(max(1, round(retry_after))), "X_RateLimit_Scope": scope}
    if scope == "global":
        named["X_RateLimit_Global"] = "true"
    return answer(429, too_many_body(retry_after, scope), **(headers | named))


def too_many_body(retry_after: float, scope: str) -> dict[str, Any]:
    words = "The resource is being rate limited." if scope == "shared" else "You are being rate limited."
    return {"message": words, "retry_after": retry_after, "global": scope == "global", "code": 0}
