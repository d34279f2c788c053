"""Discord's ids: milliseconds since 2015 in the upper bits, so that they sort by time. Each is given out once."""

from datetime import UTC, datetime

from tests.fakes.slack.clock import Clock

EPOCH_MS = 1_420_070_400_000
_OLD_SECONDS = 1_000 * 86_400


def millis_of(snowflake: str) -> int:
    """Milliseconds since 1970."""
    return (int(snowflake) >> 22) + EPOCH_MS


def iso_of(snowflake: str) -> str:
    return iso(millis_of(snowflake) / 1000)


def iso(seconds: float) -> str:
    """A timestamp as Discord writes it: microseconds, offset +00:00."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


class Snowflakes:
    """Ids of the clock's time. `old` ones are of long ago, for guilds, channels and people: older than any message."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: set[int] = set()
        self._last = 0
        self._old = int((clock.now() - _OLD_SECONDS) * 1000)

    def new(self) -> str:
        """Always above every other new one, even within one millisecond."""
        number = self._take(max(_first_of(self._clock.now()), self._last + 1))
        self._last = int(number)
        return number

    def old(self) -> str:
        self._old += 1
        return self._take(_first_of(self._old / 1000))

    def at(self, seconds: float) -> str:
        """Of a given time, in seconds since 1970."""
        return self._take(_first_of(seconds))

    def _take(self, number: int) -> str:
        while number in self._taken:
            number += 1
        self._taken.add(number)
        return str(number)


def _first_of(seconds: float) -> int:
    return int(seconds * 1000 - EPOCH_MS) << 22
