"""What is kept of what somebody wrote: what its readers see, without secrets. No I/O.

The one gate between people's words and everything made of them: terms, units, vectors, prompts, quotations, memory.
"""

from typing import NamedTuple

from knowledge.hidden import visible
from knowledge.secrets import masked


class Kept(NamedTuple):
    """The words to keep, how many hidden characters were cut, and how many secrets were masked."""

    text: str
    cut: int
    masked: int


def kept(text: str) -> Kept:
    """A second time nothing more is cut. Hidden characters go first: they could stand inside of a secret."""
    shown, cut = visible(text)
    words, secrets = masked(shown)
    return Kept(words, cut, secrets)
