"""JSON read value by value: files of any size in little memory, whole values before a cut, a line for each.

The standard decoder does the work. An event parser would be the usual choice, but the one for Python (ijson)
keeps a path string for every open bracket, so 100,000 brackets exhaust the memory, and it knows no lines.
"""

import json
import re
from collections.abc import Iterable, Iterator

VALUE_LIMIT = 64 << 20
"""Characters of one value, which is one message or one description; more is given up."""

_SPACE = re.compile(r"[ \t\r\n]*")
_AFTER_VALUE = frozenset(" \t\r\n,:]}")
_LONG_NUMBER = 18


class BrokenJson(Exception):
    """The file cannot be followed any further; the text says why."""


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONG_NUMBER else float(digits)


DECODER = json.JSONDecoder(parse_int=_integer)
"""The standard decoder, with numbers of any length."""


class Scanner:
    """Walks a JSON text that arrives in blocks. `line` is the line of the value last begun."""

    def __init__(self, blocks: Iterable[str]) -> None:
        self._blocks = iter(blocks)
        self._text = ""
        self._at = 0
        self._counted = 0
        self.line = 1

    def items(self) -> Iterator[object]:
        """The values of the array that begins here."""
        self._expect("[")
        if self._accept("]"):
            return
        while True:
            yield self.value()
            if self._accept("]"):
                return
            self._expect(",")

    def members(self) -> Iterator[str]:
        """The keys of the object that begins here; the caller reads each value before it takes the next key."""
        self._expect("{")
        if self._accept("}"):
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise BrokenJson("a key is no text")
            self._expect(":")
            yield key
            if self._accept("}"):
                return
            self._expect(",")

    def value(self) -> object:
        """The value that begins here, whole."""
        self.peek()
        self._count_lines()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if not self._grow():
                    raise BrokenJson("the file is cut off or damaged here") from None
            except RecursionError:
                raise BrokenJson("brackets are nested too deeply") from None
            else:
                # "0" may be the start of "0.5" when a block ends in between: only what may follow a value ends it.
                if self._text[end : end + 1] in _AFTER_VALUE or not self._grow():
                    self._at = end
                    return value

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._grow():
                return ""

    def _accept(self, character: str) -> bool:
        if self.peek() != character:
            return False
        self._at += 1
        return True

    def _expect(self, character: str) -> None:
        if not self._accept(character):
            self._count_lines()
            raise BrokenJson(f"{character!r} is missing here" if self.peek() else "the file is cut off here")

    def _grow(self) -> bool:
        """Fetch about as much again as is left, so that a long value is tried only a few times."""
        if len(self._text) - self._at > VALUE_LIMIT:
            return False
        self._count_lines()
        rest = self._text[self._at :]
        parts, wanted = [rest], len(rest)
        for block in self._blocks:
            parts.append(block)
            wanted -= len(block)
            if wanted <= 0:
                break
        self._text, self._at, self._counted = "".join(parts), 0, 0
        return len(self._text) > len(rest)

    def _count_lines(self) -> None:
        self.line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
