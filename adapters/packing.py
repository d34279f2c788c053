"""Texts fitted to what one message of a platform holds. This file performs no I/O and never raises."""

from collections.abc import Iterable, Iterator

from adapters.replies import split


def packed(texts: Iterable[str], limit: int) -> Iterator[str]:
    """The texts, as many on lines of one as it holds."""
    held = ""
    for text in texts:
        if held and len(held) + 1 + len(text) > limit:
            yield held
            held = text
        else:
            held = f"{held}\n{text}" if held else text
    if held:
        yield held


def beginning(text: str, limit: int) -> str:
    """The text, or as much of its beginning as the limit holds, with a sign that there is more."""
    texts = split(text, limit - 1) or [""]
    return texts[0] + "…" if len(texts) > 1 else texts[0]
