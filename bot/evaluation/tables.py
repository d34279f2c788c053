"""Tables of what `threadlore eval` and `threadlore bench` measured."""

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


def growth_table(document: dict[str, Any]) -> Table:
    """One row for each scope."""
    table = Table("visible", "p50 ms", "p95 ms", "recall@10 vs exact", "returned of what exists", title=_size(document))
    for scope in document["scopes"]:
        figures = (f"{scope['p50_ms']:.1f}", f"{scope['p95_ms']:.1f}")
        shares = (f"{scope['recall@10_vs_exact']:.3f}", f"{scope['returned_share']:.3f}")
        table.add_row(f"{scope['visible']:.1%}", *figures, *shares)
    table.caption = f"SQL alone, everything visible: p50 {document['raw_sql_p50_ms']:.1f} ms; vectors are made up"
    return table


def _size(document: dict[str, Any]) -> str:
    return f"{document['messages']:,} messages in {document['units']:,} units"


def indexing_table(document: dict[str, Any]) -> Table:
    """One row for each figure."""
    return _figures(
        {
            "messages a second": f"{document['messages_per_s']:,.0f}",
            "found by words after, s": f"{document['lexical_ready_s']:.2f}",
            "found by meaning after, s": f"{document['dense_ready_s']:.2f}",
            "texts embedded": str(document["texts_embedded"]),
            "texts a second, model alone": f"{document['raw_embedder_texts_per_s']:.2f}",
            "share of the model's speed": f"{document['efficiency']:.3f}",
        }
    )


def freshness_table(document: dict[str, Any]) -> Table:
    """One row for each kind of happening."""
    table = Table(f"{document['events']} messages each", "p50 ms", "p95 ms", "p99 ms")
    for key, name in (
        ("post_to_lexical_ms", "posted, found by words"),
        ("post_to_dense_ms", "posted, found by meaning"),
        ("edit_ms", "edited, found by its new words"),
        ("delete_ms", "deleted, gone"),
    ):
        table.add_row(name, *(f"{document[key][at]:.1f}" for at in ("p50", "p95", "p99")))
    return table


def _figures(rows: dict[str, str]) -> Table:
    table = Table("what", "figure")
    for what, figure in rows.items():
        table.add_row(what, figure)
    return table
