"""What may pass between people, sources and the model: text without power. No I/O.

Into the prompt: control tokens lose their form. Out of the model: no link, no mention, no hidden character.
What is a control token is looked for in plain letters, because a server may make plain letters of full-width ones. The
words themselves stay as their author wrote them: only what is broken up is changed.
"""

import re
import unicodedata
from collections.abc import Callable

from bot.links import LINK, LINK_REMOVED
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
# Each of those begins with one of these, and so does a comment or a mention.
_OPENERS = re.compile(r"[<\[@]")
DEEPEST = 3


class _Plain(dict[int, str]):
    """The plain form of each character that has one of the same length: no place in a text moves."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKC", chr(code))
        return plain if len(plain) == 1 else chr(code)


_PLAIN = _Plain()


def neutralise(text: str) -> str:
    """A source or a question, made safe to stand in a prompt: control tokens and fake marks are broken up."""
    broken = _settled(_CONTROLS.sub("", text), _broken)
    return _without(_FAKE_MARK, broken, lambda match: f"({match[1]})")


def question_text(text: str) -> str:
    """What a person asked, as one clean line: no control tokens, nothing hidden, no secrets."""
    asked = kept(_CONTROLS.sub("", text.encode("utf-8", "replace").decode("utf-8"))).text
    return _settled(unicodedata.normalize("NFC", asked), _unordered)


def harmless(text: str) -> str:
    """The model's own words: links become their label or a note, mentions lose their power."""
    return _settled(_CONTROLS.sub("", text), _powerless)


def _settled(text: str, once: Callable[[str], str]) -> str:
    """The text as its readers see it, after as many passes as change it: what stood around something may be its like.

    What still is one after a few has no other purpose, and loses the signs that make one.
    """
    for _ in range(DEEPEST):
        shown = visible(text).text
        if (text := once(shown)) == shown:
            return text
    return once(_without(_OPENERS, text, lambda _: ""))


def _broken(text: str) -> str:
    return _without(_CONTROL_TOKEN, text, lambda match: match.group().strip("<>[]|/｜").replace("|", " "))


def _unordered(text: str) -> str:
    return " ".join(_without(_CONTROL_TOKEN, text, lambda _: " ").split())


def _powerless(text: str) -> str:
    words = _MARKDOWN_LINK.sub(r"\1", _without(_CONTROL_TOKEN, text, lambda _: ""))
    return _MENTION.sub("", LINK.sub(LINK_REMOVED, words))


def _without(pattern: re.Pattern[str], text: str, instead: Callable[[re.Match[str]], str]) -> str:
    """The text with what the pattern finds in its plain form replaced, and all else as it was."""
    plain = text if text.isascii() else text.translate(_PLAIN)
    parts, at = [], 0
    for match in pattern.finditer(plain):
        parts += [text[at : match.start()], instead(match)]
        at = match.end()
    return "".join([*parts, text[at:]])
