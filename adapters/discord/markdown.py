"""Markdown, as a language model writes it, in the part of it that Discord knows. No I/O, never raises.

Model text makes no link and no ping here, whatever happened to it before: what stands between formats is escaped once,
everywhere, and what reads like a link or a ping is taken out of the text as it will be seen, after the parser has
joined its pieces.
"""

import re
from collections.abc import Mapping, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from adapters.discord.escaping import UNSEEN, at_margin, code, powerless, words
from adapters.replies import clean

# What the parser gets through in about 50 ms; more is shown without formats. A sign costs it up to 30 microseconds,
# a stop 3, and a table has as many cells as its lines times its widest row.
MOST_SIGNS, SIGNS = 800, "[]!*_~`|\\\n"
MOST_STOPS, STOPS = 4_000, "<>&{}^$:;=@#+-%"
LONGEST, MOST_CELLS = 40_000, 3_000
DEEPEST = 19  # what is nested deeper the parser drops without a word

INDENT = "  "
RULE = "─" * 12
SMALLEST_HEADING = 3
# What the parser must not know: HTML, entities (they could spell what was cleaned away), definitions (they would
# swallow a line "[1]: ..."), and headings underlined by "---", which models mean as a rule.
_PARSER = (
    MarkdownIt("commonmark", {"html": False})
    .enable(["strikethrough", "table"])
    .disable(["html_block", "html_inline", "autolink", "entity", "reference", "lheading"])
)
_EMPHASIS = {"strong": "**", "em": "*", "s": "~~"}
_BREAKS = {"softbreak", "hardbreak"}
_LANGUAGE = re.compile(r"[a-z0-9+#_-]{1,20}", re.IGNORECASE)
_VISIBLE = re.compile(rf"[^\s{UNSEEN}]")


def discord_markdown(markdown: str, marks: Mapping[str, str] | None = None) -> str:
    """The text in Discord's Markdown; "" for text without visible characters.

    `marks` maps a citation mark such as "[1]" to the Markdown that stands for it outside code.
    """
    text, marks = clean(markdown).strip("\n"), marks or {}
    shown = _formatted(text, marks) if not _is_heavy(text) else None
    if shown is None:
        shown = at_margin(words(text, marks)).strip()
    return shown if _VISIBLE.search(shown) else ""


def _formatted(text: str, marks: Mapping[str, str]) -> str | None:
    """The text with its formats; None where the parser would lose some of it."""
    try:
        tokens = _PARSER.parse(text)
        return _blocks(tokens, marks) if all(token.level < DEEPEST for token in tokens) else None
    except Exception:  # noqa: BLE001 - what the parser stumbles over can still be shown as it is
        return None


def _is_heavy(text: str) -> bool:
    if len(text) > LONGEST or sum(map(text.count, SIGNS)) > MOST_SIGNS or sum(map(text.count, STOPS)) > MOST_STOPS:
        return True
    rows = text.split("\n")
    return len(rows) * max(row.count("|") for row in rows) > MOST_CELLS


# ---- blocks -------------------------------------------------------------------------------------------------------


def _blocks(tokens: Sequence[Token], marks: Mapping[str, str]) -> str:
    page = _Page()
    rows: list[list[str]] = []
    opener = ""
    for token in tokens:
        match token.type:
            case "inline" if rows:
                rows[-1].append(_spans(token.children or [], marks, bold=opener == "th"))
            case "inline" if opener.startswith("h"):
                page.add(_spans(token.children or [], marks), "#" * min(int(opener[1]), SMALLEST_HEADING) + " ")
            case "inline":
                page.add(at_margin(_spans(token.children or [], marks)))
            case "fence" | "code_block":
                page.add_code(token.content, token.info)
            case "hr":
                page.add(RULE)
            case "tr_open":
                rows.append([])
            case "table_close":
                page.add(at_margin("\n".join(" | ".join(row).rstrip() for row in rows)))
                rows = []
            case _:
                page.nest(token)
        opener = token.tag
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

    def add(self, text: str, sign: str = "") -> None:
        """One block of text, behind the sign of its kind. Discord knows quotations only outside of lists."""
        if text.strip():
            self._space()
            for line in text.split("\n"):
                self._write((self._bullet or INDENT if self._lists else "") + sign + line)
                self._bullet = ""

    def add_code(self, text: str, info: str) -> None:
        """A block of code, at the margin: Discord would show our indentation as part of it."""
        if text.strip():
            self._write_bullet()
            self._space()
            language = info.strip().partition(" ")[0]
            opener = f"```{language}" if _LANGUAGE.fullmatch(language) else "```"
            inside = code(powerless(text).rstrip("\n"), "```")
            self.lines += [opener, *inside.split("\n"), "```"]

    def _begin_item(self) -> None:
        number = self._lists[-1]
        self._bullet = "- " if number is None else f"{number}. "
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
            self.lines.append("> " if self._quotes and self.lines[-1].startswith(">") else "")


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
        line.open("**")
    for child in children:
        kind, _, side = child.type.rpartition("_")
        if kind in _EMPHASIS and side == "open":
            line.open(_EMPHASIS[kind])
        elif kind in _EMPHASIS:
            line.close()
        elif child.type == "code_inline":
            line.add(f"`{code(powerless(child.content))}`")
        else:
            line.add(words(_seen([child]), marks))
    return line.text()


class _Emphasis:
    """Pieces of text and the signs around them. Discord sees a sign once a kind, and not right behind its like."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._open: list[tuple[str, int | None]] = []
        self._ended = -1

    def add(self, text: str) -> None:
        if text:
            self._pieces.append(text)

    def open(self, sign: str) -> None:
        joins = self._ended == len(self._pieces) and self._pieces[-1][0] == sign[0]
        if joins or sign in (outer for outer, _ in self._open):
            self._open.append((sign, None))
        else:
            self._open.append((sign, len(self._pieces)))
            self._pieces.append(sign)

    def close(self) -> None:
        sign, start = self._open.pop()
        if start is None:
            return
        if "".join(self._pieces[start + 1 :]).strip():
            self._pieces.append(sign)
            self._ended = len(self._pieces)
        else:
            del self._pieces[start]

    def text(self) -> str:
        while self._open:
            self.close()
        return "".join(self._pieces)
