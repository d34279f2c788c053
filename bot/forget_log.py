"""Orders to forget, kept outside the database too: a backup knows nothing of those that came after it was made.

The log is a file of the home: ids, never a word that anybody wrote. Each order is a line, written before it is carried
out.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import structlog

from knowledge.messages import ChannelRef, MessageRef, PersonRef

log = structlog.get_logger()

CHANNEL, PERSON, MESSAGE, OPT_OUT, OPT_IN = "channel", "person", "message", "opt-out", "opt-in"


@dataclass(frozen=True, slots=True)
class ForgetOrder:
    """One order. `messages` are those it was found to mean, so that they are kept out even where they are unknown."""

    order_id: str
    kind: str
    channel: ChannelRef | None = None
    person: PersonRef | None = None
    messages: tuple[MessageRef, ...] = ()


class ForgetLog:
    """The file. Several processes may write to it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(
        self,
        kind: str,
        *,
        channel: ChannelRef | None = None,
        person: PersonRef | None = None,
        messages: Sequence[MessageRef] = (),
    ) -> str:
        """Writes an order down and returns its id. Where the file cannot be written, forgetting goes on without."""
        order_id = str(uuid4())
        line = {
            "order": order_id,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "kind": kind,
            "channel": _channel(channel) if channel else None,
            "person": [person.platform, person.workspace, person.person_id] if person else None,
            "messages": [[*_channel(ref.channel), ref.message_id] for ref in messages],
        }
        try:
            self._write(json.dumps(line))
        except OSError as error:
            log.warning("forget_log_unwritable", error=type(error).__name__)
        return order_id

    def orders(self) -> list[ForgetOrder]:
        """Every order, oldest first. A line cut short by a crash is passed over: its order was not carried out."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        return list(_orders(lines))

    def _write(self, line: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            whole = size == 0 or os.pread(file, 1, size - 1) == b"\n"
            data = ("" if whole else "\n").encode() + f"{line}\n".encode()
            while data:
                data = data[os.write(file, data) :]
            os.fsync(file)
        finally:
            os.close(file)


def _channel(ref: ChannelRef) -> list[str]:
    return [ref.platform, ref.workspace, ref.channel_id]


def _orders(lines: Iterable[str]) -> Iterable[ForgetOrder]:
    for line in lines:
        try:
            raw = json.loads(line)
            yield ForgetOrder(
                str(raw["order"]),
                str(raw["kind"]),
                ChannelRef(*raw["channel"]) if raw["channel"] else None,
                PersonRef(*raw["person"]) if raw["person"] else None,
                tuple(MessageRef(ChannelRef(*ref[:3]), ref[3]) for ref in raw["messages"]),
            )
        except (ValueError, TypeError, KeyError, IndexError):
            continue
