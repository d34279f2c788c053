"""Which reader fits a path: decided by what is in it, never by its name alone."""

from pathlib import Path

from adapters import fields
from adapters.archive.discord_json import DiscordExport, files_of
from adapters.archive.encoding import TextFile
from adapters.archive.folders import size_of
from adapters.archive.jsonl import JsonLinesExport
from adapters.archive.scanner import DECODER, BrokenJson, Scanner
from adapters.archive.slack_zip import SlackExport
from knowledge.errors import UnreadableSource
from knowledge.ports import Export

_ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06")
_LISTS = ("channels.json", "groups.json")
_AROUND = {"guild", "channel"}
_ROW = {"id", "text"}
_ACCEPTED = (
    "is no export that Threadlore can read. It accepts a Slack export (zip or unpacked folder), "
    "JSON files of DiscordChatExporter (one or a folder), and JSON lines with an id and a text each."
)


def open_export(path: Path, *, workspace: str | None = None, workspace_url: str | None = None) -> Export:
    """The reader for a file or folder.

    `workspace_url` is where a Slack workspace's permalinks lead, such as "https://acme.slack.com".
    Errors: `UnreadableSource`, with one sentence on what is accepted.
    """
    if size_of(path) == 0:
        raise UnreadableSource(f"{fields.clean(path.name)} is empty.")
    if path.is_dir():
        if any((path / listed).is_file() for listed in _LISTS):
            return SlackExport(path, workspace=workspace, workspace_url=workspace_url)
        if files_of(path):
            return DiscordExport(path, workspace=workspace)
    elif path.is_file():
        if _starts_as_zip(path):
            return SlackExport(path, workspace=workspace, workspace_url=workspace_url)
        head = _head(path)
        keys = _keys(head)
        if "messages" in keys and keys & _AROUND:
            return DiscordExport(path, workspace=workspace)
        if _holds_rows(head):
            return JsonLinesExport(path, workspace=workspace)
    raise UnreadableSource(f"{fields.clean(path.name)} {_ACCEPTED}")


def _starts_as_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(_ZIP_MARKS)
    except OSError as error:
        raise UnreadableSource(f"{fields.clean(path.name)} cannot be read; check its permissions.") from error


def _head(path: Path) -> str:
    """The first megabyte or so, as text."""
    with path.open("rb") as file:
        return next(TextFile(file, path.name).blocks(), "").lstrip()


def _keys(head: str) -> set[str]:
    """Keys of the JSON object that begins here, as far as they are whole."""
    keys: set[str] = set()
    scanner = Scanner([head])
    try:
        for key in scanner.members():
            keys.add(key)
            if key == "messages":
                break
            scanner.value()
    except BrokenJson:
        pass
    return keys


def _holds_rows(head: str) -> bool:
    """Whether any line is a JSON object, or a row longer than the head begins here; one bad line does not decide."""
    if head.startswith("[") or "{" not in head:
        return False
    for line in head.splitlines():
        try:
            if isinstance(DECODER.decode(line), dict):
                return True
        except (ValueError, RecursionError):
            continue
    return bool(_keys(head) & _ROW)
