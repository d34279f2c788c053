"""JSON files as DiscordChatExporter writes them: one file, or a folder with one file per channel or thread.

Files are read as a stream, so their size does not matter. Direct messages are never read. The format does not say who
may read a channel, so an ordinary channel counts as open to every member of the server; a private thread does not.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters import fields
from adapters.archive.discord_message import NEVER, Head, MessageReader, head_from
from adapters.archive.encoding import TextFile
from adapters.archive.folders import size_of
from adapters.archive.scanner import BrokenJson, Scanner
from adapters.dates import Dates
from adapters.discord_text import Names
from adapters.safety import Gate, LeftOut, Unusable
from knowledge.errors import UnreadableSource
from knowledge.messages import Entry, Problem

_PARTS = {"guild", "channel", "messages"}
_EXPECTED = 'is not a JSON file of DiscordChatExporter: it has no "guild", "channel" and "messages".'


class DiscordExport:
    """One file or a folder of files. Errors: `UnreadableSource` from `entries` when there is nothing to read.

    `workspace` defaults to the server's id, as a live bot knows it. `skipped` counts what was left out on purpose.
    """

    def __init__(self, path: Path, *, workspace: str | None = None) -> None:
        self.name = fields.clean(path.name)
        self.bytes_total = size_of(path)
        self.skipped: Counter[LeftOut] = Counter()
        self._path = path
        self._workspace = workspace
        self._dates = Dates()
        self._gate = Gate()
        self._done_bytes = 0
        self._open: TextFile | None = None

    @property
    def bytes_read(self) -> int:
        """Bytes of all files that have been read."""
        return min(self._done_bytes + (self._open.bytes_read if self._open else 0), self.bytes_total)

    def entries(self) -> Iterator[Entry]:
        """Channels first; then the messages of each file, each author before the first message."""
        self.skipped.clear()
        self._done_bytes = 0
        self._gate = Gate()
        heads: dict[Path, Head] = {}
        refused: list[Problem] = []
        for file in files_of(self._path):
            head = self._head(file)
            if isinstance(head, Head):
                heads[file] = head
            else:
                refused.append(head)
        if not heads:
            sentence = refused[0].sentence if refused else f"{self.name} {_EXPECTED}"
            raise UnreadableSource(sentence if sentence == NEVER else f"{self.name} {_EXPECTED}")
        yield from refused
        yield from {head.channel.ref: head.channel for head in heads.values()}.values()
        names = Names(channels={head.export_id: head.channel.name for head in heads.values()})
        reader = MessageReader(names, self._dates)
        for file, head in heads.items():
            yield from self._messages(file, head, reader)

    def _head(self, file: Path) -> Head | Problem:
        """What stands around the messages; in files of the usual order they are not even reached."""
        found: dict[str, object] = {}
        with self._reading(file) as (_, scanner), suppress(BrokenJson):
            for key in scanner.members():
                if key != "messages":
                    found[key] = scanner.value()
                    continue
                found[key] = True
                if found.keys() >= _PARTS:
                    break
                for _ in scanner.items():
                    pass
        if not found.keys() >= _PARTS:
            return Problem(fields.clean(file.name), None, f"The file {_EXPECTED}")
        try:
            return head_from(found, self._workspace)
        except Unusable as reason:
            return Problem(fields.clean(file.name), None, str(reason))

    def _messages(self, file: Path, head: Head, reader: MessageReader) -> Iterator[Entry]:
        shown = fields.clean(file.name)
        with self._reading(file) as (text, scanner):
            self._open = text
            try:
                for key in scanner.members():
                    if key != "messages":
                        scanner.value()
                        continue
                    for raw in scanner.items():
                        yield from self._message(raw, head, reader, shown, scanner.line)
            except BrokenJson as reason:
                sentence = f"Cannot be read from here on, because {reason}; what came before was kept."
                yield Problem(shown, scanner.line, sentence)
            yield from text.problems
            self._open = None
            self._done_bytes += text.bytes_read

    def _message(self, raw: object, head: Head, reader: MessageReader, file: str, line: int) -> Iterator[Entry]:
        try:
            result = reader.read(raw, head)
        except Unusable as reason:
            yield Problem(file, line, str(reason))
            return
        if isinstance(result, LeftOut):
            self.skipped[result] += 1
            return
        person, message = result
        if person:
            yield person
        yield from self._gate.admit(message, file, line)

    @staticmethod
    @contextmanager
    def _reading(file: Path) -> Iterator[tuple[TextFile, Scanner]]:
        try:
            opened = file.open("rb")
        except OSError as error:
            raise UnreadableSource(f"{fields.clean(file.name)} cannot be read; check its permissions.") from error
        with opened:
            text = TextFile(opened, fields.clean(file.name))
            yield text, Scanner(text.blocks())


def files_of(path: Path) -> list[Path]:
    """The JSON files of an export, in order of name; downloaded media lie in folders called "…_Files"."""
    if not path.is_dir():
        return [path]
    inside = (file for file in path.rglob("*.json") if file.is_file() and not file.is_symlink())
    return sorted(file for file in inside if not any(part.endswith("_Files") for part in file.relative_to(path).parts))
