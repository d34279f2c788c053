"""Calls to Slack's Web API: they wait where Slack says wait, let live traffic go first, and fail in our words.

A read may be repeated. A write may not: when its outcome is unknown, the caller looks before it writes again.
"""

import asyncio
import re
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import structlog
from aiohttp import ClientError
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from knowledge.errors import ChannelUnreadable, SourceUnavailable

log = structlog.get_logger()

READ_TRIES = 3
FIRST_PAUSE_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 900.0
TOO_MANY = 429
SERVER_ERROR = 500
# When a limit ends, live calls go at once and the past a moment later, so that it never takes their place.
LANE_DELAY_SECONDS = 0.25
# After a 429 the past is read at less than the 50 requests a minute of tier 3, and slowly faster again.
SLOWEST_INTERVAL_SECONDS = 1.5
SPEED_UP = 0.9
# "1 request a minute": what Slack leaves to apps that others distribute outside its marketplace.
SLOW_TIER_SECONDS = 20

UNREADABLE = frozenset({
    "not_in_channel", "channel_not_found", "is_archived", "missing_scope", "no_permission", "access_denied",
    "method_not_supported_for_channel_type",
})  # fmt: skip
REVOKED = frozenset({
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "app_uninstalled",
    "team_access_not_granted", "user_removed_from_team",
})  # fmt: skip
_WORD = re.compile(r"[a-z0-9_]{1,80}")


class Lane(IntEnum):
    """Who goes first: answers and events, then what was missed, then the past."""

    LIVE = 0
    RECONCILE = 1
    BACKFILL = 2


class SlackRefused(Exception):
    """Slack understood and said no. `code` is its word for why."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"Slack refuses {method}: {code}.")
        self.code = code


class OutcomeUnknown(SourceUnavailable):
    """A write whose answer was lost: it may have happened."""


class TokenRevoked(SourceUnavailable):
    """Slack no longer accepts this workspace's token. Install the app again and set its new token."""


class Calls:
    """The Web API with one workspace's token.

    `on_revoked` is called once, when Slack no longer accepts the token.
    """

    def __init__(self, client: AsyncWebClient, on_revoked: Callable[[], None] = lambda: None) -> None:
        self.client = client
        self.is_slow_tier = False
        self._on_revoked = on_revoked
        self._revoked = False
        self._not_before: dict[str, float] = {}
        self._interval: dict[str, float] = {}
        self._next_turn: dict[str, float] = {}
        self._since_limit: dict[str, int] = {}
        self._long_waits: dict[str, int] = {}

    async def read(self, method: str, *, lane: Lane = Lane.LIVE, patience: float | None = None, **args: Any) -> Any:
        """The answer to a call that changes nothing. `method` is slack_sdk's name for it.

        Units: `patience` in seconds is how long it may wait for Slack's leave.
        Errors: `SlackRefused`, `ChannelUnreadable`, `TokenRevoked`, `SourceUnavailable`.
        """
        pause = FIRST_PAUSE_SECONDS
        for tries_left in reversed(range(READ_TRIES)):
            try:
                return await self._call(method, lane, patience, args)
            except OutcomeUnknown as error:
                if tries_left == 0:
                    raise SourceUnavailable(f"Slack does not answer {method}.") from error
                await asyncio.sleep(pause)
                pause *= 2
        raise AssertionError("unreachable")

    async def write(self, method: str, *, patience: float | None = None, **args: Any) -> Any:
        """The answer to a call that changes something; never sent a second time on its own.

        Errors: as `read`, and `OutcomeUnknown` when the answer was lost.
        """
        return await self._call(method, Lane.LIVE, patience, args)

    async def _call(self, method: str, lane: Lane, patience: float | None, args: dict[str, Any]) -> Any:
        while True:
            if self._revoked:
                raise TokenRevoked
            await self._turn(method, lane, patience)
            try:
                response = await getattr(self.client, method)(**args)
            except SlackApiError as error:
                self._refused(method, error)
            except (TimeoutError, ClientError, SlackRequestError, ValueError) as error:
                raise OutcomeUnknown(f"The answer to {method} was lost.") from error
            else:
                self._since_limit[method] = self._since_limit.get(method, 0) + 1
                if method in self._interval:
                    self._interval[method] *= SPEED_UP
                return response

    async def _turn(self, method: str, lane: Lane, patience: float | None) -> None:
        """Waits until Slack's pause for this method is over, and for the past also until its own pace allows."""
        while True:
            now = time.monotonic()
            due = self._not_before.get(method, 0.0)
            if due > now:
                due += lane * LANE_DELAY_SECONDS
            if lane is not Lane.LIVE:
                due = max(due, self._next_turn.get(method, 0.0))
            if due <= now:
                break
            if patience is not None and due - now > patience:
                raise SourceUnavailable(f"Slack allows {method} again in {due - now:.0f} s.")
            await asyncio.sleep(due - now)
        if lane is not Lane.LIVE:
            self._next_turn[method] = time.monotonic() + self._interval.get(method, 0.0)

    def _refused(self, method: str, error: SlackApiError) -> None:
        """Returns when the call may be made again; else raises what Slack's answer means."""
        response = error.response
        status = getattr(response, "status_code", 0)
        code = _code(response)
        if status == TOO_MANY or code == "ratelimited":
            self._limited(method, _retry_after(response))
            return
        if not code or status >= SERVER_ERROR or code in {"fatal_error", "internal_error", "service_unavailable"}:
            raise OutcomeUnknown(f"Slack fails at {method} (status {status}).") from error
        if code in REVOKED:
            if not self._revoked:
                self._revoked = True
                log.error("token_revoked", adapter="slack")
                self._on_revoked()
            raise TokenRevoked from error
        raise SlackRefused(method, code) from error

    def _limited(self, method: str, seconds: float) -> None:
        self._not_before[method] = time.monotonic() + seconds
        # Never longer than Slack itself asks to wait: a limit that others use up as well would slow the past for ever.
        longest = max(seconds, SLOWEST_INTERVAL_SECONDS)
        self._interval[method] = min(max(self._interval.get(method, 0.0) * 2, SLOWEST_INTERVAL_SECONDS), longest)
        is_long = seconds >= SLOW_TIER_SECONDS and self._since_limit.get(method, 0) <= 1
        self._long_waits[method] = self._long_waits.get(method, 0) + 1 if is_long else 0
        self.is_slow_tier = self.is_slow_tier or self._long_waits[method] > 1
        self._since_limit[method] = 0
        log.info("slack_asks_to_wait", adapter="slack", step=method, wait_seconds=seconds)


def unreadable(error: SlackRefused) -> ChannelUnreadable | SourceUnavailable:
    """What a refusal to read a channel means."""
    if error.code in UNREADABLE:
        return ChannelUnreadable(
            f"Slack does not show this channel to the bot ({error.code}). Invite it, then reindex."
        )
    return SourceUnavailable(str(error))


def _code(response: Any) -> str:
    """Slack's word for why; "" for whatever is none: a server that is not Slack may repeat what it was sent."""
    try:
        code = str(response.get("error") or "")
    except (AttributeError, TypeError, ValueError):
        return ""
    return code if _WORD.fullmatch(code) else ""


def _retry_after(response: Any) -> float:
    headers = {str(key).lower(): value for key, value in (getattr(response, "headers", None) or {}).items()}
    try:
        return min(max(float(headers.get("retry-after", 1)), 0.0), LONGEST_WAIT_SECONDS)
    except (TypeError, ValueError):
        return 1.0
