"""A Slack export: the zip as downloaded, or unpacked into a folder.

Direct conversations are never read, only counted. Messages keep Slack's `ts` as their id, so that a live bot
and an import of the same workspace agree about them.
"""

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from adapters import fields
from adapters.archive.encoding import TextFile
from adapters.archive.folders import DiskFolder, Folder, Limits, ZipFolder, size_of
from adapters.archive.scanner import BrokenJson, Scanner
from adapters.dates import Dates
from adapters.safety import Gate, LeftOut, Unusable
from adapters.slack.messages import PLATFORM, MessageReader, channel_from, person_from
from adapters.slack.text import Names
from knowledge.errors import UnreadableSource
from knowledge.messages import (
    Channel,
    ChannelRef,
    Deleted,
    Entry,
    Members,
    Person,
    PersonKind,
    PersonRef,
    Problem,
    Visibility,
)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json", re.ASCII)
_LISTS = (
    ("channels.json", Visibility.PUBLIC),
    ("groups.json", Visibility.PRIVATE),
    ("mpims.json", Visibility.DIRECT),
    ("dms.json", Visibility.DIRECT),
)
_PEOPLE = ("users.json", "org_users.json")
_DIRECT_FOLDER = re.compile(r"D[A-Z0-9]{6,}|mpdm-.*", re.ASCII)
_DEFAULT_SITE = "https://slack.com"
_SITE_SEARCH_BYTES = 16 << 20
# A file's permalink, or a link into one of the channels, shows the workspace's address. Exports write "/" as "\/".
_SITE = re.compile(
    rb'"permalink":\s*"https:\\?/\\?/(?P<of_file>[a-z0-9][a-z0-9.-]*\.slack\.com)\\?/files\\?/'
    rb"|https:\\?/\\?/(?P<of_message>[a-z0-9][a-z0-9.-]*\.slack\.com)\\?/archives\\?/(?P<channel>[A-Z0-9]+)\\?/p\d"
)
_LOCKED = "is locked with a password; make a zip without one."
_EXPECTED = (
    "has no channels.json. Give the zip that Slack's export page offers for download, or the folder it unpacks to: "
    "channels.json, users.json and one folder per channel."
)


