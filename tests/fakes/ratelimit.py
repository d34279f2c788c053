"""Limits in this process: the port's semantics, without Redis and without a library."""

import time
from collections import defaultdict
from collections.abc import Callable

from bot.errors import RateLimited
from knowledge.messages import ChannelRef, PersonRef

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


class FakeLimiter:
    """Times in lists, one limit of each kind at most, written as `20/minute` or `3/2 second`."""

    def __init__(
        self,
        *,
        user: str = "off",
        channel: str = "off",
        workspace: str = "off",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = {"user": user, "channel": channel, "workspace": workspace}
        self.hits = 0
        self._clock = clock
        self._came: defaultdict[object, list[float]] = defaultdict(list)

    async def hit(self, asker: PersonRef | None, channel: ChannelRef | None) -> None:
        self.hits += 1
        place = channel or asker
        where = (place.platform, place.workspace) if place else None
        for whose, key in (("user", asker), ("channel", channel), ("workspace", where)):
            if key is None or self.limits[whose] == "off":
                continue
            most, _, window = self.limits[whose].partition("/")
            number, unit = window.split() if " " in window else ("1", window)
            seconds = int(number) * SECONDS[unit]
            wait = self._take((whose, key), int(most), seconds)
            if wait is not None:
                told = self._take(("told", whose, asker or channel), 1, seconds)
                raise RateLimited(whose, wait, is_first=told is None)

    def _take(self, key: object, most: int, seconds: float) -> float | None:
        now = self._clock()
        came = self._came[key] = [then for then in self._came[key] if then > now - seconds]
        if len(came) >= most:
            return came[0] + seconds - now
        came.append(now)
        return None
