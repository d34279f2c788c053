"""One interaction: what a person did, how the bot took it, and what the person sees of the answer."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.discord.payloads import Json
from tests.fakes.discord.sending import EPHEMERAL, LOADING

if TYPE_CHECKING:
    from tests.fakes.discord.callbacks import Callbacks

COMMAND, COMPONENT, MODAL_SUBMIT = 2, 3, 5
ANSWER_SECONDS, TOKEN_SECONDS = 3.0, 15 * 60.0
_GLANCE_SECONDS = 0.05


@dataclass(slots=True, eq=False)
class Interaction:
    """Times are seconds of the clock. `origin` is the message whose button was pressed, "" for a command."""

    world: "Callbacks" = field(repr=False)
    payload: Json = field(repr=False)
    user: str
    channel: str
    at: float
    origin: str = ""
    opener: "Interaction | None" = field(default=None, repr=False)
    """The interaction that opened the modal which this one submits."""
    callback: int | None = None
    """The type of the bot's first response: 4 message, 5 and 6 deferred, 7 update, 9 modal."""
    acknowledged_after: float | None = None
    original: str = ""
    """The id of the message that `@original` means."""
    follow_ups: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    """The ids of the messages that got content through this interaction, in order, each once."""
    modal: Json | None = None
    """The modal that the bot opened, until it is submitted."""
    changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def id(self) -> str:
        return self.payload["id"]

    @property
    def token(self) -> str:
        return self.payload["token"]

    @property
    def kind(self) -> int:
        return self.payload["type"]

    @property
    def deferred_after(self) -> float | None:
        """After how many seconds the bot deferred; None when it did not."""
        return self.acknowledged_after if self.callback in {5, 6} else None

    @property
    def has_failed(self) -> bool:
        """Whether the person reads "The application did not respond"."""
        return self.callback is None and self.world.clock.now() - self.at > ANSWER_SECONDS

    @property
    def has_expired(self) -> bool:
        return self.world.clock.now() - self.at > TOKEN_SECONDS

    @property
    def ephemeral(self) -> bool | None:
        """Whether only this person sees the first response; None before there is one."""
        message = self._message(self.original)
        return None if message is None else bool(message["flags"] & EPHEMERAL)

    @property
    def messages(self) -> list[Json]:
        """The original and the follow-ups as they are now, without those that were deleted."""
        found = (self._message(message) for message in (self.original, *self.follow_ups))
        return [message for message in found if message is not None]

    async def answer(self, timeout: float = 30.0) -> Json:
        """The first message with content, or the modal that was opened. Errors: TimeoutError, also for a failed one."""
        async with asyncio.timeout(timeout):
            while (found := self._first()) is None:
                if self.has_failed:
                    raise TimeoutError("the application did not respond")
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), _GLANCE_SECONDS)
            return found

    def note(self, message: str) -> None:
        """A message of this interaction has content now."""
        if message not in self.answered:
            self.answered.append(message)

    def _first(self) -> Json | None:
        """A message that changed is asked for anew, so that an old dictionary cannot be mistaken for its state."""
        if self.modal is not None:
            return self.modal
        found = (self._message(message) for message in self.answered)
        return next((message for message in found if message and not message["flags"] & LOADING), None)

    def _message(self, message: str) -> Json | None:
        if message in self.world.ephemerals:
            return self.world.shown(self.world.ephemerals[message][1])
        log = self.world.logs.get(self.channel)
        return self.world.shown(log.messages[message]) if log and message in log.messages else None
