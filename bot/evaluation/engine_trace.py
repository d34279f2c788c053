"""What a run of the engine looked like: its trace (see `bot.generation.trace`) as rows of a picture. No I/O."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Read:
    """Part of a prompt, read in one step."""

    began: float
    ended: float
    tokens: int


@dataclass(slots=True)
class Row:
    """One request. Times in seconds from the beginning of the run.

    `copied`: so many tokens of its prompt were put into its sequence instead of read; `left` None: it was still there.
    """

    request_id: str
    taken: float
    sequence: int = -1
    copied: int = 0
    reads: list[Read] = field(default_factory=list)
    wrote: list[float] = field(default_factory=list)
    preempted: list[float] = field(default_factory=list)
    left: float | None = None

    @property
    def admitted(self) -> float | None:
        """When its first step began."""
        return self.reads[0].began if self.reads else None


@dataclass(frozen=True, slots=True)
class Step:
    """One step: tokens of prompts, and tokens that were written."""

    began: float
    ended: float
    read: int
    written: int


@dataclass(frozen=True, slots=True)
class Run:
    """Requests in order of arrival, and steps in order."""

    rows: tuple[Row, ...]
    steps: tuple[Step, ...]


def run_of(lines: Iterable[str]) -> Run:
    """A trace in order. Requests that took no step, such as counting, are left out, and so are cut lines."""
    rows: dict[str, Row] = {}
    steps: list[Step] = []
    notes = list(_notes(lines))
    zero: float = min((note.get("at", note.get("from", 0.0)) for note in notes), default=0.0)
    for note in notes:
        if "taken" in note:
            rows[note["taken"]] = Row(note["taken"], note["at"] - zero)
        elif "left" in note:
            if note["left"] in rows:
                rows[note["left"]].left = note["at"] - zero
        else:
            steps.append(_step(rows, note, zero))
    return Run(tuple(row for row in rows.values() if row.reads), tuple(one for one in steps if one.read or one.written))


def _step(rows: dict[str, Row], note: dict[str, Any], zero: float) -> Step:
    began, ended = note["from"] - zero, note["to"] - zero
    read = written = 0
    for request_id in note["preempted"]:
        if request_id in rows:
            rows[request_id].preempted.append(began)
    for request_id, slot, start, count, ends in note["slices"]:
        row = rows.get(request_id)
        if row is None:  # from before the trace was emptied: its last step is written down when it has its answer
            continue
        row.sequence = slot
        if row.left is not None:  # it left in this very step, which is written down when it ends
            row.left = max(row.left, ended)
        is_writing = count == 1 and bool(row.wrote)
        if not row.reads:
            row.copied = start
        if is_writing:
            written += 1
        else:
            row.reads.append(Read(began, ended, count))
            read += count
        if ends:
            row.wrote.append(ended)
    return Step(began, ended, read, written)


def _notes(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            return
