"""The document child: `python -m bot.attachments.child KIND MEMORY_BYTES CPU_SECONDS`.

Reads one document from standard input and writes its text to standard output; whatever goes wrong is an exit
code. It holds no token, opens no connection and starts no program.
"""

import io
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import ModuleType

from bot import confinement

USAGE_EXIT = 2
NICENESS = 5  # an answer being written goes first
# Where a short text could be several, the first of these: Chinese tables and logs are the ones people still send.
ENCODINGS = ("gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1252", "cp1251", "cp1250", "koi8_r")
# Each reading of the page tree costs a little, each page up to half a second.
PAGES_AT_ONCE = 4


def legacy_text(data: bytes) -> Iterator[str]:
    """Text in an encoding that nothing names."""
    from charset_normalizer import from_bytes

    matches = from_bytes(data, cp_isolation=list(ENCODINGS))
    yield str(min(matches, key=lambda match: (match.chaos, -match.coherence, ENCODINGS.index(match.encoding))))


def html_text(data: bytes) -> Iterator[str]:
    """A page as Markdown; UTF-8, else what the page itself or its bytes say."""
    without_magika()
    from markitdown import StreamInfo
    from markitdown.converters import HtmlConverter

    yield HtmlConverter().convert(io.BytesIO(data), StreamInfo(extension=".html")).markdown


def pdf_text(data: bytes) -> Iterator[str]:
    """A PDF as Markdown, some pages at a time, so that what was read stays read when time runs out."""
    without_magika()
    import pdfminer.high_level
    import pdfplumber
    from markitdown import StreamInfo
    from markitdown.converters import PdfConverter
    from pdfminer.pdfpage import PDFPage

    open_pdf, extract_text = pdfplumber.open, pdfminer.high_level.extract_text
    count = sum(1 for _ in PDFPage.get_pages(io.BytesIO(data)))
    for first in range(0, count, PAGES_AT_ONCE):
        # The converter asks both libraries for every page, and takes no wish for fewer.
        pages = range(first, min(first + PAGES_AT_ONCE, count))
        pdfplumber.open = partial(open_pdf, pages=[page + 1 for page in pages])
        pdfminer.high_level.extract_text = partial(extract_text, page_numbers=pages, maxpages=pages.stop)
        yield PdfConverter().convert(io.BytesIO(data), StreamInfo(extension=".pdf")).markdown


def without_magika() -> None:
    """Keeps markitdown's guesser of file types out: the converters that we name ourselves never ask it.

    On import it puts the operator's .env file, tokens and all, into this process's environment, and it loads a
    neural network's run time, which is more than half of the start and of the memory.
    """
    sys.modules["magika"] = ModuleType("magika")


READERS: Mapping[str, Callable[[bytes], Iterator[str]]] = {"text": legacy_text, "html": html_text, "pdf": pdf_text}


def confine(memory_bytes: int, cpu_seconds: int) -> None:
    """Bounds what a document can cost, also when nobody is left to end this process."""
    os.nice(NICENESS)
    confinement.leave_ending_to_the_bot()
    confinement.leave_no_core()
    confinement.limit(resource.RLIMIT_CPU, cpu_seconds)
    confinement.limit(resource.RLIMIT_AS, memory_bytes)
    # A link in a document and a library that would follow it must not meet.
    confinement.give_up_network()
    confinement.start_nothing_and_call_nobody()


def main(arguments: Sequence[str]) -> int:
    """The child's life: one document."""
    match arguments:
        case [kind, memory_bytes, cpu_seconds] if kind in READERS:
            confine(int(memory_bytes), int(cpu_seconds))
        case _:
            return USAGE_EXIT
    # Whatever a library prints must not end up in the text.
    output = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(output, "wb") as pipe:
        for text in READERS[kind](sys.stdin.buffer.read()):
            pipe.write(text.encode("utf-8", "replace") + b"\n")
            pipe.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
