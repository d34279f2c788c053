"""What an attached file is, judged by its first bytes and its name. This file performs no I/O and never raises."""

import codecs
import re
from enum import StrEnum
from pathlib import PurePosixPath

SNIFFED_BYTES = 1 << 16
PDF_MARK, PDF_MARK_WITHIN = b"%PDF-", 1024
HTML_EXTENSIONS = frozenset({".htm", ".html", ".xhtml"})
HTML_BEGINNINGS = (b"<!doctype html", b"<html")
# Text by their bytes, but what they say to a reader is between drawing and layout commands.
DRAWN_EXTENSIONS = frozenset({".eps", ".ps", ".rtf", ".svg"})
# The longer marks first: a UTF-32 mark begins with a UTF-16 one.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Control characters that no text needs: of compressed data a tenth, of text in any encoding next to nothing.
ODD, ODD_SHARE = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]"), 0.02

TERMINAL_COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
BLANK_LINES = re.compile(r"\n{3,}")


class Kind(StrEnum):
    """How a file is read."""

    TEXT = "text"
    HTML = "html"
    PDF = "pdf"


def kind_of(name: str, mime: str, data: bytes) -> Kind | None:
    """How to read this file; None for what we do not read. A name or a type alone convinces nobody."""
    extension = PurePosixPath(name).suffix.lower()
    mark = data.find(PDF_MARK, 0, PDF_MARK_WITHIN)
    if mark == 0 or (mark > 0 and (extension == ".pdf" or "pdf" in mime.lower())):
        return Kind.PDF
    if not data or extension == ".pdf" or extension in DRAWN_EXTENSIONS or is_binary(data):
        return None
    # Without its zeros and marks, the beginning of a page reads the same in UTF-8 and in UTF-16.
    start = data[:SNIFFED_BYTES].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xfe\xff\t\n\r ").lower()
    is_page = extension in HTML_EXTENSIONS or (not extension and "html" in mime.lower())
    return Kind.HTML if start.startswith(HTML_BEGINNINGS) or (is_page and b"<" in start) else Kind.TEXT


def is_binary(data: bytes) -> bool:
    """Whether the beginning holds a NUL, or more control characters than any text."""
    start = data[:SNIFFED_BYTES]
    # Bytes of an unknown encoding are counted as if each were a character.
    text = start.decode(_marked_encoding(data) or "latin-1", "ignore")
    return "\0" in text or len(ODD.findall(text)) > ODD_SHARE * len(text)


def unicode_text(data: bytes, *, whole: bool = True) -> str | None:
    """The text of UTF-8, and of UTF-16 and UTF-32 with a mark; None for any other encoding.

    Of a beginning (not `whole`), the last character may be cut; it is left out.
    """
    decoder = codecs.getincrementaldecoder(_marked_encoding(data) or "utf-8")()
    try:
        return decoder.decode(data, final=whole)
    except UnicodeDecodeError:
        return None


def tidy(text: str) -> str:
    """The text without control characters and colours, its lines ended alike, at most one blank one in a row."""
    text = CONTROL.sub("", LINE_END.sub("\n", TERMINAL_COLOUR.sub("", text)))
    return BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip("\n")


def _marked_encoding(data: bytes) -> str | None:
    return next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
