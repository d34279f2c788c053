"""Short ways to say who said what, for tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from knowledge.messages import Channel, ChannelRef, Deleted, MessageRef, PersonRef, Posted, SourceMessage, Version
from knowledge.messages import Visibility as Vis

WORKSPACE = "tidepool"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def channel(name: str) -> ChannelRef:
    return ChannelRef("test", WORKSPACE, name)


def person(name: str) -> PersonRef:
    return PersonRef("test", WORKSPACE, name)


def described(name: str, visibility: Vis = Vis.PUBLIC, **more) -> Channel:
    return Channel(channel(name), name, visibility, **more)


def said(
    message_id: str,
    text: str,
    *,
    where: str = "general",
    who: str = "quince",
    minute: float | None = 0,
    thread: str | None = None,
    edited: int = 0,
    event: int = 0,
    seq: int | None = None,
) -> Posted:
    at = None if minute is None else START + timedelta(minutes=minute)
    ref = MessageRef(channel(where), message_id)
    version = Version(Decimal(edited), Decimal(event))
    link = f"https://tidepool.example/{where}/{message_id}"
    return Posted(SourceMessage(ref, text, person(who), who, at, seq, thread, link, version))


def deleted(message_id: str, where: str = "general") -> Deleted:
    return Deleted(MessageRef(channel(where), message_id))
