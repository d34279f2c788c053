"""Documents that need no parser, and small PDFs for those that do."""

from collections.abc import Mapping, Sequence


class FakeDocumentReader:
    """Knows the texts of files by their names; every other file has none. Keeps what it was asked."""

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        self.texts = dict(texts or {})
        self.asked: list[tuple[str, str, int]] = []

    async def text_of(self, name: str, mime: str, data: bytes) -> str | None:
        self.asked.append((name, mime, len(data)))
        return self.texts.get(name)


def pdf(*pages: Sequence[str], trailer: str = "") -> bytes:
    """A PDF with these lines on its pages, in letters of Latin-1. A tab in a line begins the next column."""
    return pdf_of([("", _drawn(lines)) for lines in pages], trailer)


def pdf_of(contents: Sequence[tuple[str, bytes]], trailer: str = "") -> bytes:
    """A PDF from the content streams of its pages, each with what its dictionary says besides its length."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, (filters, content) in enumerate(contents):
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Contents {5 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>".encode(),
            f"<< /Length {len(content)} {filters} >>\nstream\n".encode() + content + b"\nendstream",
        ]
    whole, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(whole))
        whole += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, start = len(objects) + 1, len(whole)
    return whole + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, trailer.encode(), start)
    )


def _drawn(lines: Sequence[str]) -> bytes:
    drawn = [
        f"BT /F1 10 Tf {50 + 170 * column} {780 - 14 * row} Td ({cell}) Tj ET"
        for row, line in enumerate(lines)
        for column, cell in enumerate(line.split("\t"))
    ]
    return "\n".join(drawn).encode("latin-1")
