"""The road of an event from the world to the sessions: who gets it, and what a fault makes of it on the way."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.audience import Audience
from tests.fakes.discord.sessions import Session
from tests.fakes.slack.clock import Clock
from tests.fakes.slack.faults import Faults

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

REORDER_SECONDS = 0.5


@dataclass(slots=True, eq=False)
class _Held:
    """An event that is to be overtaken by `left` later ones."""

    left: int
    send: Callable[[], None]


class Outbox:
    """`sessions` by id. An event is made into text at once, since what it tells of may change before it is sent."""

    def __init__(self, world: "World", clock: Clock, faults: Faults) -> None:
        self._world = world
        self._clock = clock
        self._faults = faults
        self._audience = Audience(world)
        self._held: list[_Held] = []
        self._late = 0
        self.sessions: dict[str, Session] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no fault holds an event back."""
        return not self._held and not self._late

    def emit(self, event: str, data: dict[str, Any], guild: str | None = None, channel: str | None = None) -> None:
        """Hears every change of the world. `where` of an EventFault sees the data, with the event's name as "type"."""
        copies = [
            (session, json.dumps(self._audience.shown(session, event, data, guild)))
            for session in self.sessions.values()
            if self._audience.sees(session, event, data, guild, channel)
        ]
        if not copies:
            return
        fault = self._faults.for_event({**data, "type": event})

        def send() -> None:
            for session, text in copies:
                session.add(event, text)

        if fault is None:
            send()
        elif fault.drop:
            pass
        elif fault.reorder:
            self._hold(_Held(fault.reorder + 1, send))
        elif fault.delay:
            self._late += 1
            self._clock.call_later(fault.delay, lambda: self._send_late(send))
        else:
            for _ in range(1 + fault.duplicate):
                send()
        self._count_down()

    def tell(self, session: Session, event: str, data: dict[str, Any]) -> None:
        """An event for one session alone, which no fault touches: READY, RESUMED, chunks of members."""
        guild = data["id"] if event == "GUILD_CREATE" else None
        session.add(event, json.dumps(self._audience.shown(session, event, data, guild)))

    def _hold(self, held: _Held) -> None:
        self._held.append(held)
        self._clock.call_later(REORDER_SECONDS, lambda: self._release(held))

    def _count_down(self) -> None:
        for held in list(self._held):
            held.left -= 1
            if held.left == 0:
                self._release(held)

    def _release(self, held: _Held) -> None:
        if held in self._held:
            self._held.remove(held)
            held.send()

    def _send_late(self, send: Callable[[], None]) -> None:
        self._late -= 1
        send()
