"""The inbox in this process: the port's semantics, without PostgreSQL."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bot.conversation import Delivery
from bot.ports import DeliveryHandler
from knowledge.errors import KnowledgeUnavailable, SourceUnavailable


@dataclass(slots=True)
class Kept:
    delivery: Delivery
    received_at: float = field(default_factory=time.monotonic)
    due_at: float = 0.0
    tries: int = 0
    is_running: bool = False
    is_finished: bool = False
    reason: str | None = None


class FakeInbox:
    """Deliveries in a dictionary. Set `is_away` to play an outage of the store."""

    def __init__(self, *, workers: int = 16, retry_seconds: Sequence[float] = (1.0, 4.0, 16.0, 60.0)) -> None:
        self.is_away = False
        self.kept: dict[tuple[str, str, str], Kept] = {}
        self._workers = workers
        self._retry_seconds = tuple(retry_seconds)
        self._news = asyncio.Event()

    async def accept(self, delivery: Delivery) -> bool:
        if self.is_away:
            raise KnowledgeUnavailable("The inbox is away.")
        key = (delivery.platform, delivery.workspace, delivery.delivery_id)
        if key in self.kept:
            return False
        self.kept[key] = Kept(replace(delivery, payload=json.loads(json.dumps(delivery.payload))))
        self._news.set()
        return True

    async def run(self, handlers: Mapping[str, DeliveryHandler]) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                for one in self._due(handlers)[: self._workers - len(running)]:
                    one.is_running = True
                    task = asyncio.create_task(self._handle(one, handlers[one.delivery.platform]))
                    running.add(task)
                    task.add_done_callback(running.discard)
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await self._news.wait()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def waiting(self) -> int:
        return len(self._waiting())

    async def lag_seconds(self) -> float:
        return max((time.monotonic() - one.received_at for one in self._waiting()), default=0.0)

    async def _handle(self, one: Kept, handler: DeliveryHandler) -> None:
        try:
            await handler(one.delivery)
        except (KnowledgeUnavailable, SourceUnavailable):
            age = time.monotonic() - one.received_at
            one.due_at = time.monotonic() + min(max(age, 1.0), 60.0)
        except Exception as error:  # noqa: BLE001 - a handler may raise anything
            one.tries += 1
            if one.tries > len(self._retry_seconds):
                one.is_finished, one.reason = True, type(error).__name__
            else:
                one.due_at = time.monotonic() + self._retry_seconds[one.tries - 1]
        else:
            one.is_finished = True
        finally:
            one.is_running = False
            self._news.set()

    def _waiting(self) -> list[Kept]:
        return [one for one in self.kept.values() if not one.is_finished]

    def _due(self, handlers: Mapping[str, DeliveryHandler]) -> list[Kept]:
        now = time.monotonic()
        return [
            one
            for one in self._waiting()
            if not one.is_running and one.due_at <= now and one.delivery.platform in handlers
        ]