class SlackExport:
    """An export of one workspace. Errors: `UnreadableSource` from `entries` when there is nothing to read.

    `workspace` names the workspace (default: the file's name without suffix). `workspace_url` is where permalinks
    lead, such as "https://acme.slack.com" (default: what the export itself shows). `skipped` counts what was left
    out on purpose.
    """

    def __init__(
        self,
        path: Path,
        *,
        workspace: str | None = None,
        workspace_url: str | None = None,
        include_bots: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.name = fields.clean(path.name)
        self.bytes_total = size_of(path)
        self.workspace = workspace or fields.one_line(path.name if path.is_dir() else path.stem) or PLATFORM
        self.skipped: Counter[LeftOut] = Counter()
        self._path = path
        self._site = (workspace_url or "").rstrip("/")
        self._include_bots = include_bots
        self._limits = limits or Limits()
        self._folder: Folder | None = None

    @property
    def bytes_read(self) -> int:
        """Bytes of the file, or of the files of the folder, that have been read."""
        return min(self._folder.bytes_read, self.bytes_total) if self._folder else 0

    def entries(self) -> Iterator[Entry]:
        """People, channels and members; then the messages, channel by channel and day by day."""
        self.skipped.clear()
        folder: Folder = (DiskFolder if self._path.is_dir() else ZipFolder)(self._path, self._limits)
        self._folder = folder
        try:
            yield from folder.problems()
            root = _root(folder)
            if root is None:
                locked = any("password" in problem.sentence for problem in folder.problems())
                raise UnreadableSource(f"{self.name} {_LOCKED if locked else _EXPECTED}")
            people: dict[str, Person] = {}
            yield from self._people(folder, root, people)
            channels: dict[str, Channel] = {}
            yield from self._channels(folder, root, people, channels)
            yield from self._messages(folder, root, people, channels)
        finally:
            folder.close()

    def _people(self, folder: Folder, root: str, people: dict[str, Person]) -> Iterator[Entry]:
        """Fills `people` by id."""
        for listed in _PEOPLE:
            for found in _objects(folder, root + listed):
                if isinstance(found, Problem):
                    yield found
                elif person := person_from(found[1], self.workspace):
                    people[person.ref.person_id] = person
                    yield person
                else:
                    yield Problem(fields.clean(root + listed), found[0], "A user has no id and was left out.")

    def _channels(
        self, folder: Folder, root: str, people: Mapping[str, Person], channels: dict[str, Channel]
    ) -> Iterator[Entry]:
        """Fills `channels` by folder name, direct ones included, so that their folders are known and passed over."""
        for listed, visibility in _LISTS:
            for found in _objects(folder, root + listed):
                if isinstance(found, Problem):
                    yield found
                    continue
                line, raw = found
                channel = channel_from(raw, self.workspace, visibility)
                if channel is None:
                    yield Problem(fields.clean(root + listed), line, "A channel has no id; its messages were left out.")
                    continue
                channels[fields.text(raw, "name") or channel.ref.channel_id] = channel
                channels.setdefault(channel.ref.channel_id, channel)
                if channel.visibility is Visibility.DIRECT:
                    self.skipped[LeftOut.DIRECT] += 1
                    continue
                yield channel
                members = raw.get("members")
                if isinstance(members, list):
                    yield Members(channel.ref, _member_refs(members, channel.ref, people))

    def _messages(
        self, folder: Folder, root: str, people: Mapping[str, Person], channels: Mapping[str, Channel]
    ) -> Iterator[Entry]:
        days = _days_by_folder(folder, root)
        names = Names(
            {person_id: person.name for person_id, person in people.items()},
            {channel.ref.channel_id: channel.name for channel in channels.values()},
        )
        bots = frozenset(person_id for person_id, person in people.items() if person.kind is PersonKind.BOT)
        dates = Dates()
        for name in [name for name in days if name not in channels or channels[name].visibility is Visibility.DIRECT]:
            del days[name]
            if name not in channels and not _DIRECT_FOLDER.fullmatch(name):
                where = fields.clean(root + name)
                yield Problem(where, None, "No list names this folder as a channel; its messages were left out.")
        site = self._site or _found_site(folder, days, frozenset(names.channels))
        for name, files in days.items():
            reader = MessageReader(channels[name].ref, names, bots, dates, site, self._include_bots)
            yield from self._channel_messages(folder, files, reader)

    def _channel_messages(self, folder: Folder, files: Sequence[str], reader: MessageReader) -> Iterator[Entry]:
        gate = Gate()
        for file in files:
            shown = fields.clean(file)
            for found in _values(folder, file):
                if isinstance(found, Problem):
                    yield found
                    continue
                line, raw = found
                try:
                    result = reader.read(raw)
                except Unusable as reason:
                    yield Problem(shown, line, str(reason))
                    continue
                if isinstance(result, LeftOut):
                    self.skipped[result] += 1
                elif isinstance(result, Deleted):
                    yield result
                else:
                    yield from gate.admit(result, shown, line)


def _root(folder: Folder) -> str | None:
    """The folder that holds the channel lists: "" as Slack makes the zip, "export/" as people zip it again."""
    roots = [
        name.removesuffix(last)
        for name in folder.names()
        if (last := name.rpartition("/")[2]) in {"channels.json", "groups.json"}
    ]
    return min(roots, key=lambda root: (len(root), root), default=None)


def _days_by_folder(folder: Folder, root: str) -> dict[str, list[str]]:
    """Day files by the channel's folder, both in order of name."""
    days: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(folder.names()):
        if name.startswith(root):
            channel, _, day = name.removeprefix(root).rpartition("/")
            if channel and "/" not in channel and _DAY.fullmatch(day):
                days[channel].append(name)
    return days


def _member_refs(members: Sequence[object], channel: ChannelRef, people: Mapping[str, Person]) -> tuple[PersonRef, ...]:
    ids = dict.fromkeys(fields.clean(member) for member in members if isinstance(member, str))
    return tuple(
        people[one].ref if one in people else PersonRef(PLATFORM, channel.workspace, one) for one in ids if one
    )


def _found_site(folder: Folder, days: Mapping[str, Sequence[str]], channel_ids: frozenset[str]) -> str:
    """The workspace's address, as the first file or message link of the export shows it."""
    before, searched = folder.bytes_read, 0
    for file in (file for files in days.values() for file in files):
        data = folder.read(file)
        folder.bytes_read = before  # this look ahead is no progress
        if isinstance(data, Problem):
            continue
        for match in _SITE.finditer(data):
            if match["of_file"] or match["channel"].decode() in channel_ids:
                return f"https://{(match['of_file'] or match['of_message']).decode()}"
        searched += len(data)
        if searched > _SITE_SEARCH_BYTES:
            break
    return _DEFAULT_SITE


def _objects(folder: Folder, name: str) -> Iterator[tuple[int, dict[str, object]] | Problem]:
    """The JSON objects of one list, each with its line; nothing when the list is not in the export."""
    if name not in folder:
        return
    for found in _values(folder, name):
        if isinstance(found, Problem):
            yield found
        elif isinstance(found[1], dict):
            yield found[0], found[1]
        else:
            yield Problem(fields.clean(name), found[0], "An item of the list is no JSON object; it was left out.")


def _values(folder: Folder, name: str) -> Iterator[tuple[int, object] | Problem]:
    """The values of a file that holds one JSON array, each with its line; whole ones before a cut are kept."""
    shown = fields.clean(name)
    data = folder.read(name)
    if isinstance(data, Problem):
        yield data
        return
    text = TextFile(io.BytesIO(data), shown)
    scanner = Scanner(text.blocks())
    try:
        for value in scanner.items():
            yield scanner.line, value
    except BrokenJson as reason:
        yield Problem(shown, scanner.line, f"Cannot be read from here on, because {reason}; what came before was kept.")
    yield from text.problems
