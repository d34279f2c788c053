"""Calls to Discord's REST API through discord.py's own client, which waits for rate limits. They fail in our words.

What is sent to a channel carries a nonce that Discord enforces: sent again, it is not posted twice.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import discord
from aiohttp import ClientError
from discord.http import Route

from adapters.discord.render import Rendered
from knowledge.errors import SourceUnavailable

TRIES = 3
SERVER_ERROR = 500
# The one server error that discord.py does not wait out by itself.
OVERLOADED = 503
PAUSE_SECONDS = 1.0
NO_PINGS: Mapping[str, object] = {"parse": []}
SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6
UNKNOWN_TOKEN = frozenset({10015, 10062, 50027})
"""An interaction's token that Discord does not know, or no longer."""
GONE = frozenset({10003, 10004, 10008, 10013, 50001, 50007, 50013, 50083, 160002, 160005})
"""Nothing can be said there: it is gone, closed to us, or the person takes no messages."""


class DiscordRefused(Exception):
    """Discord understood and said no. `code` is its number for why."""

    def __init__(self, code: int, status: int) -> None:
        super().__init__(f"Discord refuses this ({status}, code {code}).")
        self.code = code
        self.is_expired = code in UNKNOWN_TOKEN
        self.is_gone = code in GONE or status in {403, 404}


class Calls:
    """What we ask of Discord, with the bot's token or an interaction's.

    Errors: every method raises `DiscordRefused` and `SourceUnavailable`.
    """

    def __init__(self, client: discord.Client) -> None:
        self._client = client

    async def send(self, channel_id: str, message: Rendered, *, nonce: str, reply_to: str = "") -> str:
        """Posts into a channel. Returns the message's id; the same nonce again returns the same id."""
        body = _body(message) | {"nonce": nonce, "enforce_nonce": True}
        if reply_to:
            body["message_reference"] = {"message_id": reply_to, "fail_if_not_exists": False}
        answer = await self._request(Route("POST", "/channels/{channel_id}/messages", channel_id=channel_id), body)
        return str(answer["id"])

    async def edit(self, channel_id: str, message_id: str, message: Rendered) -> None:
        """Replaces one of our messages."""
        route = Route(
            "PATCH", "/channels/{channel_id}/messages/{message_id}", channel_id=channel_id, message_id=message_id
        )
        await self._request(route, _body(message))

    async def delete(self, channel_id: str, message_id: str) -> None:
        """Deletes one of our messages; one that is gone already is fine."""
        route = Route(
            "DELETE", "/channels/{channel_id}/messages/{message_id}", channel_id=channel_id, message_id=message_id
        )
        try:
            await self._request(route, None)
        except DiscordRefused as error:
            if not error.is_gone:
                raise

    async def direct_channel(self, user_id: str) -> str:
        """The id of the conversation with somebody."""
        answer = await self._request(Route("POST", "/users/@me/channels"), {"recipient_id": user_id})
        return str(answer["id"])

    async def messages_after(self, channel_id: str, message_id: str) -> list[dict[str, Any]]:
        """Up to a hundred messages after one, as Discord shapes them, oldest first."""
        route = Route("GET", "/channels/{channel_id}/messages", channel_id=channel_id)
        found = await self._request(route, None, params={"after": message_id, "limit": 100})
        return sorted(found, key=lambda one: int(one["id"]))

    async def edit_original(self, token: str, message: Rendered) -> str:
        """Puts a message in the place of "is thinking…". Returns its id."""
        answer = await self._request(self._hook("PATCH", token, "/messages/@original"), _body(message))
        return str(answer["id"])

    async def edit_follow_up(self, token: str, message_id: str, message: Rendered) -> None:
        """Replaces a message that was sent with an interaction's token."""
        await self._request(self._hook("PATCH", token, f"/messages/{message_id}"), _body(message))

    async def delete_follow_up(self, token: str, message_id: str) -> None:
        """Deletes a message that was sent with an interaction's token."""
        await self._request(self._hook("DELETE", token, f"/messages/{message_id}"), None)

    async def follow_up(self, token: str, message: Rendered, *, ephemeral: bool) -> str:
        """One more message to an interaction. Returns its id."""
        body = _body(message)
        if ephemeral:
            body["flags"] = int(body.get("flags", 0)) | EPHEMERAL
        answer = await self._request(self._hook("POST", token, "?wait=true"), body)
        return str(answer["id"])

    def _hook(self, method: str, token: str, rest: str) -> Route:
        return Route(
            method,
            "/webhooks/{webhook_id}/{webhook_token}" + rest,
            webhook_id=self._client.application_id,
            webhook_token=token,
        )

    async def _request(self, route: Route, body: Mapping[str, object] | None, **more: Any) -> Any:
        """Sent again when the connection dropped: what posts has a nonce, everything else may happen twice."""
        may_repeat = body is None or "nonce" in body or route.method != "POST"
        for tries_left in reversed(range(TRIES if may_repeat else 1)):
            try:
                if body is not None:
                    more["json"] = body
                return await self._client.http.request(route, **more)
            except discord.HTTPException as error:
                if error.status == OVERLOADED and tries_left:
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                if error.status >= SERVER_ERROR or isinstance(error, discord.RateLimited):
                    raise SourceUnavailable(f"Discord fails (status {error.status}).") from error
                raise DiscordRefused(error.code, error.status) from error
            # A body that is no JSON is a ValueError.
            except (ClientError, OSError, TimeoutError, ValueError, discord.DiscordException) as error:
                if tries_left == 0:
                    raise SourceUnavailable("The answer of Discord was lost.") from error
        raise AssertionError("unreachable")


def _body(message: Rendered) -> dict[str, Any]:
    """Nobody is pinged and links do not unfurl. The flag for that would hide our own embeds: with these it is off."""
    return {
        "content": message.content,
        "embeds": message.embeds,
        "components": message.components,
        "allowed_mentions": NO_PINGS,
        "flags": 0 if message.embeds else SUPPRESS_EMBEDS,
    }
