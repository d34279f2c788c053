"""Whose question is answered next: the asker's who was served least so far. This file performs no I/O.

Source: the virtual token counter of Sheng et al., "Fairness in Serving Large Language Models" (OSDI 2024).
"""

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Self


@dataclass(eq=False, slots=True)
class Ticket:
    """One question in the queue. `cost`: the service charged when it begins, in tokens."""

    asker: Hashable
    cost: float


class FairOrder:
    """At most `slots` questions in service, `per_asker` of them one asker's, and `most_waiting` behind them.

    Each asker has a counter of the service received. One who was idle is lifted to the least of those who are not:
    silence earns no credit. Of equals, the one served longest ago comes first. When all is done, all is forgotten.
    """

    def __init__(self, slots: int, *, most_waiting: int, per_asker: int) -> None:
        self.slots = slots
        self.most_waiting = most_waiting
        self.per_asker = per_asker
        self.served: dict[Hashable, float] = {}
        self.last_begun: dict[Hashable, int] = {}
        self.begun = 0
        self.waiting: dict[Hashable, deque[Ticket]] = {}
        self.serving: list[Ticket] = []

    def join(self, ticket: Ticket) -> None:
        """A question comes in."""
        active = self.waiting.keys() | {one.asker for one in self.serving}
        if not active:
            self.served.clear()
            self.last_begun.clear()
        if ticket.asker not in active:
            least = min((self.served[asker] for asker in active), default=0.0)
            self.served[ticket.asker] = max(self.served.get(ticket.asker, 0.0), least)
        self.waiting.setdefault(ticket.asker, deque()).append(ticket)

    def begin(self) -> Ticket | None:
        """The question whose service begins now; None when there is no place, or nobody who may have it."""
        in_service = Counter(one.asker for one in self.serving)
        eligible = [asker for asker in self.waiting if in_service[asker] < self.per_asker]
        if len(self.serving) >= self.slots or not eligible:
            return None
        asker = min(eligible, key=lambda one: (self.served[one], self.last_begun.get(one, -1)))
        ticket = self.waiting[asker][0]
        self.leave(ticket)
        self.serving.append(ticket)
        self.served[asker] += ticket.cost
        self.last_begun[asker] = self.begun
        self.begun += 1
        return ticket

    def overflow(self) -> Ticket | None:
        """The question to refuse when too many wait: the newest of the asker who has most of them."""
        if sum(map(len, self.waiting.values())) <= self.most_waiting:
            return None
        return max(reversed(self.waiting.values()), key=len)[-1]

    def leave(self, ticket: Ticket) -> None:
        """A question is answered, refused, or no longer asked."""
        if ticket in self.serving:
            self.serving.remove(ticket)
        elif ticket in (queue := self.waiting.get(ticket.asker, deque())):
            queue.remove(ticket)
            if not queue:
                del self.waiting[ticket.asker]

    def charge(self, asker: Hashable, tokens: float) -> None:
        """Adds service that was not known when it began."""
        if asker in self.served:
            self.served[asker] += tokens

    def places(self) -> dict[Ticket, int]:
        """For each waiting question, how many must end before it begins.

        As if all took equally long and nobody else came. At least 1 for each, once `begin` returns None.
        """
        future = self._copy()
        places: dict[Ticket, int] = {}
        ended = 0
        while future.waiting:
            ticket = future.begin()
            if ticket is not None:
                places[ticket] = ended
            else:
                future.leave(future.serving[0])
                ended += 1
        return places

    def _copy(self) -> Self:
        copy = type(self)(self.slots, most_waiting=self.most_waiting, per_asker=self.per_asker)
        copy.served = dict(self.served)
        copy.last_begun = dict(self.last_begun)
        copy.begun = self.begun
        copy.waiting = {asker: deque(queue) for asker, queue in self.waiting.items()}
        copy.serving = list(self.serving)
        return copy
