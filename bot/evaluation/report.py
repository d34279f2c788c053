"""The page that `threadlore eval … --report` writes: tables of every figure of a document, and pictures of them.

One file that needs nothing else: no script, no font, no address. Everything that is not ours is escaped. No I/O.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

Entry = Mapping[str, Any]

INTERVALS = "intervals"
STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
figure { margin: 1.5rem 0; } figcaption, small { opacity: .75; font-size: .85em; }
svg { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; } td small { display: block; white-space: nowrap; }
@media print {
  :root { color-scheme: light; } body { max-width: none; margin: 0; font-size: 10px; }
  figure, tr { break-inside: avoid; } .wide { overflow: visible; } th, td { padding: .15rem .3rem; }
  @page { size: landscape; margin: 12mm; }
}
"""


def page(kind: str, document: Entry, pictures: Iterable[tuple[str, str]], made: str) -> str:
    """The page of what `threadlore eval KIND --json` prints.

    `pictures`: the caption of each, and its SVG element, which is put in as it is. `made`: when, and by what.
    """
    title = f"Threadlore: {escape(kind)}"
    entries: Sequence[Entry] = document.get("sets", [document])
    body = [
        f"<h1>{title}</h1>\n<p><small>{escape(made)}</small></p>",
        *(f"<figure>\n{svg}\n<figcaption>{escape(caption)}</figcaption>\n</figure>" for caption, svg in pictures),
        *_tables(entries),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _tables(entries: Sequence[Entry]) -> Iterable[str]:
    """One for what stands at the top of the entries, one for each group of figures in them, one for each list."""
    if not entries:
        yield "<p>Nothing was measured.</p>"
        return
    keys = [key for key in _keys(entries) if key != INTERVALS]
    groups = [key for key in keys if any(isinstance(entry.get(key), Mapping) for entry in entries)]
    lists = [key for key in keys if any(_is_table(entry.get(key)) for entry in entries)]
    plain = [key for key in keys if key not in {*groups, *lists}]
    yield _section("Figures", [*_NAMES, *(key for key in plain if key not in _NAMES)], entries)
    for group in groups:
        inner = [
            {**_named(entry), **(entry.get(group) or {}), INTERVALS: _intervals(entry, group)} for entry in entries
        ]
        yield _section(group, [key for key in _keys(inner) if key != INTERVALS], inner)
    for key in lists:
        rows = [{**_named(entry), **row} for entry in entries for row in entry.get(key) or ()]
        yield _section(key, _keys(rows), rows)


_NAMES = ("name", "without")


def _named(entry: Entry) -> dict[str, Any]:
    return {key: entry[key] for key in _NAMES if key in entry}


def _section(title: str, columns: Sequence[str], rows: Sequence[Entry]) -> str:
    columns = [column for column in columns if any(column in row for row in rows)]
    head = "".join(f'<th scope="col">{escape(column.replace("_", " "))}</th>' for column in columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{_cell(row.get(column), _intervals(row, column))}</td>" for column in columns) + "</tr>"
        for row in rows
    )
    return (
        f'<h2>{escape(title.replace("_", " "))}</h2>\n<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _cell(value: Any, interval: Any) -> str:
    match value:
        case None:
            return ""
        case float():
            shown = f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"  # noqa: PLR2004 - a share, or a time
        case bool():
            shown = "yes" if value else "no"
        case int():
            shown = f"{value:,}"
        case list():
            shown = ", ".join(map(str, value))
        case _:
            shown = str(value)
    between = f"<small>{interval[0]:.3f}–{interval[1]:.3f}</small>" if isinstance(interval, list) else ""
    return escape(shown) + between


def _intervals(entry: Entry, key: str) -> Any:
    found = entry.get(INTERVALS)
    return found.get(key) if isinstance(found, Mapping) else None


def _keys(rows: Iterable[Entry]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)
