"""A clock for several who share one worker. This file performs no I/O: the time is handed in."""


class SharedClock:
    """Counts the work that each of those who share got: while they are `n`, it runs `n` times more slowly."""

    def __init__(self) -> None:
        self._sharing = 1
        self._counted = 0.0
        self._since = 0.0

    def share(self, number: int, now: float) -> None:
        """So many share from now on; nobody: as if one did."""
        self._counted = self.read(now)
        self._since = now
        self._sharing = max(1, number)

    def read(self, now: float) -> float:
        """What each got until now, in seconds of undivided work."""
        return self._counted + (now - self._since) / self._sharing

    def when(self, reading: float, now: float) -> float:
        """The time at which the clock will read so, if as many share until then."""
        return now + (reading - self.read(now)) * self._sharing
