"""What the knowledge base asks of others. No I/O here; adapters and wiring fill these in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from knowledge.messages import Change, Channel, ChannelRef, Entry, Members, Person, PersonRef


class Export(Protocol):
    """A file of history from a platform.

    `entries` yields channels and people before the messages that name them, as far as the format
    allows, and a `Problem` for whatever could not be used; it raises `UnreadableSource` only when
    nothing can be read at all. `bytes_total` and `bytes_read` drive the progress bar.
    """

    name: str
    bytes_total: int

    @property
    def bytes_read(self) -> int:
        """How far reading is."""

    def entries(self) -> Iterator[Entry]:
        """Everything in the file, in order."""
        ...


class EmbeddingModel(Protocol):
    """Turns texts into vectors. The name and the dimension are part of the index.

    Shapes: n texts in, n vectors of `dimension` floats out, each of length 1.
    Errors: `EmbeddingUnavailable`.
    """

    name: str
    dimension: int

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Vectors of texts that may be found."""
        ...

    async def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        ...


class Reranker(Protocol):
    """Reads a question beside each text and says how well the text answers it.

    Shapes: n texts in, n numbers out. Units: the model's own; more is better, and numbers of one call can be compared.
    Errors: `RerankerUnavailable`.
    """

    name: str

    async def relevance(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question."""
        ...


@dataclass(frozen=True, slots=True)
class Thread:
    """What a channel's history says of one thread: how many replies it has, and the id of the last one."""

    thread_id: str
    replies: int
    latest_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a channel's history, or of one thread.

    `cursor` None: there is nothing older (in a thread: nothing newer). `covers` is the stretch of time of which the
    page lists everything, both ends included; None where it cannot promise that. `threads` are those whose first
    message is on the page. `note`: a sentence for the admin, such as that the platform slows this app down.
    """

    changes: tuple[Change, ...]
    cursor: str | None = None
    covers: tuple[datetime, datetime] | None = None
    threads: tuple[Thread, ...] = ()
    note: str = ""


class HistorySource(Protocol):
    """A connected platform's past, newest first. Waits as long as the platform says, and lets live traffic go first.

    Errors: `ChannelUnreadable` when the bot may not read it (any more), `SourceUnavailable` for everything passing.
    """

    async def history(self, channel: ChannelRef, cursor: str | None, since: datetime | None) -> Page:
        """Messages of a channel without the replies in threads, newest first, back to `since`."""
        ...

    async def thread(self, channel: ChannelRef, thread_id: str, cursor: str | None) -> Page:
        """A thread's first message and its replies, oldest first."""
        ...


class MembershipSource(Protocol):
    """Who is who and who is where, asked of a connected platform now.

    Errors: `ChannelUnreadable`, `SourceUnavailable`.
    """

    async def members(self, channel: ChannelRef) -> Members:
        """Everybody in a channel."""
        ...

    async def person(self, ref: PersonRef) -> Person:
        """One account."""
        ...

    async def channel(self, ref: ChannelRef) -> Channel:
        """One channel."""
        ...
