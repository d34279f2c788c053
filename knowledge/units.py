"""Cuts talk into units: what is embedded, and what a search returns. This file performs no I/O.

A *family* is what is cut in one go: a thread, a day of open talk in a channel, or one undated
message. A unit is a passage of it: neighbouring lines, speaker by speaker.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

# A passage is read by people and by a small model, and an embedding of 512 tokens holds no more.
MAX_LINES = 10
MAX_CHARS = 1_200
# A new passage begins with the last lines of the one before: an answer rarely heeds our cuts.
OVERLAP_LINES = 2
# Where open talk rests this long, the next message begins something new (tuned on IRC later).
BURST_GAP_SECONDS = 300
# Chinese says in one character what English says in about three; the embedding counts both as tokens.
CJK_CHAR_COST = 2.5
# A text that a model fails on is sent to it so often, then never again.
EMBED_TRIES = 5
# Undated talk that only knows its order is cut into stretches of this many numbers.
SEQ_FAMILY = 200

_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Said:
    """A stored message as far as cutting goes. `thread_root`: others answer it in a thread."""

    message_pk: int
    message_id: str
    author: str
    text: str
    thread_id: str | None
    posted_at: datetime | None
    seq: int | None


@dataclass(frozen=True, slots=True)
class UnitLine:
    """One message, or a part of a long one, inside a unit: characters `begin` to `end`."""

    message_pk: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A passage to embed: its lines, and the text that the model sees."""

    lines: tuple[UnitLine, ...]
    text: str
    starts_at: datetime | None

    @property
    def text_hash(self) -> bytes:
        """What tells whether the text must be embedded again."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()


def family_of(message_id: str, thread_id: str | None, posted_at: datetime | None, seq: int | None) -> str:
    """The name of the family a message belongs to: what becomes dirty when it changes."""
    if thread_id is not None:
        return f"thread:{thread_id}"
    if posted_at is not None:
        return f"day:{posted_at.astimezone(UTC):%Y-%m-%d}"
    if seq is not None:
        return f"seq:{seq // SEQ_FAMILY}"
    return f"message:{message_id}"


def units_of(messages: Sequence[Said], *, channel_name: str) -> list[Unit]:
    """The units of one family. `messages` are in the order in which they were said.

    Open talk is cut where it rests for `BURST_GAP_SECONDS`; threads are kept whole; what is longer
    than a passage is split with overlap.
    """
    units: list[Unit] = []
    for burst in _bursts(messages):
        units.extend(_unit(piece, channel_name) for piece in _split(burst))
    return units


def _bursts(messages: Sequence[Said]) -> list[list[Said]]:
    bursts: list[list[Said]] = []
    for said in messages:
        if not said.text.strip():
            continue
        before = bursts[-1][-1] if bursts else None
        if before is None or _rests_between(before, said):
            bursts.append([])
        bursts[-1].append(said)
    return bursts


def _rests_between(before: Said, after: Said) -> bool:
    if after.thread_id is not None or before.posted_at is None or after.posted_at is None:
        return False
    return (after.posted_at - before.posted_at).total_seconds() > BURST_GAP_SECONDS


_Piece = tuple[Said, int, int]


def _split(burst: Sequence[Said]) -> list[list[_Piece]]:
    """Passages of at most MAX_LINES pieces and MAX_CHARS cost, overlapping where they are short."""
    pieces = [piece for said in burst for piece in _pieces(said)]
    costs = [_cost(said.text[begin:end]) + len(said.author) + 2 for said, begin, end in pieces]
    passages: list[list[_Piece]] = []
    start = 0
    while start < len(pieces):
        end, total = start, 0.0
        while end < len(pieces) and end - start < MAX_LINES and (end == start or total + costs[end] <= MAX_CHARS):
            total += costs[end]
            end += 1
        passages.append(pieces[start:end])
        if end == len(pieces):
            break
        start = max(start + 1, end - min(OVERLAP_LINES, (end - start) // 2))
    return passages


def _pieces(said: Said) -> list[_Piece]:
    """A message in one piece, or cut at white space where it is longer than a passage."""
    text, begin = said.text, 0
    pieces: list[_Piece] = []
    while begin < len(text):
        end = begin + _fitting(text, begin)
        if end < len(text):
            blank = max(text.rfind(mark, begin + (end - begin) // 2, end) for mark in "\n .。！？")
            end = blank + 1 if blank > begin else end
        pieces.append((said, begin, end))
        begin = end
    return pieces


def _fitting(text: str, begin: int) -> int:
    window = text[begin : begin + MAX_CHARS]
    cost = _cost(window)
    return len(window) if cost <= MAX_CHARS else max(1, int(len(window) * MAX_CHARS / cost))


def _cost(text: str) -> float:
    if text.isascii():
        return len(text)
    return len(text) + (CJK_CHAR_COST - 1) * len(_CJK.findall(text))


def _unit(pieces: Sequence[_Piece], channel_name: str) -> Unit:
    starts_at = pieces[0][0].posted_at
    header = f"#{channel_name}" + (f", {starts_at.astimezone(UTC):%Y-%m-%d}" if starts_at else "")
    labelled = [labelled_line(said.author, said.text[begin:end]) for said, begin, end in pieces]
    return Unit(
        lines=tuple(UnitLine(said.message_pk, begin, end) for said, begin, end in pieces),
        text="\n".join([header, *labelled]),
        starts_at=starts_at,
    )


def labelled_line(author: str, text: str) -> str:
    """`name: text`, on one line. Questions name people, so the speaker is part of what is searched."""
    flat = " ".join(text.split())
    return f"{author}: {flat}" if author else flat
