"""Which pictures belong to a document of `threadlore eval`, and which of its figures are in them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.evaluation.plots import Panel, Picture, bars, curves
from bot.evaluation.published import GOALS, PUBLISHED

Entry = Mapping[str, Any]

RETRIEVAL = (
    ("line", "recall@5"), ("line", "recall@10"), ("line", "ndcg@10"),
    ("line", "hit@5"), ("line", "hit@10"), ("unit", "hit@10"),
)  # fmt: skip
ABLATED = (("line", "recall@5"), ("line", "ndcg@10"), ("unit", "hit@10"))
ANSWERS = ("f1", "rouge_l", "citation_precision", "citation_recall", "unsupported_sentences", "declined")


def pictures(kind: str, document: Entry) -> list[Picture]:
    """The pictures of what `threadlore eval KIND` measured; none of a kind that has only tables."""
    entries: Sequence[Entry] = document.get("sets", ())
    if not entries:
        return []
    match kind:
        case "retrieval":
            return [*_retrieval(entries), *_ablation(entries)]
        case "abstention":
            return [curves([one for one in entries if one["answerable"] and one["unanswerable"]])]
        case "answers":
            return _answers(entries)
        case _:
            return []


def _retrieval(entries: Sequence[Entry]) -> Iterable[Picture]:
    whole = [entry for entry in entries if "without" not in entry]
    panels = [
        Panel(
            f"{kind} {figure}",
            [[entry[kind][figure] for entry in whole]],
            [_interval(entry, kind, figure) for entry in whole],
            [GOALS.get((entry["name"], kind, figure)) for entry in whole],
            [PUBLISHED.get((entry["name"], kind, figure)) for entry in whole],
        )
        for kind, figure in RETRIEVAL
    ]
    caption = (
        "What is found, by set, with 95 % intervals where there are few questions. Lines: ranked messages; units: "
    )
    if whole:
        yield bars(caption + "ranked passages.", [entry["name"] for entry in whole], panels)


def _ablation(entries: Sequence[Entry]) -> Iterable[Picture]:
    parts = list(dict.fromkeys(entry["without"] for entry in entries if "without" in entry))
    whole = {entry["name"]: entry for entry in entries if "without" not in entry}
    without = {(entry["name"], entry["without"]): entry for entry in entries if "without" in entry}
    names = [name for name in whole if all((name, part) in without for part in parts)]
    panels = [
        Panel(
            f"{kind} {figure}",
            [[without[name, part][kind][figure] - whole[name][kind][figure] for name in names] for part in parts],
            low=None,
            high=None,
        )
        for kind, figure in ABLATED
    ]
    if parts and names:
        caption = "What changes when one part is switched off: to the left of the line, less is found without it."
        yield bars(caption, names, panels, [f"without {part}" for part in parts])


def _answers(entries: Sequence[Entry]) -> list[Picture]:
    names = [entry["name"] for entry in entries]
    panels = [
        Panel(
            figure.replace("_", " "),
            [[entry[figure] for entry in entries]],
            [_interval(entry, figure) for entry in entries],
        )
        for figure in ANSWERS
    ]
    seconds = [
        Panel(f"answer, {place}, seconds", [[entry["answer_ms"][place] / 1000 for entry in entries]], high=None)
        for place in ("p50", "p95")
    ]
    caption = (
        "What is said and cited, by set, with 95 % intervals where there are few questions; and how long it takes."
    )
    return [bars(caption, names, [*panels, *seconds])]


def _interval(entry: Entry, *path: str) -> Sequence[float] | None:
    found: Any = entry.get("intervals")
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Sequence) else None
