"""The work of `threadlore eval label`: makes a question set of what a team has asked and answered itself."""

import csv
import heapq
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from bot.errors import BotError, StartupError, UsageProblem
from bot.evaluation.labels import Labelled, together
from bot.evaluation.own_talk import OwnTalk, Source, sources_of, talk_of
from knowledge.database import Database
from knowledge.evaluation.library import Progress
from knowledge.messages import ChannelRef

FILES = ("corpus.jsonl", "queries.jsonl", "qrels.tsv")
# What ends a line for a reader, though JSON lets it stand in a text.
LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
TELL_EVERY = 1_000


class NothingToLabel(BotError):
    """There is no answer that anybody called helpful and no thread with an accepted reply, so nothing was written."""


def check_folder(folder: Path) -> None:
    """Whether a set can be written there. Errors: `UsageProblem`."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageProblem(f"--out {folder}: give a folder that is new or empty; nothing is overwritten.")
    if not folder.parent.is_dir():
        raise UsageProblem(f"--out {folder}: there is no folder {folder.parent}.")


async def label_talk(
    database: Database,
    folder: Path,
    *,
    named: Sequence[ChannelRef] | None,
    since: datetime | None,
    limit: int,
    on_progress: Progress,
) -> dict[str, Any]:
    """Writes a set of at most so many questions. Returns what `--json` prints.

    `named`: these channels instead of every public one. Errors: `StartupError`, `NothingToLabel`, `KnowledgeError`.
    """
    async with database.snapshot() as still:
        sources = await sources_of(still, named)
        if named is not None and len(sources) < len(set(named)):
            raise UsageProblem("--channel names a channel that is closed to answers, so nothing of it can be labelled.")
        talk = await talk_of(still, sources)
        helped, unhelpful = await talk.feedback(since)
        threads, seen = await _sampled(talk, since, limit - len(helped[-limit:]), on_progress)
        questions = together([*helped[-limit:], *threads])
        if not questions:
            raise NothingToLabel
        with _private_files(folder) as (corpus, queries, qrels):
            _write_questions(questions, queries, qrels)
            written = await _write_corpus(talk, sources, questions, corpus, on_progress)
    by_source = [one.source for one in questions]
    return {
        "folder": str(folder),
        "questions": len(questions),
        "from_feedback": by_source.count("feedback"),
        "from_threads": by_source.count("thread"),
        "found": len(helped) + seen,
        "unhelpful": unhelpful,
        "channels": len(sources),
        "messages": written,
    }


async def _sampled(
    talk: OwnTalk, since: datetime | None, limit: int, on_progress: Progress
) -> tuple[list[Labelled], int]:
    """So many of the threads' questions, the same each time and spread over all; and how many there are."""
    kept: list[tuple[int, str, Labelled]] = []
    seen = 0
    async with aclosing(talk.threads(since)) as found:
        async for one in found:
            seen += 1
            entry = (-int.from_bytes(sha256(one.query_id.encode()).digest()[:8]), one.query_id, one)
            if len(kept) < limit:
                heapq.heappush(kept, entry)
            elif kept:
                heapq.heappushpop(kept, entry)
            on_progress("questions", seen, 0)
    return [one for _, _, one in sorted(kept, key=lambda entry: entry[1])], seen


@contextmanager
def _private_files(folder: Path) -> Iterator[list[TextIO]]:
    """The files of a set, new, for their owner's eyes alone; taken away again where they cannot be written whole."""
    made: list[Path] = []
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with ExitStack() as files:
            yield [files.enter_context(_new_file(folder / name, made)) for name in FILES]
    except BaseException as error:
        for path in made:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StartupError(f"--out {folder} cannot be written ({error.strerror}).") from error
        raise


def _new_file(path: Path, made: list[Path]) -> TextIO:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    made.append(path)
    return os.fdopen(handle, "w", encoding="utf-8", newline="")


def _write_questions(questions: Sequence[Labelled], queries: TextIO, qrels: TextIO) -> None:
    judged = csv.writer(qrels, delimiter="\t", lineterminator="\n")
    judged.writerow(["query-id", "corpus-id", "score"])
    for one in questions:
        row: dict[str, Any] = {"id": one.query_id, "text": one.text, "answers": list(one.answers) or None}
        if one.earlier:
            row["history"] = [{"role": "user", "text": text} for text in one.earlier]
        queries.write(_line({**row, "answerable": True, "category": one.source}))
        judged.writerows([one.query_id, key, grade] for key, grade in one.relevant.items())


async def _write_corpus(
    talk: OwnTalk, sources: Sequence[Source], questions: Sequence[Labelled], corpus: TextIO, on_progress: Progress
) -> int:
    asking = {one.asked_in for one in questions}
    total, written = sum(source.messages for source in sources), 0
    async with aclosing(talk.messages(sources)) as said:
        async for key, row in said:
            corpus.write(_line({**row, "query_source": True} if key in asking else row))
            written += 1
            if written % TELL_EVERY == 0:
                on_progress("messages", written, total)
    on_progress("messages", written, written)
    return written


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False).translate(LINE_ENDS) + "\n"
