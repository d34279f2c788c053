"""Which request runs next. This file performs no I/O and knows no model.

Today one request runs at a time, first come, first served. Continuous batching needs more than one
place in `parallel` and a runner that takes a batch; callers already handle a tuple of requests.
"""

from collections import OrderedDict
from enum import StrEnum

from bot.generation.sequence import Count, Work


class State(StrEnum):
    """Where a request is. A finished one is forgotten."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


class Scheduler:
    """The queue in front of one model."""

    def __init__(self, parallel: int = 1) -> None:
        self.parallel = parallel
        self._waiting: OrderedDict[str, Work] = OrderedDict()
        self._running: OrderedDict[str, Work] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    def state_of(self, request_id: str) -> State:
        """Where the request is now; one never seen counts as finished."""
        if request_id in self._running:
            return State.RUNNING
        return State.WAITING if request_id in self._waiting else State.FINISHED

    def add(self, work: Work) -> None:
        """Puts a request at the end of the queue.

        Errors: ValueError when its id is in use.
        """
        if self.state_of(work.request_id) is not State.FINISHED:
            raise ValueError(f"request {work.request_id} is already here")
        self._waiting[work.request_id] = work

    def schedule(self) -> tuple[Work, ...]:
        """What the next step works on, at most `parallel` requests; empty when there is nothing to do.

        Counting tokens takes no place in the model, so it does not wait behind an answer.
        """
        counts = [work for work in self._waiting.values() if isinstance(work, Count)]
        if counts:
            return tuple(counts)
        while self._waiting and len(self._running) < self.parallel:
            request_id, work = self._waiting.popitem(last=False)
            self._running[request_id] = work
        return tuple(self._running.values())

    def finish(self, request_id: str) -> State:
        """Takes a request out, done or cancelled; returns where it was."""
        state = self.state_of(request_id)
        self._waiting.pop(request_id, None)
        self._running.pop(request_id, None)
        return state
