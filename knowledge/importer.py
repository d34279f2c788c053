"""Feeds an export into the archive: the same door as live messages, in batches."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.messages import Channel, Deleted, Entry, Members, Person, Posted, Problem, Visibility
from knowledge.ports import Export

BATCH = 1_000


@dataclass(slots=True)
class ImportReport:
    """What an import did. `read` counts messages in the file, `written` those that were new or newer.

    `too_old` those that may be kept no longer. `gone` are the "message_pk:rev" of messages that the file says were
    deleted, or that are too old by now.
    """

    read: int = 0
    written: int = 0
    deleted: int = 0
    too_old: int = 0
    channels: int = 0
    people: int = 0
    seconds: float = 0.0
    problems: list[Problem] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


class Importer:
    """Reads exports into the archive. Direct messages are never stored."""

    def __init__(self, access: Access, archive: Archive) -> None:
        self._access = access
        self._archive = archive

    async def run(self, export: Export, on_progress: Callable[[ImportReport], None] | None = None) -> ImportReport:
        """Imports one export. Run twice, the second run changes nothing.

        Errors: `UnreadableSource` when the file cannot be read at all, `KnowledgeUnavailable`.
        """
        report, started = ImportReport(), time.perf_counter()
        direct = set[object]()
        batch: list[Entry] = []
        for entry in export.entries():
            match entry:
                case Problem():
                    report.problems.append(entry)
                    continue
                case Channel(visibility=Visibility.DIRECT):
                    direct.add(entry.ref)
                    continue
                case Posted() if entry.message.ref.channel in direct:
                    continue
                case Deleted() if entry.ref.channel in direct:
                    continue
                case Members() if entry.channel in direct:
                    continue
                case _:
                    batch.append(entry)
            if len(batch) >= BATCH:
                await self._flush(batch, report)
                batch.clear()
                if on_progress is not None:
                    on_progress(report)
        await self._flush(batch, report)
        report.seconds = time.perf_counter() - started
        if on_progress is not None:
            on_progress(report)
        return report

    async def _flush(self, batch: Sequence[Entry], report: ImportReport) -> None:
        """Saves a batch: who and where first, then what was said. Among messages the version decides, not the order."""
        channels = [entry for entry in batch if isinstance(entry, Channel)]
        if channels:
            await self._access.record_channels(channels, reopen=True)
        people = [entry for entry in batch if isinstance(entry, Person)]
        if people:
            await self._access.record_people(people)
        for entry in batch:
            if isinstance(entry, Members):
                await self._access.record_members(entry)
        changes = [entry for entry in batch if isinstance(entry, Posted | Deleted)]
        recorded = await self._archive.record(changes)
        report.channels += len(channels)
        report.people += len(people)
        report.read += sum(isinstance(entry, Posted) for entry in changes)
        report.written += recorded.written
        report.deleted += recorded.deleted
        report.too_old += recorded.too_old
        report.gone += recorded.gone
