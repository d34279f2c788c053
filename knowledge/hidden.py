"""What no reader sees, cut from what was written: it can only be meant for a machine. No I/O.

Emoji, and scripts that join their letters, need some of these characters; where they stand as such text has them, they
stay. The places are those of Unicode Technical Standard 51 and of the core specification's chapters on joiners.
"""

import re
from typing import NamedTuple

_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff"
)
_JOINING = "\u0620-\u06ff\u0750-\u077f\u08a0-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17d3"
# Soft hyphens and fillers, marks of direction, characters without width, variation selectors, annotations, tags.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# The flags of England, Scotland and Wales are spelt in tags; no other flag is.
_FLAGS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(char)) for char in name) + "\U000e007f"
    for name in ("gbeng", "gbsct", "gbwls")
)
_NEEDED = (
    f"{_FLAGS}|(?<=[{_EMOJI}])[\ufe0e\ufe0f]|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    f"|(?:(?<=[{_EMOJI}])|(?<=[{_EMOJI}]\ufe0f))\u200d(?=[{_EMOJI}])"
    f"|(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
)
_FOUND = re.compile(f"(?P<needed>{_NEEDED})|[{_UNSEEN}]")
_COMMENT_BEGIN, _COMMENT_END = "<!--", "-->"


class Visible(NamedTuple):
    """A text as its readers see it, and how many characters were cut."""

    text: str
    cut: int


def visible(text: str) -> Visible:
    """The text without hidden characters and HTML comments; each comment leaves a space."""
    seen = text if text.isascii() else _FOUND.sub(lambda match: match["needed"] or "", text)
    shown = _uncommented(seen)
    return Visible(shown, len(text) - len(shown))


def _uncommented(text: str) -> str:
    kept, at = [], 0
    while (begin := text.find(_COMMENT_BEGIN, at)) >= 0:
        end = text.find(_COMMENT_END, begin + len(_COMMENT_BEGIN))
        if end < 0:
            break
        kept += [text[at:begin], " "]
        at = end + len(_COMMENT_END)
    return "".join([*kept, text[at:]])
