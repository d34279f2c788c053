"""What a search finds: passages made of lines. No I/O."""

from dataclasses import dataclass
from datetime import datetime

from knowledge.messages import MessageRef


@dataclass(frozen=True, slots=True)
class Line:
    """One message inside a passage: what a citation points to. `score` ranks it among all lines."""

    message_pk: int
    rev: int
    ref: MessageRef
    channel_pk: int
    channel_name: str
    author: str
    text: str
    posted_at: datetime | None
    permalink: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring lines of one channel that belong together, at most ten or 1,200 characters.

    `cosine` is the similarity of the whole passage to the question (None: not embedded yet);
    `coverage` is the share, weighed by rarity, of the question's words that the passage holds.
    """

    channel_pk: int
    channel_name: str
    lines: tuple[Line, ...]
    score: float
    cosine: float | None = None
    coverage: float = 0.0
