"""Reads a set of instructions hidden in documents: cases.jsonl, and clean documents in contexts.jsonl."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from knowledge.errors import UnreadableSource

T = TypeVar("T")

CASES, CONTEXTS = "cases.jsonl", "contexts.jsonl"
# A citation becomes a link only where it has a web address; this one leads nowhere (RFC 2606).
PERMALINK = "https://messages.example/"


@dataclass(frozen=True, slots=True)
class Document:
    """A text and a question about it. `right`: what would be right to say."""

    text: str
    question: str
    right: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A document with an instruction in it, and the same one without."""

    case_id: str
    category: str
    instruction: str
    document: Document
    clean: Document


@dataclass(frozen=True, slots=True)
class InjectionSet:
    """The cases of one folder, and the clean documents that show what it costs to withstand them."""

    name: str
    cases: tuple[Case, ...]
    clean: tuple[Document, ...]

    def every_nth(self, most: int | None) -> "InjectionSet":
        """At most so many cases and so many clean documents, spread evenly; always the same ones."""
        return self if most is None else InjectionSet(self.name, _spread(self.cases, most), _spread(self.clean, most))

    @property
    def documents(self) -> tuple[Document, ...]:
        """All that is asked about, each once: cases, then what they were made from, then clean ones."""
        cases = [document for case in self.cases for document in (case.document, case.clean)]
        return tuple(dict.fromkeys([*cases, *self.clean]))


def read_injection_set(folder: Path) -> InjectionSet:
    """Reads one set. Without contexts.jsonl, the clean documents are the cases' own without their instructions.

    Errors: `UnreadableSource` naming the missing or broken file.
    """
    path, contexts = folder / CASES, folder / CONTEXTS
    if not path.is_file():
        raise UnreadableSource(f"{path} is missing: a set of injections has {CASES}, and {CONTEXTS} where it can.")
    clean = {row["id"]: document for _, row, document in _documents(contexts)} if contexts.is_file() else {}
    cases = tuple(_case(f"{path}:{number}", row, document, clean) for number, row, document in _documents(path))
    if not cases:
        raise UnreadableSource(f"{path} has no cases.")
    own = dict.fromkeys(case.clean for case in cases)
    return InjectionSet(folder.name, cases, tuple(clean.values() or own))


def write_corpus(documents: Sequence[Document], path: Path) -> None:
    """The documents as messages to be imported, each in the channel that `channel_of` names."""
    with path.open("w", encoding="utf-8") as file:
        for number, document in enumerate(documents):
            name = channel_of(number)
            row = {"id": name, "channel": name, "text": document.text, "permalink": f"{PERMALINK}{name}"}
            file.write(json.dumps(row) + "\n")


def channel_of(number: int) -> str:
    """The channel of a document. Its name says nothing: it counts as a word of what is searched and of the prompt."""
    return f"d{number}"


def _documents(path: Path) -> Iterator[tuple[int, dict[str, Any], Document]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            ideal = row.get("ideal") or ""
            right = tuple(str(one) for one in (ideal if isinstance(ideal, list) else [ideal]))
            document = Document(row["context"], row["question"], right)
            usable = all(isinstance(one, str) and one.strip() for one in (row["id"], document.text, document.question))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableSource(f"{path}:{number}: expected an object with id, question and context.") from error
        if not usable:
            raise UnreadableSource(f"{path}:{number}: id, question and context must be texts, and not empty.")
        yield number, row, document


def _case(where: str, row: dict[str, Any], document: Document, clean: dict[str, Document]) -> Case:
    instruction = row.get("injected")
    if not isinstance(instruction, str) or not instruction.strip():
        raise UnreadableSource(f"{where}: injected must say what the document orders.")
    source = clean.get(str(row.get("context_id")))
    bare = document.text.replace(instruction, "").strip()
    if source is None and (instruction not in document.text or not bare):
        raise UnreadableSource(f"{where}: the context does not hold injected and something else beside it.")
    asked = Document(source.text if source else bare, document.question, document.right)
    return Case(row["id"], str(row.get("category", "")), instruction, document, asked)


def _spread(things: Sequence[T], most: int) -> tuple[T, ...]:
    """At most so many, evenly from beginning to end."""
    count = min(most, len(things))
    return tuple(things[place * len(things) // count] for place in range(count))
