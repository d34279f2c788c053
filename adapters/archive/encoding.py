"""Bytes of an export as text. Bytes that fit no encoding are replaced and reported; the rest is read."""

import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from knowledge.messages import Problem

BLOCK_BYTES = 1 << 20
LINE_LIMIT = 16 << 20
"""Characters of one line; a longer one is left out, so that a file without line ends cannot fill the memory."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16 (big-endian)"),
)
_Decode = Callable[[bytes, str, bool], tuple[str, int]]
_DECODERS: dict[str, tuple[_Decode, str]] = {
    # The error handler and what it leaves behind: "surrogateescape" marks exactly the bad bytes.
    "UTF-8": (codecs.utf_8_decode, "surrogateescape"),
    "UTF-16": (codecs.utf_16_le_decode, "replace"),
    "UTF-16 (big-endian)": (codecs.utf_16_be_decode, "replace"),
}
_BAD = re.compile("[\udc80-\udcff\ufffd]+")


class TextFile:
    """Text of one file, block by block or line by line.

    `problems` collects what was replaced or left out, in order; `bytes_read` drives the progress bar.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._line = 1
        self.bytes_read = 0
        self.problems: list[Problem] = []

    def blocks(self) -> Iterator[str]:
        """The text in blocks of about one megabyte, without its byte order mark."""
        tail = self._read()
        encoding = "UTF-8"
        for mark, named in _BYTE_ORDER_MARKS:
            if tail.startswith(mark):
                tail, encoding = tail[len(mark) :], named
                break
        while tail:
            data = self._read()
            block, used = self._decoded(tail, encoding, at_end=not data)
            tail = tail[used:] + data
            if block:
                self._line += block.count("\n")
                yield block
            if not data:
                return

    def lines(self) -> Iterator[tuple[int, str]]:
        """Line numbers, from 1, and lines without their ends; a line over `LINE_LIMIT` is reported instead."""
        number, carry, overlong = 1, "", False
        for block in self.blocks():
            *whole, rest = block.split("\n")
            for part in whole:
                if overlong or len(carry) + len(part) > LINE_LIMIT:
                    self.problems.append(Problem(self._name, number, "The line is too long to be one message."))
                else:
                    yield number, carry + part
                number, carry, overlong = number + 1, "", False
            overlong = overlong or len(carry) + len(rest) > LINE_LIMIT
            carry = "" if overlong else carry + rest
        if overlong:
            self.problems.append(Problem(self._name, number, "The line is too long to be one message."))
        elif carry:
            yield number, carry

    def _read(self) -> bytes:
        data = self._file.read(BLOCK_BYTES)
        self.bytes_read += len(data)
        return data

    def _decoded(self, data: bytes, encoding: str, *, at_end: bool) -> tuple[str, int]:
        decode, handler = _DECODERS[encoding]
        try:
            return decode(data, "strict", at_end)
        except UnicodeDecodeError:
            text, used = decode(data, handler, at_end)
        for offset, line in enumerate(text.split("\n")):
            if ("\ufffd" in line and handler == "replace") or (handler != "replace" and _escaped(line)):
                sentence = f"Some bytes are not {encoding} and were replaced; save the export as UTF-8."
                self.problems.append(Problem(self._name, self._line + offset, sentence))
        return _BAD.sub("\ufffd", text), used


def _escaped(line: str) -> bool:
    return not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line)
