"""Faults on demand: what goes wrong with which call or event. Faults made first act first, one per call."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from tests.fakes.slack.answers import JSON, answer, too_many

Predicate = Callable[[dict[str, Any]], bool]


@dataclass(slots=True, kw_only=True)
class _Rule:
    """`nth` counts from 1 the calls this rule matches; it then acts `times` times (None: from then on always)."""

    pattern: str
    nth: int = 1
    times: int | None = 1
    where: Predicate | None = None
    chance: float | None = None
    seen: int = 0
    hits: int = 0

    def acts_on(self, name: str, content: dict[str, Any], dice: random.Random) -> bool:
        if not fnmatchcase(name, self.pattern) or (self.where is not None and not self.where(content)):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.hits >= self.times):
            return False
        if self.chance is not None and dice.random() >= self.chance:
            return False
        self.hits += 1
        return True


@dataclass(slots=True, kw_only=True)
class Fault(_Rule):
    """What happens to a call. With `done` the work is done first, and only the answer goes wrong.

    `delay` waits before that; `hold` waits until `release()`. Then one of: the connection drops, an HTTP status,
    a 429 with `retry_after` seconds, `{"ok": false, "error": ...}`, a body that is no JSON; with none, the true answer.
    """

    done: bool = False
    delay: float = 0.0
    hold: bool = False
    drop: bool = False
    status: int | None = None
    retry_after: int | None = None
    error: str | None = None
    bad_json: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _gate: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        self._gate.set()

    async def wait(self, sleep: Callable[[float], Any]) -> None:
        self.reached.set()
        if self.delay:
            await sleep(self.delay)
        if self.hold:
            await self._gate.wait()

    @property
    def outcome(self) -> str | None:
        """What the record of the call says; None where the true answer goes out."""
        if self.drop:
            return "dropped"
        if self.retry_after is not None:
            return "ratelimited"
        if self.status is not None:
            return f"http_{self.status}"
        return self.error or ("bad_json" if self.bad_json else None)

    def response(self, request: web.Request) -> web.Response:
        """What goes out instead of the true answer."""
        if self.drop and request.transport is not None:
            request.transport.abort()
        if self.retry_after is not None:
            return too_many(self.retry_after)
        if self.status is not None:
            return web.Response(status=self.status, body=b"upstream error", content_type="text/plain")
        if self.error is not None:
            return answer({"ok": False, "error": self.error})
        return web.Response(body=b'{"ok": tru', headers={"Content-Type": JSON})


@dataclass(slots=True, kw_only=True)
class EventFault(_Rule):
    """What happens to an event: never sent, sent `duplicate` more times, sent `delay` seconds late,
    or sent after `reorder` later events (or half a second, when none come)."""

    drop: bool = False
    duplicate: int = 0
    delay: float = 0.0
    reorder: int = 0


class Faults:
    """`slack.faults`. Method names may hold `*`; "files", "response_url" and "link" stand for what is no method."""

    def __init__(self, seed: int = 0) -> None:
        self._dice = random.Random(seed)
        self._calls: list[Fault] = []
        self._events: list[EventFault] = []

    def on(self, method: str, **what: Any) -> Fault:
        fault = Fault(pattern=method, **what)
        self._calls.append(fault)
        return fault

    def on_event(self, event_type: str, **what: Any) -> EventFault:
        """`event_type` is like "message" or "app_mention"; `where` sees the inner event."""
        fault = EventFault(pattern=event_type, **what)
        self._events.append(fault)
        return fault

    def clear(self) -> None:
        for fault in self._calls:
            fault.release()
        self._calls.clear()
        self._events.clear()

    def for_call(self, method: str, args: dict[str, Any]) -> Fault | None:
        return next((fault for fault in self._calls if fault.acts_on(method, args, self._dice)), None)

    def for_event(self, event: dict[str, Any]) -> EventFault | None:
        return next((fault for fault in self._events if fault.acts_on(event["type"], event, self._dice)), None)
