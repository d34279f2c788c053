"""What may pass between people, sources and the model: text without power. No I/O.

Into the prompt: control tokens lose their form. Out of the model: no link, no mention, no hidden character.
"""

import re
import unicodedata

_CONTROL_TOKEN = re.compile(
    r"<\|[^|<>\n]{0,64}\|>|</?s>|<<?/?SYS>>?|\[/?INST\]|</?(?:start|end)_of_turn>|<｜[^｜<>\n]{0,64}｜>|</?think>",
    re.IGNORECASE,
)
# A bare "[3]" in a message would pass for one of our own marks.
_FAKE_MARK = re.compile(r"\[(\d{1,3})\]")
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MARKDOWN_LINK = re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\n]{0,2000}\)")
_URL = re.compile(r"(?:\b[a-z][a-z0-9+.-]{1,15}://|\bwww\.|(?<![:\w/])//(?=[\w-]+\.))[^\s<>\"'）)】\]]+", re.IGNORECASE)
_MENTION = re.compile(r"<[@#!][^<>\n]{0,100}>|@+(?=everyone\b|here\b|channel\b)", re.IGNORECASE)
LINK_REMOVED = "(link removed)"


def neutralise(text: str) -> str:
    """A source or a question, made safe to stand in a prompt: control tokens and fake marks are broken up."""
    visible = _HIDDEN.sub("", text)
    broken = _CONTROL_TOKEN.sub(lambda match: match.group().strip("<>[]|/｜").replace("|", " "), visible)
    return _FAKE_MARK.sub(r"(\1)", broken)


def question_text(text: str) -> str:
    """What a person asked, as one clean line: no control tokens, no hidden characters."""
    normal = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    return " ".join(_CONTROL_TOKEN.sub(" ", _HIDDEN.sub("", normal)).split())


def harmless(text: str) -> str:
    """The model's own words: links become their label or a note, mentions lose their power."""
    words = _CONTROL_TOKEN.sub("", _HIDDEN.sub("", text))
    unlinked = _URL.sub(LINK_REMOVED, _MARKDOWN_LINK.sub(r"\1", words))
    # What is left when one mention is taken out may be another.
    while (rest := _MENTION.sub("", unlinked)) != unlinked:
        unlinked = rest
    return unlinked
