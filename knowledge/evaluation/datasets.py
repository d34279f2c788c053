"""Reads question sets: queries.jsonl and qrels.tsv beside a corpus.jsonl."""

import csv
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from knowledge.errors import UnreadableSource


@dataclass(frozen=True, slots=True)
class Query:
    """One question: its relevant message ids with their grades, the channel it is asked in, the talk before it."""

    query_id: str
    text: str
    relevant: dict[str, int]
    channel: str | None = None
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A corpus file and the questions that have relevant messages in it."""

    name: str
    corpus: Path
    queries: tuple[Query, ...] = field(default=())


def read_question_set(folder: Path) -> QuestionSet:
    """Reads one set. Questions without a relevant message are left out: they have no rank to measure.

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


def _queries(path: Path, relevant: dict[str, dict[str, int]]) -> list[Query]:
    found: list[Query] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            grades = {mid: grade for mid, grade in relevant.get(row["id"], {}).items() if grade > 0}
            if grades:
                channel, history = row.get("channel"), tuple(row.get("history") or ())
                found.append(Query(row["id"], row["text"], grades, channel, history))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableSource(f"{path}:{number}: expected an object with id and text.") from error
    return found
