"""What becomes of a request whose model child died, and of a child that dies again and again.

All of it is kept in this process's memory: another process may run another model or another llama.cpp, to try again
there costs one child, and no trace of what somebody asked stays on a disk.
"""

import hashlib
import json
from collections import OrderedDict, deque
from dataclasses import asdict

from bot.generation.sequence import Embed, Rank, Work

TRIES = 2
REMEMBERED_PROMPTS = 1000
BACKOFF_SECONDS, BACKOFF_LIMIT = 0.25, 8.0


class Quarantine:
    """Counts by hash how many children died over a prompt. After the second it is never sent again.

    The first may have been over several that shared a step; the second try is alone, so that no other is held.

    Bounded: the prompt blamed longest ago is forgotten first, and costs two more children if it comes back.
    """

    def __init__(self, most: int = REMEMBERED_PROMPTS) -> None:
        self._most = most
        self._deaths: OrderedDict[bytes, int] = OrderedDict()

    def __len__(self) -> int:
        return sum(deaths >= TRIES for deaths in self._deaths.values())

    def blame(self, key: bytes) -> None:
        """A child died in a step that worked on this."""
        self._deaths[key] = self._deaths.pop(key, 0) + 1
        while len(self._deaths) > self._most:
            self._deaths.popitem(last=False)

    def acquit(self, key: bytes) -> None:
        """It went through: whatever ended the child before was not this."""
        self._deaths.pop(key, None)

    def suspects(self, key: bytes) -> bool:
        """Whether a child died of it, or of something that was in the same step: next time it is tried alone."""
        return key in self._deaths

    def holds(self, key: bytes) -> bool:
        """Whether it killed as many children as it may."""
        return self._deaths.get(key, 0) >= TRIES


class Restarts:
    """When a dead child may be started again: after a pause that doubles, and so often in so many seconds, not more."""

    def __init__(self, most: int = 3, within_seconds: float = 300.0) -> None:
        self._most = most
        self._within = within_seconds
        self._recent: deque[float] = deque(maxlen=most)
        self._in_a_row = 0
        self._not_before = 0.0
        self._is_down = False
        self.total = 0

    def died(self, now: float) -> None:
        """Each death in a row doubles the pause."""
        self._not_before = now + min(BACKOFF_SECONDS * 2**self._in_a_row, BACKOFF_LIMIT)
        self._in_a_row += 1
        self._is_down = True

    def starting(self, now: float) -> None:
        """A child is started now; it counts when it takes the place of a dead one."""
        if self._is_down:
            self._recent.append(now)
            self.total += 1
        self._is_down = False

    def worked(self) -> None:
        """The child did something: the pauses are short again."""
        self._in_a_row = 0

    def used_up(self, now: float) -> bool:
        """Whether there were as many restarts lately as there may be."""
        return len(self._recent) == self._most and now < self._recent[0] + self._within

    def wait(self, now: float) -> float:
        """Seconds until the next start; 0 or less: now."""
        until = self._recent[0] + self._within if self.used_up(now) else self._not_before
        return max(until, self._not_before) - now


def key_of(work: Work, place: int = 0) -> bytes:
    """What a request asks, as a hash; of several texts, the one at `place`."""
    asked = asdict(work)
    del asked["request_id"]
    asked.pop("alone", None)
    if isinstance(work, Embed | Rank):
        asked = {**asked, "texts": (), "text": work.texts[min(place, len(work.texts) - 1)]}
    return hashlib.sha256(json.dumps([type(work).__name__, asked]).encode()).digest()
