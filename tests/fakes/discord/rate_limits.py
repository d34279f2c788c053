"""Discord's rate limits: buckets per route and main resource, and one for all calls together. Off until switched on."""

import hashlib
from collections import deque
from dataclasses import dataclass

from tests.fakes.slack.clock import Clock

MESSAGES = "/channels/{channel_id}/messages"
BUCKETS = {
    f"POST {MESSAGES}": (5, 5.0),
    f"PATCH {MESSAGES}/{{message_id}}": (5, 5.0),
    f"DELETE {MESSAGES}/{{message_id}}": (5, 1.0),
    f"GET {MESSAGES}": (10, 5.0),
    f"PUT {MESSAGES}/{{message_id}}/reactions/{{emoji_name}}/@me": (1, 0.25),
    "POST /webhooks/{webhook_id}/{webhook_token}": (5, 2.0),
    "POST /users/@me/channels": (10, 10.0),
}
"""Calls and seconds. Discord does not publish these: they are guesses on the strict side."""
OTHERS = (20, 5.0)
GLOBAL = (50, 1.0)
_MAIN = ("channel_id", "guild_id", "webhook_id", "webhook_token")


@dataclass(frozen=True, slots=True)
class Bucket:
    """How full a bucket is after a call. `retry_after` is None where the call may pass."""

    id: str
    limit: int
    remaining: int
    reset_at: float
    reset_after: float
    retry_after: float | None
    scope: str

    @property
    def headers(self) -> dict[str, str]:
        """By keyword, with "_" for "-"."""
        return {
            "X_RateLimit_Limit": str(self.limit),
            "X_RateLimit_Remaining": str(self.remaining),
            "X_RateLimit_Reset": f"{self.reset_at:.3f}",
            "X_RateLimit_Reset_After": f"{self.reset_after:.3f}",
            "X_RateLimit_Bucket": self.id,
        }


class RateLimits:
    """`buckets`, `others` and `whole` may be changed by a test. Calls about interactions do not count in the whole."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, ...], deque[float]] = {}
        self.is_on = False
        self.buckets = dict(BUCKETS)
        self.others = OTHERS
        self.whole = GLOBAL

    def switch_on(self) -> None:
        self.is_on = True

    def pass_through(self, method: str, route: str, params: dict[str, str]) -> Bucket | None:
        """Counts a call, unless it is one too many; None while switched off."""
        if not self.is_on:
            return None
        now = self._clock.now()
        name = f"{method} {route}"
        limit, seconds = self.buckets.get(name, self.others)
        window = self._window((name, *(params.get(key, "") for key in _MAIN)), now - seconds)
        counts_in_whole = not route.startswith(("/interactions", "/webhooks"))
        whole = self._window(("",), now - self.whole[1])
        retry_after, scope = None, "user"
        if counts_in_whole and len(whole) >= self.whole[0]:
            retry_after, scope = whole[0] + self.whole[1] - now, "global"
        elif len(window) >= limit:
            retry_after = window[0] + seconds - now
        else:
            window.append(now)
            if counts_in_whole:
                whole.append(now)
        reset_after = max(0.0, window[0] + seconds - now) if window else 0.0
        bucket_id = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
        remaining = max(0, limit - len(window))
        return Bucket(bucket_id, limit, remaining, now + reset_after, reset_after, retry_after, scope)

    def _window(self, key: tuple[str, ...], oldest: float) -> deque[float]:
        calls = self._windows.setdefault(key, deque())
        while calls and calls[0] <= oldest:
            calls.popleft()
        return calls
