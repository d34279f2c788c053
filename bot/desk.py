"""The front desk: everything an adapter is given, and what is asked of an adapter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp.web import RouteDef

from bot.answers import Answers
from bot.clerk import Clerk
from bot.conversation import Delivery
from bot.ports import DocumentReader, Inbox, Platform
from bot.upkeep import Upkeep
from knowledge.ports import HistorySource, MembershipSource


@dataclass(frozen=True, slots=True)
class Desk:
    """Accepts deliveries, takes questions, carries out orders, takes in what happened."""

    inbox: Inbox
    answers: Answers
    clerk: Clerk
    upkeep: Upkeep
    documents: DocumentReader


class ChatAdapter(HistorySource, MembershipSource, Protocol):
    """A connected platform as the application runs it."""

    name: str

    @property
    def platform(self) -> Platform:
        """Its side of answers."""
        ...

    @property
    def routes(self) -> Sequence[RouteDef]:
        """What it wants to be called at, by the bot's own web server."""
        ...

    async def open(self, desk: Desk) -> None:
        """Finds out who we are there. Errors: `BadConfiguration`, `SourceUnavailable`."""
        ...

    async def run(self) -> None:
        """Receives events until cancelled."""
        ...

    async def close(self) -> None:
        """Ends what still runs."""
        ...

    async def handle(self, delivery: Delivery) -> None:
        """Handles a delivery from the inbox."""
        ...
