"""What may pass between people, sources and the model: text without power. No I/O.

Into the prompt: control tokens lose their form. Out of the model: no link, no mention, no hidden character.
What is a control token is looked for in plain letters, because a server may make plain letters of full-width ones. The
words themselves stay as their author wrote them: only what is broken up is changed.
"""

import re
import unicodedata
from collections.abc import Callable

from bot.links import without_links
from knowledge.hidden import visible
from knowledge.kept import kept

_CONTROL_TOKEN = re.compile(
    r"<\|[^|<>\n]{0,64}\|>|</?s>|<<?/?SYS>>?|\[/?INST\]|</?(?:start|end)_of_turn>|<｜[^｜<>\n]{0,64}｜>|</?think>",
    re.IGNORECASE,
)
# A bare "[3]" in a message would pass for one of our own marks.
_FAKE_MARK = re.compile(r"\[(\d{1,3})\]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]\n]{0,200}+)\]\([^()\n]{0,2000}+(?:\([^()\n]{0,200}+\)[^()\n]{0,200}+)?\)")
_MENTION = re.compile(r"<[@#!][^<>\n]{0,100}>|(?<!@)@++(?=everyone\b|here\b|channel\b)", re.IGNORECASE)
_MENTION_SIGN = re.compile(r"<(?=[@#!])|(?<!@)@++(?=everyone|here|channel)", re.IGNORECASE)
DEEPEST = 4


class _Plain(dict[int, str]):
    """The plain form of each character that has one of the same length: no place in a text moves."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKC", chr(code))
        return plain if len(plain) == 1 else chr(code)


_PLAIN = _Plain()


def neutralise(text: str) -> str:
    """A source or a question, made safe to stand in a prompt: control tokens and fake marks are broken up."""
    shown = visible(_CONTROLS.sub("", text)).text
    broken = _without(_CONTROL_TOKEN, shown, lambda match: match.group().strip("<>[]|/｜").replace("|", " "))
    return _without(_FAKE_MARK, broken, lambda match: f"({match[1]})")


def question_text(text: str) -> str:
    """What a person asked, as one clean line: no control tokens, nothing hidden, no secrets."""
    asked = kept(_CONTROLS.sub("", text.encode("utf-8", "replace").decode("utf-8"))).text
    return " ".join(_without(_CONTROL_TOKEN, unicodedata.normalize("NFC", asked), lambda _: " ").split())


def harmless(text: str) -> str:
    """The model's own words: links become their label or a note, mentions lose their power."""
    words = _without(_CONTROL_TOKEN, visible(_CONTROLS.sub("", text)).text, lambda _: "")
    unlinked = without_links(_MARKDOWN_LINK.sub(r"\1", words))
    # What is left when one mention is taken out may be another; what still is one after this has no other purpose.
    for _ in range(DEEPEST):
        if (rest := _MENTION.sub("", unlinked)) == unlinked:
            return rest
        unlinked = rest
    return _MENTION_SIGN.sub("", unlinked)


def _without(pattern: re.Pattern[str], text: str, instead: Callable[[re.Match[str]], str]) -> str:
    """The text with what the pattern finds in its plain form replaced, and all else as it was."""
    plain = text if text.isascii() else text.translate(_PLAIN)
    parts, at = [], 0
    for match in pattern.finditer(plain):
        parts += [text[at : match.start()], instead(match)]
        at = match.end()
    return "".join([*parts, text[at:]])
