"""The files of an export, read straight from a zip or a folder; nothing is ever written to disk.

A zip is a stranger's: paths that leave it, links, locked entries and entries that unpack to far more than a chat
log would are refused one by one, and reported.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters.fields import clean
from knowledge.errors import UnreadableSource
from knowledge.messages import Problem

_MEBIBYTE = 1 << 20
_ENCRYPTED = 0x1
# Everything zipfile and zlib raise on a damaged, locked or unsupported entry.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one export may unpack to, in bytes. Chat logs shrink about tenfold, rarely fiftyfold."""

    total: int = 64 << 30
    entry: int = 512 * _MEBIBYTE
    ratio: int = 200
    ratio_from: int = 4 * _MEBIBYTE


def size_of(path: Path) -> int:
    """Bytes of a file, or of everything in a folder. Errors: `UnreadableSource` when there is no such path."""
    try:
        if path.is_dir():
            return sum(file.lstat().st_size for file in _walk(path))
        return path.stat().st_size
    except (OSError, ValueError) as error:
        raise UnreadableSource(f"{clean(path.name)} cannot be opened; check the path and its permissions.") from error


class Folder(Protocol):
    """Files by name, with "/" between folders."""

    bytes_read: int

    def __contains__(self, name: str) -> bool: ...

    def names(self) -> Sequence[str]:
        """Names of the files that may be read."""

    def problems(self) -> Sequence[Problem]:
        """Files that were refused."""

    def read(self, name: str) -> bytes | Problem:
        """The whole file, or why it cannot be had."""

    def close(self) -> None:
        """Let go of the files."""


class ZipFolder:
    """The files of a zip. Errors: `UnreadableSource` when it is no zip, damaged, or a bomb as a whole."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.bytes_read = 0
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise UnreadableSource(
                f"{clean(path.name)} is not a complete zip file; download or export it again."
            ) from error
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._problems: list[Problem] = []
        for info in self._zip.infolist():
            if info.is_dir():
                continue
            if reason := _refusal(info, limits):
                self._problems.append(Problem(clean(info.filename), None, reason))
            else:
                self._entries[info.filename] = info
        if sum(info.file_size for info in self._entries.values()) > limits.total:
            self._zip.close()
            raise UnreadableSource(
                f"{clean(path.name)} would unpack to more than {limits.total >> 30} GiB; "
                "export a shorter range of dates, several times if need be."
            )

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def names(self) -> Sequence[str]:
        """Names of the entries that may be read."""
        return list(self._entries)

    def problems(self) -> Sequence[Problem]:
        """Entries that were refused."""
        return self._problems

    def read(self, name: str) -> bytes | Problem:
        """The whole entry, or why it cannot be had. zipfile never unpacks more than the entry's stated size."""
        info = self._entries[name]
        try:
            data = self._zip.read(info)
        except _DAMAGE:
            return Problem(clean(name), None, "The entry is damaged inside the zip and was left out; export it again.")
        finally:
            self.bytes_read += info.compress_size
        return data

    def close(self) -> None:
        """Close the zip."""
        self._zip.close()


class DiskFolder:
    """The files of an unpacked export. Links are refused: they may lead out of it."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.bytes_read = 0
        self._files: dict[str, Path] = {}
        self._problems: list[Problem] = []
        for file in _walk(path):
            name = file.relative_to(path).as_posix()
            if file.is_dir() and not file.is_symlink():
                self._problems.append(Problem(clean(name), None, "The folder cannot be read; check its permissions."))
            elif file.is_symlink() or not file.is_file():
                self._problems.append(Problem(clean(name), None, "A link, which may lead elsewhere, was left out."))
            elif file.stat().st_size > limits.entry:
                self._problems.append(Problem(clean(name), None, _too_large(limits)))
            else:
                self._files[name] = file

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def names(self) -> Sequence[str]:
        """Names of the files that may be read."""
        return list(self._files)

    def problems(self) -> Sequence[Problem]:
        """Files that were refused."""
        return self._problems

    def read(self, name: str) -> bytes | Problem:
        """The whole file, or why it cannot be had."""
        try:
            data = self._files[name].read_bytes()
        except OSError:
            return Problem(clean(name), None, "The file cannot be read; check its permissions.")
        self.bytes_read += len(data)
        return data

    def close(self) -> None:
        """Nothing to close."""


def _walk(path: Path) -> Iterator[Path]:
    """Files, links and unreadable folders below a folder, in order of name; links are not followed."""
    try:
        entries = sorted(path.iterdir())
    except OSError:
        yield path
        return
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        else:
            yield entry


def _refusal(info: zipfile.ZipInfo, limits: Limits) -> str:
    """Why this entry is not read, or ""."""
    raw = info.orig_filename.replace("\\", "/")
    if raw.startswith("/") or raw[1:2] == ":" or ".." in raw.split("/"):
        return "Its path leads out of the archive; it was left out."
    if stat.S_ISLNK(info.external_attr >> 16):
        return "A link, which may lead elsewhere, was left out."
    if info.flag_bits & _ENCRYPTED:
        return "The entry is locked with a password; make a zip without one."
    if info.file_size > limits.entry:
        return _too_large(limits)
    if info.file_size > limits.ratio_from and info.file_size > limits.ratio * max(info.compress_size, 1):
        return f"It unpacks to more than {limits.ratio} times its size, as only a zip bomb does; it was left out."
    return ""


def _too_large(limits: Limits) -> str:
    return f"The file is larger than {limits.entry // _MEBIBYTE} MiB and was left out; export a shorter range of dates."
