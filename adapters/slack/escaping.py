"""Other people's text inside Slack's markup, without power: no link, no ping, no format. No I/O, never raises."""

import re
from collections.abc import Mapping

from adapters.replies import clean
from bot.links import without_links

URL_CHARS = 600

_URL = re.compile(r"https?://[^\s<>|/][^\s<>|]*", re.IGNORECASE)

# Characters without width that `clean` leaves, because emoji and scripts need them.
_UNSEEN = "\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f"
_AT = "@＠﹫"
_BROADCASTS = "|".join(f"[{_UNSEEN}]*+".join(word) for word in ("here", "channel", "everyone", "group"))
_PING = re.compile(f"(?<![{_AT}{_UNSEEN}])[{_AT}{_UNSEEN}]++(?=(?:{_BROADCASTS})(?![a-z0-9]))", re.IGNORECASE)

# Slack has no escape for its own signs, so where they could format they give way to characters that look the same.
# Nothing invisible is put in, and snake_case and "2 * 3" stay as they were written: no sign formats there.
_SIGN = re.compile(r"(?:(?<!_)(?:(?<![^\W_])_++|_++(?![^\W_]))|[*~](?!(?<=\s.)\s)|`)+")
_LOOKALIKES = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼", "`": "‵"})
_MARK = re.compile(r"\[\d{1,3}\]")


def escaped(text: str) -> str:
    """A name or a quotation, shown as it is written: no markup, no ping. Its addresses stay, as plain text."""
    return entities(_unsigned(_unpinged(clean(text))))


def unlinked(text: str) -> str:
    """A name or a beginning of somebody's words beside an answer: as `escaped`, and without addresses."""
    return escaped(without_links(clean(text)))


def link(url: str, label: str) -> str:
    """A link of our own; only the label where the address could be anything but a web address."""
    address = entities(url)
    shown = escaped(" ".join(label.split()))
    if clean(url) != url or len(address) > URL_CHARS or not _URL.fullmatch(url) or _PING.search(url):
        return shown
    return f"<{address}|{shown}>"


def words(text: str, marks: Mapping[str, str]) -> str:
    """The model's words without formats, links and pings; citation marks give way to what `marks` has for them."""
    shown = entities(_unsigned(powerless(text)))
    return _MARK.sub(lambda match: marks.get(match[0], match[0]), shown)


def powerless(text: str) -> str:
    """The text without what reads like a link or a ping."""
    return _unpinged(without_links(text))


def entities(text: str) -> str:
    """The three characters that Slack wants escaped, escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """The inside of a code span: it cannot hold the sign that ends it."""
    return entities(text.replace("`", _LOOKALIKES[ord("`")]))


def _unpinged(text: str) -> str:
    return _PING.sub(lambda match: "" if any(at in match[0] for at in _AT) else match[0], text)


def _unsigned(text: str) -> str:
    return _SIGN.sub(lambda match: match[0].translate(_LOOKALIKES), text)
