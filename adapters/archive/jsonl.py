"""JSON lines, one message per line: {"id", "text", ["channel", "thread", "author", "ts", "seq", "permalink", …]}.

The form any history can be brought into with a few lines of code. Rows marked `query_source` are questions kept aside
for measuring: indexed, they would answer themselves. Unknown keys are ignored.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from adapters import fields
from adapters.archive.encoding import TextFile
from adapters.archive.folders import size_of
from adapters.archive.scanner import DECODER
from adapters.dates import Dates
from adapters.safety import Gate, LeftOut, Unusable
from knowledge.errors import UnreadableSource
from knowledge.messages import (
    Channel,
    ChannelRef,
    Deleted,
    Entry,
    MessageRef,
    Person,
    PersonRef,
    Problem,
    SourceMessage,
    Visibility,
)

PLATFORM = "jsonl"
_CORPUS = "corpus.jsonl"
_SCHEMES = ("https://", "http://", "threadlore://")
_ID_LIMIT = 400


class JsonLinesExport:
    """One file. Errors: `UnreadableSource` from `entries` when the file cannot be opened or is empty.

    `workspace` defaults to the file's name without suffix; a file called corpus.jsonl takes its folder's name.
    `skipped` counts what was left out on purpose.
    """

    def __init__(self, path: Path, *, workspace: str | None = None) -> None:
        self.name = fields.clean(path.name)
        self.bytes_total = size_of(path)
        self.skipped: Counter[LeftOut] = Counter()
        self.workspace = workspace or fields.one_line(_own_name(path)) or PLATFORM
        self._path = path
        self._dates = Dates()
        self._text: TextFile | None = None

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that have been read."""
        return self._text.bytes_read if self._text else 0

    def entries(self) -> Iterator[Entry]:
        """Messages in the order of the file; each channel and author before the first message that names it."""
        self.skipped.clear()
        try:
            opened = self._path.open("rb")
        except OSError as error:
            raise UnreadableSource(f"{self.name} cannot be read; check its permissions.") from error
        with opened:
            text = self._text = TextFile(opened, self.name)
            reader = _Rows(self.workspace, self._dates)
            reported = 0
            for number, line in text.lines():
                if line and not line.isspace():
                    yield from self._row(reader, number, line)
                if len(text.problems) > reported:
                    yield from text.problems[reported:]
                    reported = len(text.problems)
            yield from text.problems[reported:]
        if not text.bytes_read:
            raise UnreadableSource(f"{self.name} is empty.")

    def _row(self, reader: "_Rows", number: int, line: str) -> Iterator[Entry]:
        try:
            row = DECODER.decode(line.strip())
        except (ValueError, RecursionError):
            yield Problem(self.name, number, "The line is no JSON object; it was left out.")
            return
        try:
            result = reader.read(row)
        except Unusable as reason:
            yield Problem(self.name, number, str(reason))
            return
        if isinstance(result, LeftOut):
            self.skipped[result] += 1
            return
        yield from reader.introductions(row, result)
        if isinstance(result, Deleted):
            yield result
        else:
            yield from reader.gate.admit(result, self.name, number)


class _Rows:
    """Translates rows; remembers which channels and people were introduced and which messages were seen."""

    def __init__(self, workspace: str, dates: Dates) -> None:
        self.gate = Gate()
        self._workspace = workspace
        self._dates = dates
        self._channels: dict[str, Visibility] = {}
        self._people: dict[str, PersonRef] = {}
        self._refs: dict[str, ChannelRef] = {}

    def read(self, row: object) -> SourceMessage | Deleted | LeftOut:
        """One row. Errors: `Unusable` with the sentence to report."""
        if not isinstance(row, dict):
            raise Unusable("The line is no JSON object; it was left out.")
        if fields.flag(row, "query_source"):
            return LeftOut.QUESTION
        message_id = fields.identifier(row, "id")
        if not message_id or len(message_id) > _ID_LIMIT:
            raise Unusable(f'The line has no "id" of at most {_ID_LIMIT} characters; it was left out.')
        ref = MessageRef(self._channel(row), message_id)
        if fields.flag(row, "deleted"):
            return Deleted(ref)
        if not isinstance(row.get("text"), str):
            raise Unusable('The line has no "text"; it was left out.')
        text = fields.text(row, "text")
        if not text.strip():
            return LeftOut.EMPTY
        author = fields.name(row, "author")
        ts = row.get("ts")
        return SourceMessage(
            ref=ref,
            text=text,
            author=self._person(author) if author else None,
            author_name=author,
            posted_at=None if ts is None else self._dates.from_either(ts),
            seq=fields.integer(row, "seq"),
            thread_id=fields.identifier(row, "thread") or None,
            permalink=_permalink(row, ref),
        )

    def introductions(self, row: Mapping[str, object], result: SourceMessage | Deleted) -> Iterator[Channel | Person]:
        """The channel and the author, where they are new; a channel once called private stays private."""
        ref = result.ref.channel
        visibility = Visibility.PRIVATE if fields.flag(row, "private") else Visibility.PUBLIC
        known = self._channels.get(ref.channel_id)
        if known is None or (known is Visibility.PUBLIC and visibility is Visibility.PRIVATE):
            self._channels[ref.channel_id] = visibility
            yield Channel(ref, ref.channel_id, visibility)
        if isinstance(result, SourceMessage) and result.author and result.author_name not in self._people:
            self._people[result.author_name] = result.author
            yield Person(result.author, result.author_name)

    def _channel(self, row: Mapping[str, object]) -> ChannelRef:
        name = fields.name(row, "channel") or self._workspace
        return self._refs.setdefault(name, ChannelRef(PLATFORM, self._workspace, name))

    def _person(self, name: str) -> PersonRef:
        return self._people.get(name) or PersonRef(PLATFORM, self._workspace, name)


def _own_name(path: Path) -> str:
    return path.absolute().parent.name if path.name == _CORPUS else path.stem


def _permalink(row: Mapping[str, object], ref: MessageRef) -> str:
    """The row's own link when it is one, else an address of ours; a link never holds what would break out of it."""
    given = fields.text(row, "permalink")
    if given.startswith(_SCHEMES) and not any(character.isspace() or character in "<>|\"'`" for character in given):
        return given
    return _address(ref.channel.workspace, ref.channel.channel_id) + quote(ref.message_id, safe="")


@lru_cache(maxsize=1024)
def _address(workspace: str, channel_id: str) -> str:
    return f"threadlore://{quote(workspace, safe='')}/{quote(channel_id, safe='')}/"
