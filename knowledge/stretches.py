"""A stretch of talk, a thread or a channel since a date: what a summary is made from. No I/O."""

from dataclasses import dataclass

from knowledge.passages import Line


@dataclass(frozen=True, slots=True)
class Remark:
    """One message of a stretch. `thread` is the same for all messages of a thread; one of open talk has its own."""

    line: Line
    thread: str
    reactions: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was said, oldest first. The counts are of the whole stretch, `remarks` of its newest part if it is long."""

    remarks: tuple[Remark, ...] = ()
    messages: int = 0
    people: int = 0
    threads: int = 0
