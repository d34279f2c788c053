"""Other people's text inside Discord's Markdown, without power: no ping, no format. No I/O, never raises.

Discord has an escape, the backslash, and it is not seen by readers. It has no power over two things: pings, which are
looked for in the raw text, and code. There the sign that begins them gives way.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

from adapters.replies import clean
from bot.links import without_links

URL_CHARS = 600

_WEB = re.compile(r"https?://[^\s<>/\\][^\s<>]*", re.IGNORECASE)
_URL_SAFE = ":/?#@!$&',;=+%"

# Characters without width that `clean` leaves, because emoji and scripts need them.
UNSEEN = "\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f"
_AT = "@＠﹫"
_BROADCASTS = "|".join(f"[{UNSEEN}]*+".join(word) for word in ("everyone", "here"))
# Discord looks for "@here" anywhere, in "@hereford" as well.
_BROADCAST = re.compile(f"(?<![{_AT}{UNSEEN}])[{_AT}{UNSEEN}]++(?={_BROADCASTS})", re.IGNORECASE)
_PERSON_OR_ROLE = re.compile(rf"(?<![<{UNSEEN}])[<{UNSEEN}]++@(?:([!&]?\d+)>)?")
# Channels, commands, places of a server, times, sounds and emoji of its own.
_MENTION = re.compile(r"<(?=#\d|/[^<>:\n]{1,100}:\d|(?:a?:\w{1,40}|sound:\d{1,20}):\d|id:[a-z]|t:-?\d)", re.IGNORECASE)

_TOKEN = re.compile(
    r"(?P<url>https?://[a-z0-9](?:[a-z0-9./?=&%#:+,;@!$'~_-]*[a-z0-9/=&%#+~_-])?)|(?P<mark>\[\d{1,3}\])|[\\*_~`|\[<]|:(?=//)",
    re.IGNORECASE,
)
_LINE_START = re.compile(r"^[^\S\n]*+(?:\d{1,9}+(?=[.)](?!\S))|(?=>|(?:-?#{1,3}|[+-])(?!\S)))", re.MULTILINE)


def escaped(text: str) -> str:
    """A name or quotation, shown as it is written: no markup, no ping. Addresses have no preview, odd ones no link."""
    return at_margin(_escaped(_unpinged(clean(text)), {}))


def unlinked(text: str) -> str:
    """A name or a beginning of somebody's words beside an answer: as `escaped`, and without addresses."""
    return escaped(without_links(clean(text)))


def link(url: str, label: str) -> str:
    """A link of our own, without a preview; only the label where the address could be anything but a web address.

    `label` may be a mark such as "[1]"; no escape is seen as one in a label, so it must need none.
    """
    if clean(url) != url or not _WEB.fullmatch(url):
        return escaped(label)
    address = quote(url, safe=_URL_SAFE)
    return f"[{label}](<{address}>)" if len(address) <= URL_CHARS else escaped(label)


def words(text: str, marks: Mapping[str, str]) -> str:
    """The model's words without formats, links and pings; citation marks give way to what `marks` has for them."""
    return _escaped(powerless(text), marks)


def powerless(text: str) -> str:
    """The text without what reads like a link or a ping."""
    return _unpinged(without_links(text))


def code(text: str, end: str = "`") -> str:
    """The inside of code, where nothing can be escaped: what would end it, or mention, gives way to its likes."""
    return _MENTION.sub("‹", text.replace(end, "‵" * len(end)))


def at_margin(text: str) -> str:
    """Lines that begin no quotation, heading or list, whatever they begin with."""
    return _LINE_START.sub(r"\g<0>\\", text)


def _escaped(text: str, marks: Mapping[str, str]) -> str:
    def shown(token: re.Match[str]) -> str:
        if token.lastgroup == "url":
            return f"<{token[0]}>"
        return marks.get(token[0], f"\\{token[0]}")

    return _TOKEN.sub(shown, text)


def _apart(ping: re.Match[str]) -> str:
    """What takes the place of the sign before a word: what stood around it, joined, could spell another ping."""
    if not any(at in ping[0] for at in _AT):
        return ping[0]
    return " " if ping.start() and ping.string[ping.start() - 1].isalnum() else ""


def _unpinged(text: str) -> str:
    quiet = _BROADCAST.sub(_apart, text)
    return _PERSON_OR_ROLE.sub(lambda match: f"@{match[1] or ''}" if "<" in match[0] else match[0], quiet)
