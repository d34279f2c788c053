"""One clock for timestamps, deadlines, retries and limits: real time that tests may push forward, or frozen time."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable


class Timer:
    """A callback waiting for its time."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Clock:
    """Seconds since 1970. A frozen clock moves by `advance` alone; the other one also ticks by itself."""

    def __init__(self, start: float | None = None, *, frozen: bool = False) -> None:
        self._frozen = frozen
        self._origin = time.monotonic()
        self._now = time.time() if start is None else start
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None
        self._last_micros = 0

    def now(self) -> float:
        return self._now if self._frozen else self._now + time.monotonic() - self._origin

    def advance(self, seconds: float) -> None:
        """Moves time forward; what has come due runs in the next turns of the loop."""
        self._now += seconds
        if self._timers:
            self._arm()

    def ts(self) -> str:
        """A message time nobody else has: "1760000000.000100", always later than the one before."""
        self._last_micros = max(int(self.now() * 1_000_000), self._last_micros + 1)
        return f"{self._last_micros // 1_000_000:010d}.{self._last_micros % 1_000_000:06d}"

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now() + seconds, next(self._numbers), timer))
        if self._timers[0][2] is timer:
            self._arm()
        return timer

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: woken.done() or woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def close(self) -> None:
        self._timers.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        loop = asyncio.get_running_loop()
        wait = self._timers[0][0] - self.now()
        if wait <= 0:
            self._alarm = loop.call_later(0, self._fire)
        elif not self._frozen:
            self._alarm = loop.call_later(wait, self._fire)

    def _fire(self) -> None:
        now = self.now()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2].fire()
        if self._timers:
            self._arm()
