"""The messages of one conversation: sorted once, read by bisection, so that 50,000 of them page quickly."""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import Any

Message = dict[str, Any]
TS = re.compile(r"\d{10}\.\d{6}", re.ASCII)
"""With ten digits before the point, times sort as text."""
_SHOWN_REPLIERS = 5


class Log:
    """Messages by time. `order` is what `conversations.history` lists: no replies, unless also sent to the channel."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.order: list[str] = []
        self.threads: dict[str, list[str]] = {}

    def add(self, message: Message) -> None:
        ts = message["ts"]
        if not TS.fullmatch(ts) or ts in self.messages:
            raise ValueError(f"{ts!r} is no message time, or is taken")
        self.messages[ts] = message
        parent = message.get("thread_ts", ts)
        if parent != ts:
            insort(self.threads.setdefault(parent, []), ts)
        if parent == ts or message.get("subtype") == "thread_broadcast":
            insort(self.order, ts)

    def add_many(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.add(message)

    def remove(self, ts: str) -> Message:
        message = self.messages.pop(ts)
        for times in (self.order, self.threads.get(message.get("thread_ts", ts), [])):
            place = bisect_left(times, ts)
            if place < len(times) and times[place] == ts:
                del times[place]
        return message

    def replies_of(self, ts: str) -> list[str]:
        return self.threads.get(ts, [])

    def parent_of(self, ts: str) -> str | None:
        """The first message of the thread that a message stands in, maybe itself; None when one of them is gone."""
        message = self.messages.get(ts)
        if message is None:
            return None
        parent = message.get("thread_ts", ts)
        return parent if parent in self.messages else None

    def shown(self, message: Message, *, metadata: bool = False) -> Message:
        """A message as Slack hands it out: with the figures of its thread, without what was not asked for."""
        copy = dict(message)
        if not metadata:
            copy.pop("metadata", None)
        replies = self.replies_of(message["ts"])
        if replies or message.get("subtype") == "tombstone":
            users = list(dict.fromkeys(self.messages[ts].get("user", "") for ts in replies))
            copy |= {
                "thread_ts": message["ts"],
                "reply_count": len(replies),
                "reply_users_count": len(users),
                "latest_reply": replies[-1] if replies else "0000000000.000000",
                "reply_users": users[:_SHOWN_REPLIERS],
                "is_locked": False,
                "subscribed": False,
            }
        return copy


def window(times: list[str], oldest: str, latest: str, *, inclusive: bool) -> tuple[int, int]:
    """Where in sorted `times` the messages between two bounds begin and end; a bound of "" leaves that side open."""
    low, high = 0, len(times)
    if oldest:
        low = (bisect_left if inclusive else bisect_right)(times, oldest)
    if latest:
        high = (bisect_right if inclusive else bisect_left)(times, latest)
    return low, max(low, high)
