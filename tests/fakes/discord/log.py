"""The messages of one channel: sorted once, read by bisection, so that 50,000 of them page quickly."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any


class Log:
    """Messages by id. Ids sort by time."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self._order: list[int] = []

    def add(self, message: dict[str, Any]) -> None:
        self.messages[message["id"]] = message
        insort(self._order, int(message["id"]))

    def remove(self, message_id: str) -> dict[str, Any]:
        message = self.messages.pop(message_id)
        del self._order[bisect_left(self._order, int(message_id))]
        return message

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Oldest first."""
        return (self.messages[str(number)] for number in self._order)

    def page(
        self, limit: int, *, before: int | None = None, after: int | None = None, around: int | None = None
    ) -> list[dict[str, Any]]:
        """At most `limit` messages, newest first: the newest, those just before or just after an id, or around it.

        The id itself is left out, except by `around`.
        """
        order = self._order
        if around is not None:
            middle = bisect_left(order, around)
            low = max(0, middle - limit // 2)
            chosen = order[low : low + limit]
        elif after is not None:
            low = bisect_right(order, after)
            chosen = order[low : low + limit]
        else:
            high = bisect_left(order, before) if before is not None else len(order)
            chosen = order[max(0, high - limit) : high]
        return [self.messages[str(number)] for number in reversed(chosen)]
