"""How much may be asked: by one person, in one channel, in one workspace.

Soft: without Redis this process counts by itself.

Keys, all with an expiry, each part percent-quoted:
  threadlore:limits:LIMITER/{user|channel|workspace}/{ids…}/{the limit}   when what counts was asked
  threadlore:limits:LIMITER/told/{whose limit}/{ids…}/{the limit}         somebody was told of a refusal

What an answer costs in tokens is not counted here: it is known when the answer is there, and `bot/fairness.py` charges
it then, to whoever asked.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import quote

import structlog
from limits import RateLimitItem, RateLimitItemPerSecond, parse_many
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.errors import RateLimited
from knowledge.messages import ChannelRef, PersonRef

log = structlog.get_logger()

PREFIX = "threadlore:limits"
CALL_SECONDS = 0.5
PAUSE_SECONDS = 5.0
LONGEST_SILENCE_SECONDS = 3600
MOST_KEYS = 10_000
OFF = "off"

Check = tuple[RateLimitItem, tuple[str, ...]]


class Windows(Protocol):
    """Counts what came in the last so many seconds."""

    async def take(self, item: RateLimitItem, names: Sequence[str]) -> bool:
        """Counts one more; False where that is too much, and then it is not counted."""
        ...

    async def wait(self, item: RateLimitItem, names: Sequence[str]) -> float:
        """In how many seconds there is room; 0 where there is."""
        ...


class RedisWindows:
    """Moving windows that all processes share. Errors: those of redis-py."""

    def __init__(self, client: Redis) -> None:
        # The address is not used: the client's own connections are, with their short timeouts, handed on to redis-py.
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=PREFIX,
            connection_pool=client.connection_pool,  # type: ignore[arg-type]
        )
        self._windows = MovingWindowRateLimiter(storage)

    async def take(self, item: RateLimitItem, names: Sequence[str]) -> bool:
        """As the port says."""
        return await self._windows.hit(item, *names)

    async def wait(self, item: RateLimitItem, names: Sequence[str]) -> float:
        """As the port says."""
        stats = await self._windows.get_window_stats(item, *names)
        return 0.0 if stats.remaining else max(stats.reset_time - time.time(), 0.0)


class OwnWindows:
    """Moving windows of this process alone. Of very many, those not used for longest are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._came: dict[str, deque[float]] = {}

    async def take(self, item: RateLimitItem, names: Sequence[str]) -> bool:
        """As the port says."""
        if await self.wait(item, names):
            return False
        came = self._came.setdefault(item.key_for(*names), deque())
        came.append(self._clock())
        if len(self._came) > MOST_KEYS:
            del self._came[next(iter(self._came))]
        return True

    async def wait(self, item: RateLimitItem, names: Sequence[str]) -> float:
        """As the port says."""
        key, since = item.key_for(*names), self._clock() - item.get_expiry()
        came = self._came.pop(key, deque())
        while came and came[0] <= since:
            came.popleft()
        if came:
            self._came[key] = came
        return came[0] - since if len(came) >= item.amount else 0.0


class RedisRateLimiter:
    """Limits over a Redis that may be shared with other processes.

    A limit is written as `20/minute`; several are separated by `;`, and `off` is none. A call that Redis did not carry
    out closes the way for `pause_seconds`: until then this process counts by itself, from nothing. The log has one
    warning for the whole outage.
    """

    def __init__(
        self,
        client: Redis,
        *,
        user: str = OFF,
        channel: str = OFF,
        workspace: str = OFF,
        call_seconds: float = CALL_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._user, self._channel, self._workspace = limits_in(user), limits_in(channel), limits_in(workspace)
        self._shared = RedisWindows(client)
        self._own = OwnWindows(clock)
        self._call_seconds = call_seconds
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._is_away = False
        self._next_try = 0.0

    async def hit(self, asker: PersonRef | None, channel: ChannelRef | None) -> None:
        """Counts one question or order. Errors: `RateLimited`."""
        checks = self._checks(asker, channel)
        told = _ids(asker.platform, asker.workspace, asker.person_id) if asker else ("nobody", *_channel_ids(channel))
        try:
            async with self._reaching():
                refusal = await _refusal(self._shared, checks, told)
        except _Away:
            refusal = await _refusal(self._own, checks, told)
        if refusal is not None:
            raise refusal

    def _checks(self, asker: PersonRef | None, channel: ChannelRef | None) -> list[Check]:
        """Who floods is stopped by the first, so that nothing is taken from the share of the others."""
        checks: list[Check] = []
        if asker is not None:
            ids = _ids(asker.platform, asker.workspace, asker.person_id)
            checks += [(item, ("user", *ids)) for item in self._user]
        if channel is not None:
            checks += [(item, ("channel", *_channel_ids(channel))) for item in self._channel]
        place = channel or asker
        if place is not None:
            checks += [(item, ("workspace", *_ids(place.platform, place.workspace))) for item in self._workspace]
        return checks

    @asynccontextmanager
    async def _reaching(self) -> AsyncIterator[None]:
        """Talks to Redis in the block. Errors: `_Away`, at once where that was found out a moment ago."""
        if self._is_away:
            if self._clock() < self._next_try:
                raise _Away
            self._next_try = self._clock() + self._pause_seconds  # the others wait for what this call finds
        try:
            async with asyncio.timeout(self._call_seconds):
                yield
        except (RedisError, TimeoutError, OSError) as error:
            if not self._is_away:
                log.warning("limits_counted_here", error=type(error).__name__)
            self._is_away = True
            self._next_try = self._clock() + self._pause_seconds
            raise _Away from error
        if self._is_away:
            log.info("limits_shared_again")
        self._is_away = False


class _Away(Exception):
    """Redis does not do what it is asked."""


def limits_in(written: str) -> tuple[RateLimitItem, ...]:
    """The limits that a setting names. Errors: `ValueError`."""
    if written.strip().lower() in {"", OFF}:
        return ()
    return tuple(parse_many(written))


async def _refusal(windows: Windows, checks: Sequence[Check], told: Sequence[str]) -> RateLimited | None:
    """What is too much, and whether this person hears it for the first time in its window."""
    for number, (item, names) in enumerate(checks):
        if not await windows.take(item, names):
            # Another limit may last longer: nobody is to ask again in vain.
            waits = [(await windows.wait(*check), check[1][0]) for check in checks[number:]]
            seconds, whose = max(waits, key=lambda wait: wait[0])
            silence = RateLimitItemPerSecond(1, min(item.get_expiry(), LONGEST_SILENCE_SECONDS))
            is_first = await windows.take(silence, ("told", names[0], *told))
            return RateLimited(whose, seconds, is_first=is_first)
    return None


def _channel_ids(channel: ChannelRef | None) -> tuple[str, ...]:
    return _ids(channel.platform, channel.workspace, channel.channel_id) if channel is not None else ()


def _ids(*parts: str) -> tuple[str, ...]:
    """`limits` joins names by slashes: quoted, no id can spell another's."""
    return tuple(quote(part.encode("utf-8", "replace").decode(), safe="") for part in parts)
