"""Markdown, as a language model writes it, in Slack's own markup. This file performs no I/O and never raises.

Model text makes no link and no ping here, whatever happened to it before: `&`, `<` and `>` are escaped once,
everywhere, and what reads like a link or a ping is taken out of the text as it will be seen, after the parser has
joined its pieces.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from markdown_it import MarkdownIt
from markdown_it.token import Token

from adapters.replies import clean
from adapters.slack.escaping import code, entities, escaped, link, powerless, words

__all__ = ["escaped", "link", "mrkdwn"]

# What the parser gets through in about 50 ms; more is shown without formats. A sign costs it up to 30 microseconds,
# a stop 3, and a table has as many cells as its lines times its widest row.
MOST_SIGNS, SIGNS = 800, "[]!*_~`|\\\n"
MOST_STOPS, STOPS = 4_000, "<>&{}^$:;=@#+-%"
LONGEST, MOST_CELLS = 40_000, 3_000
DEEPEST = 19  # what is nested deeper the parser drops without a word

INDENT = "    "
RULE = "─" * 12
COLUMN_WIDTH = 40  # beyond this a table's cells are not padded: one huge cell must not widen every row
# What the parser must not know: HTML, entities (they could spell what was cleaned away), definitions (they would
# swallow a line "[1]: ..."), and headings underlined by "---", which models mean as a rule.
_PARSER = (
    MarkdownIt("commonmark", {"html": False})
    .enable(["strikethrough", "table"])
    .disable(["html_block", "html_inline", "autolink", "entity", "reference", "lheading"])
)
_EMPHASIS = {"strong": "*", "em": "_", "s": "~"}
_BREAKS = {"softbreak", "hardbreak"}


def mrkdwn(markdown: str, marks: Mapping[str, str] | None = None) -> str:
    """The text in mrkdwn; "" for text without visible characters.

    `marks` maps a citation mark such as "[1]" to the mrkdwn that stands for it outside code.
    """
    text, marks = clean(markdown).strip("\n"), marks or {}
    if not _is_heavy(text):
        try:
            tokens = _PARSER.parse(text)
            if all(token.level < DEEPEST for token in tokens):
                return _blocks(tokens, marks)
        except Exception:  # noqa: BLE001, S110 - what the parser stumbles over can still be shown as it is
            pass
    return words(text, marks).strip()


def _is_heavy(text: str) -> bool:
    if len(text) > LONGEST or sum(map(text.count, SIGNS)) > MOST_SIGNS or sum(map(text.count, STOPS)) > MOST_STOPS:
        return True
    rows = text.split("\n")
    return len(rows) * max(row.count("|") for row in rows) > MOST_CELLS


# ---- blocks -------------------------------------------------------------------------------------------------------


def _blocks(tokens: Sequence[Token], marks: Mapping[str, str]) -> str:
    page = _Page()
    rows: list[list[str]] = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        match token.type:
            case "inline" if rows:
                rows[-1].append(powerless(_seen(token.children or [])))
            case "inline":
                bold = before is not None and before.type == "heading_open"
                page.add(_spans(token.children or [], marks, bold=bold))
            case "fence" | "code_block":
                page.add_code(token.content)
            case "hr":
                page.add(RULE)
            case "tr_open":
                rows.append([])
            case "table_close":
                page.add_code("\n".join(_table(rows)))
                rows = []
            case _:
                page.nest(token)
    return "\n".join(page.lines)


class _Page:
    """Lines as they are written, and where we are: in which lists (next number; None for bullets), in a quotation."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._lists: list[int | None] = []
        self._quotes = 0
        self._bullet = ""

    def nest(self, token: Token) -> None:
        """Enter or leave a list, an item or a quotation."""
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._space()
                self._lists.append(int(token.attrs.get("start", 1)) if token.tag == "ol" else None)
            case "list_item_open":
                self._begin_item()
            case "list_item_close":
                self._write_bullet()
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "blockquote_open" | "blockquote_close":
                self._quotes += token.nesting

    def add(self, text: str) -> None:
        """One block of text. Slack knows quotations only at the start of a line, and one level of them."""
        if text.strip():
            self._space()
            for line in text.split("\n"):
                self._write((self._bullet or "  " if self._lists else "") + line)
                self._bullet = ""

    def add_code(self, text: str) -> None:
        """A block of code, at the margin: Slack would show our indentation as part of it."""
        if text.strip():
            self._write_bullet()
            self._space()
            inside = powerless(text).rstrip("\n").replace("```", "‵‵‵")
            self.lines += ["```", *entities(inside).split("\n"), "```"]

    def _begin_item(self) -> None:
        number = self._lists[-1]
        self._bullet = "• " if number is None else f"{number}. "
        self._lists[-1] = None if number is None else number + 1

    def _write_bullet(self) -> None:
        """A bullet that found no text of its own."""
        if self._bullet:
            self._write(self._bullet.rstrip())
            self._bullet = ""

    def _write(self, line: str) -> None:
        self.lines.append(("> " if self._quotes else "") + INDENT * (len(self._lists) - 1) + line)

    def _space(self) -> None:
        """A blank line between blocks; inside a list there is none."""
        if self.lines and not self._lists:
            self.lines.append(">" if self._quotes and self.lines[-1].startswith(">") else "")


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of equal columns, a line under the first. Chinese, Japanese and Korean characters are two columns wide."""
    columns = zip_longest(*rows, fillvalue="")
    widths = [min(max(map(_width, column)), COLUMN_WIDTH) for column in columns]
    for number, row in enumerate(rows):
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False))
        yield " | ".join(cells).rstrip()
        if number == 0:
            yield "-+-".join("-" * width for width in widths)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.category(char) in {"Mn", "Me", "Cf"} else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


# ---- spans --------------------------------------------------------------------------------------------------------


def _seen(children: Sequence[Token]) -> str:
    """What a reader sees of these: of a link or an image, its words."""
    return "".join(
        "\n" if child.type in _BREAKS else _seen(child.children or []) or child.content for child in children
    )


def _spans(children: Sequence[Token], marks: Mapping[str, str], *, bold: bool = False) -> str:
    """Text with emphasis. A paragraph that would spell a link or a ping over several pieces loses its emphasis."""
    seen = _seen(children)
    if powerless(seen) != seen:
        return words(seen, marks)
    line = _Emphasis()
    if bold:
        line.open("*")
    for child in children:
        kind, _, side = child.type.rpartition("_")
        if kind in _EMPHASIS and side == "open":
            line.open(_EMPHASIS[kind])
        elif kind in _EMPHASIS:
            line.close()
        elif child.type in _BREAKS:
            line.end_line()
        elif child.type == "code_inline":
            line.pieces.append(f"`{code(powerless(child.content))}`")
        else:
            line.pieces.append(words(_seen([child]), marks))
    return line.text()


class _Emphasis:
    """Pieces of text and the signs around them. Slack sees a sign within one line, between words, and once a kind."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._open: list[tuple[str, int | None]] = []
        self._pairs: list[tuple[int, int]] = []

    def open(self, sign: str) -> None:
        if sign in (outer for outer, _ in self._open):
            self._open.append((sign, None))
        else:
            self._open.append((sign, len(self.pieces)))
            self.pieces.append(sign)

    def close(self) -> None:
        sign, start = self._open.pop()
        if start is not None:
            self._pairs.append((start, len(self.pieces)))
            self.pieces.append(sign)

    def end_line(self) -> None:
        signs = [sign for sign, _ in self._open]
        while self._open:
            self.close()
        self.pieces.append("\n")
        for sign in signs:
            self.open(sign)

    def text(self) -> str:
        while self._open:
            self.close()
        pieces = self.pieces
        for start, end in sorted(self._pairs):
            before = next((piece[-1] for piece in reversed(pieces[:start]) if piece), "")
            after = next((piece[0] for piece in pieces[end + 1 :] if piece), "")
            left, right = _gap(before), _gap(after)
            if left is None or right is None or not any(piece.strip() for piece in pieces[start + 1 : end]):
                pieces[start] = pieces[end] = ""
            else:
                pieces[start], pieces[end] = left + pieces[start], pieces[end] + right
        return "".join(pieces)


def _gap(char: str) -> str | None:
    """What keeps a sign apart from this neighbour: nothing, a space where words know none, or None: nothing could."""
    if not char.isalnum():
        return ""
    return " " if unicodedata.east_asian_width(char) in "WF" else None
