"""Reads question sets: queries.jsonl and qrels.tsv beside a corpus.jsonl, or records.jsonl."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.errors import UnreadableSource
from knowledge.followup import Exchange

# As many as the paper that RGB comes with gives its models (Chen et al., 2023).
RECORD_PASSAGES = 5


@dataclass(frozen=True, slots=True)
class Query:
    """One question: its relevant message ids with their grades, the channel it is asked in, the talk before it.

    `answers`: what would be right to say, in other words each; empty where none is known.
    """

    query_id: str
    text: str
    relevant: dict[str, int]
    channel: str | None = None
    earlier: tuple[Exchange, ...] = ()
    answers: tuple[str, ...] = ()
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A corpus file and the questions about it."""

    name: str
    corpus: Path
    queries: tuple[Query, ...] = field(default=())


def read_question_set(folder: Path) -> QuestionSet:
    """Reads one set.

    Errors: `UnreadableSource` naming the missing or broken file.
    """
    corpus, queries, qrels = (folder / name for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv"))
    for path in (corpus, queries, qrels):
        if not path.is_file():
            raise UnreadableSource(f"{path} is missing: a question set has corpus.jsonl, queries.jsonl and qrels.tsv.")
    relevant: dict[str, dict[str, int]] = defaultdict(dict)
    with qrels.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines, delimiter="\t"), start=2):
            try:
                grade = int(row["score"])
                relevant[row["query-id"]][row["corpus-id"]] = grade
            except (KeyError, TypeError, ValueError) as error:
                raise UnreadableSource(f"{qrels}:{number}: expected query-id, corpus-id and a whole score.") from error
    return QuestionSet(name=folder.name, corpus=corpus, queries=tuple(_queries(queries, relevant)))


def read_any_set(folder: Path, scratch: Path) -> QuestionSet:
    """Reads either kind. What must be written is written to `scratch`. Errors: `UnreadableSource`."""
    return read_records(folder, scratch) if (folder / "records.jsonl").is_file() else read_question_set(folder)


def rows_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file of JSON lines, with their numbers. Errors: `UnreadableSource`."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UnreadableSource(f"{path}:{number}: the line is no JSON.") from error
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not isinstance(row.get("text"), str):
            raise UnreadableSource(f"{path}:{number}: expected an object with id and text.")
        yield number, row


def _queries(path: Path, relevant: dict[str, dict[str, int]]) -> Iterator[Query]:
    for number, row in rows_of(path):
        try:
            yield Query(
                row["id"],
                row["text"],
                {mid: grade for mid, grade in relevant.get(row["id"], {}).items() if grade > 0},
                row.get("channel"),
                exchanges(row.get("history") or ()),
                tuple(str(answer) for answer in row.get("answers") or ()),
                row.get("answerable") is not False,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UnreadableSource(
                f"{path}:{number}: history is neither texts nor objects with role and text."
            ) from error


def exchanges(history: Sequence[str | dict[str, str]]) -> tuple[Exchange, ...]:
    """The talk before a question. Where nobody is named the turns alternate, and the last one is the other side's."""
    turns = [
        (turn["text"], turn["role"] == "user") if isinstance(turn, dict) else (turn, (len(history) - place) % 2 == 0)
        for place, turn in enumerate(history)
    ]
    found: list[Exchange] = []
    for text, is_question in turns:
        if is_question or not found or found[-1].answer:
            found.append(Exchange(text) if is_question else Exchange("", text))
        else:
            found[-1] = Exchange(found[-1].question, text)
    return tuple(found)


def read_records(folder: Path, scratch: Path) -> QuestionSet:
    """Reads a set whose questions bring their own passages: each becomes a channel, in a corpus written to `scratch`.

    A record has `passages` and says whether they answer it; or it has `positive` ones that do and `negative` ones
    that do not, and is asked of each. Errors: `UnreadableSource`.
    """
    path, corpus = folder / "records.jsonl", scratch / f"{folder.name}.jsonl"
    queries: list[Query] = []
    with corpus.open("w", encoding="utf-8") as file:
        for number, row in rows_of(path):
            try:
                asked_of = list(_asked_of(row))
            except (KeyError, TypeError) as error:
                raise UnreadableSource(f"{path}:{number}: expected passages, or positive and negative ones.") from error
            for channel, texts, answerable in asked_of:
                for place, text in enumerate(texts):
                    file.write(json.dumps({"id": f"{channel}:{place}", "channel": channel, "text": text}) + "\n")
                queries.append(Query(channel, row["text"], {}, channel, answerable=answerable))
    return QuestionSet(name=folder.name, corpus=corpus, queries=tuple(queries))


def _asked_of(row: dict[str, Any]) -> Iterator[tuple[str, list[str], bool]]:
    if "passages" in row:
        yield row["id"], [passage["text"] for passage in row["passages"]], row["answerable"]
        return
    for kind in ("positive", "negative"):
        lists = [text if isinstance(text, list) else [text] for text in row[kind]]
        texts = [text for one in lists for text in one][:RECORD_PASSAGES]
        if texts:
            yield f"{row['id']}-{kind}", texts, kind == "positive"
