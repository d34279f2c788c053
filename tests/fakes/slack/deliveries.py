"""Events on their way to the app: the outer envelope, the order of sending, and what became of each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.channel import Channel
from tests.fakes.slack.faults import EventFault

if TYPE_CHECKING:
    from tests.fakes.slack.events_api import RequestUrl
    from tests.fakes.slack.installation import Installation

_REORDER_SECONDS = 0.5
_PLURALS = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
_SCOPES = {f"message.{plural}": f"{plural}:history" for plural in _PLURALS.values()} | {
    "app_mention": "app_mentions:read",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "user_change": "users:read",
}


@dataclass(slots=True)
class Delivery:
    """One event or interaction.

    `state`: queued, sent, acked, lost (nobody was connected), failed (retries used up) or dropped (by a fault).

    `kind` is the envelope's: events_api, slash_commands or interactive.
    """

    kind: str
    payload: dict[str, Any]
    team: str
    state: str = "queued"
    attempts: int = 0
    retry_reason: str = ""
    response: Any = None
    on_answer: Callable[[Any], None] | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def event_id(self) -> str:
        return self.payload.get("event_id", "")

    @property
    def event(self) -> dict[str, Any]:
        return self.payload.get("event", {})

    def finish(self, state: str, response: Any = None) -> None:
        self.state = state
        self.response = response
        if self.on_answer is not None and response:
            self.on_answer(response)
        self.done.set()

    def again(self) -> "Delivery":
        """The same event, sent as if for the first time."""
        return Delivery(self.kind, self.payload, self.team)


@dataclass(frozen=True, slots=True)
class Ack:
    """One answer of the app. `latency` in seconds since that attempt was sent; `late` after the deadline."""

    team: str
    kind: str
    event_id: str
    attempt: int
    latency: float
    late: bool
    status: int
    payload: Any


class Outbox:
    """The events of one workspace, sent in order unless a fault says otherwise."""

    def __init__(self, workspace: "Installation") -> None:
        self._workspace = workspace
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._settled = 0
        self._held: list[tuple[list[int], Delivery]] = []
        self._pump: asyncio.Task[None] | None = None
        self.deliveries: list[Delivery] = []
        self.subscriptions: set[str] | None = None
        """Names as in a manifest, like "message.channels" or "app_mention"; None for all."""
        self.request_url: RequestUrl | None = None
        """Where events go by HTTP; None for Socket Mode."""

    def emit(self, event: dict[str, Any], channel: Channel | None = None) -> Delivery | None:
        """Puts an event in its envelope and queues it; None when the app is not subscribed to it."""
        if not self._is_wanted(event):
            return None
        workspace = self._workspace
        number = workspace.server.number()
        event.setdefault("event_ts", workspace.clock.ts())
        payload = {
            "token": workspace.verification_token,
            "team_id": workspace.team_id,
            "context_team_id": workspace.team_id,
            "context_enterprise_id": None,
            "api_app_id": workspace.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{number:010d}",
            "event_time": int(workspace.clock.now()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": workspace.team_id,
                    "user_id": workspace.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": bool(channel and channel.ext_shared),
            "event_context": f"4-{number}",
        }
        workspace.server.check_event(payload)
        return self.push(Delivery("events_api", payload, workspace.team_id))

    def push(self, delivery: Delivery) -> Delivery:
        """Queues anything that goes to the app, an old event once more included."""
        self.deliveries.append(delivery)
        self._queue.put_nowait(delivery)
        if self._pump is None:
            self._pump = self._workspace.server.spawn(self._run())
        return delivery

    def is_settled(self) -> bool:
        """Whether every event was acked, or given up. What has settled stays so, and is not looked at again."""
        while self._settled < len(self.deliveries) and self.deliveries[self._settled].done.is_set():
            self._settled += 1
        return self._settled == len(self.deliveries)

    def _is_wanted(self, event: dict[str, Any]) -> bool:
        name = event["type"]
        if name == "message":
            name = f"message.{_PLURALS[event['channel_type']]}"
        scope = _SCOPES.get(name)
        subscribed = self.subscriptions is None or name in self.subscriptions
        return subscribed and (scope is None or scope in self._workspace.scopes)

    async def _run(self) -> None:
        while True:
            delivery = await self._queue.get()
            fault = self._workspace.server.faults.for_event(delivery.event) if delivery.event else None
            await (self._send_faulty(delivery, fault) if fault else self._send(delivery))
            await self._count_down()

    async def _send(self, delivery: Delivery) -> None:
        if self.request_url is not None:
            await self.request_url.send(delivery)
        else:
            await self._workspace.server.socket_mode.send(delivery, self._workspace.app_token)

    async def _send_faulty(self, delivery: Delivery, fault: EventFault) -> None:
        if fault.drop:
            delivery.finish("dropped")
        elif fault.reorder:
            held = ([fault.reorder + 1], delivery)
            self._held.append(held)
            self._workspace.clock.call_later(_REORDER_SECONDS, lambda: self._spawn(self._release(held)))
        elif fault.delay:
            self._workspace.clock.call_later(fault.delay, lambda: self._spawn(self._send(delivery)))
        else:
            await self._send(delivery)
            for _ in range(fault.duplicate):
                self.deliveries.append(delivery.again())
                await self._send(self.deliveries[-1])

    async def _count_down(self) -> None:
        for held in list(self._held):
            held[0][0] -= 1
            if held[0][0] == 0:
                await self._release(held)

    async def _release(self, held: tuple[list[int], Delivery]) -> None:
        if held in self._held:
            self._held.remove(held)
            await self._send(held[1])

    def _spawn(self, work: Awaitable[None]) -> None:
        self._workspace.server.spawn(work)
