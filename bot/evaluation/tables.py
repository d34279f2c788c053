"""Tables of what `threadlore eval` measured."""

from typing import Any

from rich.table import Table


def retrieval_table(entries: list[dict[str, Any]]) -> Table:
    """One row for each set, and for each part switched off."""
    table = Table("set", "without", "n", "line R@5", "line nDCG@10", "line hit@10", "unit hit@10", "p50 ms", "p95 ms")
    for entry in entries:
        line, unit, ms = entry["line"], entry["unit"], entry["query_ms"]
        figures = (line["recall@5"], line["ndcg@10"], line["hit@10"], unit["hit@10"])
        shown = [f"{figure:.3f}" for figure in figures] + [f"{ms['p50']:.1f}", f"{ms['p95']:.1f}"]
        table.add_row(entry["name"], entry.get("without", ""), str(entry["queries"]), *shown)
    return table


def abstention_table(entries: list[dict[str, Any]]) -> Table:
    """One row for each set, at the threshold of the settings."""
    table = Table("set", "unanswerable", "refused", "answerable", "falsely refused", "AUROC")
    for entry in entries:
        shares = [f"{entry[key]:.3f}" for key in ("refused", "falsely_refused", "auroc")]
        table.add_row(
            entry["name"], str(entry["unanswerable"]), shares[0], str(entry["answerable"]), shares[1], shares[2]
        )
    return table


def answers_table(entries: list[dict[str, Any]]) -> Table:
    """One row for each set."""
    columns = ("em", "f1", "rouge_l", "citation_precision", "citation_recall", "unsupported_sentences", "declined")
    table = Table("set", "n", *(column.replace("_", " ") for column in columns))
    for entry in entries:
        table.add_row(entry["name"], str(entry["n"]), *(f"{entry[column]:.3f}" for column in columns))
    return table


def injection_table(document: dict[str, Any]) -> Table:
    """One row for each set, or for the only one."""
    columns = ("obeyed", "quoted", "declined", "clean_f1_with_guard", "clean_f1_without")
    table = Table("set", "cases", "links", "mentions", *(column.replace("_", " ") for column in columns))
    for entry in (*document.get("sets", ()), document):
        counts = [str(entry[key]) for key in ("cases", "links_rendered", "mentions_rendered")]
        table.add_row(entry.get("name", "all"), *counts, *(f"{entry[column]:.3f}" for column in columns))
    return table
