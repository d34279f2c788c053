"""Slack's rate limits per method, workspace and, for posting, channel: off until switched on."""

import math
from collections import deque
from collections.abc import Iterator

from tests.fakes.slack.clock import Clock

MINUTE = 60.0
TIER_1, TIER_2, TIER_3, TIER_4 = 1, 20, 50, 100
TIERS = {
    "apps.connections.open": TIER_1,
    "conversations.list": TIER_2,
    "users.list": TIER_2,
    "chat.startStream": TIER_2,
    "conversations.history": TIER_3,
    "conversations.replies": TIER_3,
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "conversations.join": TIER_3,
    "users.conversations": TIER_3,
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "reactions.add": TIER_3,
    "conversations.members": TIER_4,
    "users.info": TIER_4,
    "chat.postEphemeral": TIER_4,
    "chat.appendStream": TIER_4,
    "files.info": TIER_4,
    "views.open": TIER_4,
    "views.update": TIER_4,
    "views.publish": TIER_4,
}
"""Calls a minute. The tiers of the streaming methods and of apps.connections.open are guesses on the strict side."""
NON_MARKETPLACE = {"conversations.history": 1, "conversations.replies": 1}
POSTS_PER_CHANNEL = (5, 5.0)
POSTS_PER_WORKSPACE = (300, MINUTE)


class RateLimits:
    """`per_minute` may be changed by a test; `minute` shortens the minute, so that a test need not wait it out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, ...], deque[float]] = {}
        self.minute = MINUTE
        self.per_minute: dict[str, int] = {}
        self.posts = False

    def switch_on(self) -> None:
        """What an app that the workspace made itself gets."""
        self.per_minute |= TIERS
        self.posts = True

    def retry_after(self, team: str, method: str, channel: str) -> int | None:
        """Seconds to wait, at least 1, when the call is one too many; None when it may pass, and then it counts."""
        bounds = list(self._bounds(team, method, channel))
        now = self._clock.now()
        waits = []
        for key, most, seconds in bounds:
            calls = self._windows.setdefault(key, deque())
            while calls and calls[0] <= now - seconds:
                calls.popleft()
            if len(calls) >= most:
                waits.append(calls[0] + seconds - now)
        if waits:
            return max(1, math.ceil(max(waits)))
        for key, _, _ in bounds:
            self._windows[key].append(now)
        return None

    def _bounds(self, team: str, method: str, channel: str) -> Iterator[tuple[tuple[str, ...], int, float]]:
        scale = self.minute / MINUTE
        if (most := self.per_minute.get(method)) is not None:
            yield (team, method), most, self.minute
        if self.posts and method == "chat.postMessage":
            yield (team, method, channel), POSTS_PER_CHANNEL[0], POSTS_PER_CHANNEL[1] * scale
            yield (team, method), POSTS_PER_WORKSPACE[0], POSTS_PER_WORKSPACE[1] * scale
