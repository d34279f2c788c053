"""The queue in front of the model: bounded, fair between askers, and nobody in it waits in the dark."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from bot.errors import QueueFull
from bot.fairness import FairOrder, Ticket

log = structlog.get_logger()

OnPlace = Callable[[int], Awaitable[None]]


class FairQueue:
    """Turns at the model for the questions of this process. See `FairOrder` for whose is next.

    `slots`: how many turns there are now; a model that is loaded later may have more than was thought.
    """

    def __init__(self, slots: Callable[[], int], *, most_waiting: int = 64, per_asker: int = 2) -> None:
        self._slots = slots
        self._order = FairOrder(slots(), most_waiting=most_waiting, per_asker=per_asker)
        self._turns: dict[Ticket, _Turn] = {}

    @asynccontextmanager
    async def turn(self, asker: Hashable, *, cost: float = 1.0, on_place: OnPlace | None = None) -> AsyncIterator[None]:
        """Waits for a turn and holds it for the block.

        `cost` is charged as the turn begins, in tokens. `on_place` hears at once, and whenever it changes, how many
        questions must end before this one begins; 0 when it does. It is never called twice at a time, nobody waits
        for it, and its errors are logged. By the end of the block it has returned.
        Errors: `QueueFull`, to the newest question of the asker who has most of them waiting.
        """
        turn = _Turn(Ticket(asker, cost))
        self._turns[turn.ticket] = turn
        self._order.join(turn.ticket)
        self._advance()
        telling = asyncio.create_task(turn.tell(on_place))
        try:
            await turn.begun
            yield
        except asyncio.CancelledError:
            telling.cancel()
            raise
        finally:
            self._order.leave(turn.ticket)
            self._turns.pop(turn.ticket, None)
            self._advance()
            await telling

    def charge(self, asker: Hashable, tokens: float) -> None:
        """Adds service that was not known when the turn began."""
        self._order.charge(asker, tokens)
        self._tell_places()

    def _advance(self) -> None:
        self._order.slots = self._slots()
        while (ticket := self._order.begin()) is not None:
            self._turns[ticket].begin()
        while (ticket := self._order.overflow()) is not None:
            self._order.leave(ticket)
            self._turns.pop(ticket).refuse()
        self._tell_places()

    def _tell_places(self) -> None:
        for ticket, place in self._order.places().items():
            self._turns[ticket].move(place)


@dataclass(eq=False, slots=True)
class _Turn:
    ticket: Ticket
    begun: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    place: int | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def move(self, place: int | None) -> None:
        self.place = place
        self.moved.set()

    def begin(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)
        self.move(0)

    def refuse(self) -> None:
        if not self.begun.done():
            self.begun.set_exception(QueueFull())
        self.move(None)

    async def tell(self, on_place: OnPlace | None) -> None:
        """Tells the latest place until the turn begins or is refused."""
        told = -1
        while on_place is not None and told != 0:
            self.moved.clear()
            if self.place is None:
                return
            if self.place != told:
                told = self.place
                try:
                    await on_place(told)
                except Exception as error:
                    log.info("place_untold", exc_info=error)
            else:
                await self.moved.wait()
