"""How many threads compute a step: as many as the machine leaves to them. This file performs no I/O.

Threads of one step wait for each other hundreds of times, at the end of each operation. While all of them run, that is
quickest by spinning; when one is not running because something else has its processor, the others spin for nothing, and
two threads are several times slower than one. So a crew that did not get its processors is made smaller, and is tried
whole again after a while.
"""

import time
from collections.abc import Callable

WINDOW_SECONDS = 0.05
"""A step of one token takes less than 10 ms; another process may have or miss a turn in it by chance."""
MISSED_WRITING, MISSED_READING = 0.4, 0.8
"""Of two processors, when two threads are as fast as one: beside a busy process they write at .2 of their speed and
read at .45, where one thread writes at .7 of it and reads at .55."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 8.0
"""A try beside a busy process may cost a tenth of a second: one or two in a hundred at the most."""


class Crew:
    """Counts the processor time that the threads of a step got. All times in seconds.

    `missed`: how much of a processor they may miss.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, missed: float = MISSED_WRITING) -> None:
        self._clock = clock
        self._missed = missed
        self._limit: int | None = None
        self._retry_at = 0.0
        self._wait = FIRST_WAIT
        self._threads = 0
        self._elapsed = self._used = 0.0

    def size(self, most: int) -> int:
        """How many threads the next step gets, of so many that it may have."""
        if self._limit is not None and self._clock() >= self._retry_at:
            self._limit = None
        return most if self._limit is None else min(most, self._limit)

    def worked(self, threads: int, elapsed: float, used: float) -> None:
        """So many threads took so long for a step, and so much processor time together."""
        if threads == 1:
            return
        if threads != self._threads:
            self._threads, self._elapsed, self._used = threads, 0.0, 0.0
        self._elapsed += elapsed
        self._used += used
        if self._elapsed < WINDOW_SECONDS:
            return
        ran = self._used / self._elapsed
        self._elapsed = self._used = 0.0
        if ran >= threads - self._missed:
            if self._limit is None:
                self._wait = max(FIRST_WAIT, self._wait / 2)
        else:
            self._limit = max(1, int(ran + self._missed))
            self._retry_at = self._clock() + self._wait
            self._wait = min(LONGEST_WAIT, self._wait * 2)
