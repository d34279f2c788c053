"""What reads like a link, in the model's words or in anybody's. No I/O.

No platform makes a link of the bare name of a host, so `monday.com` stays; with a path or a query behind it, it could
carry something away in a reader's own hands, so it goes, as does a name that only looks like another.
"""

import re

from knowledge.hidden import visible

LINK_REMOVED = "(link removed)"

_END = r"[^\s<>\"'()（）【】\[\]]*"
_SCHEME = r"(?:(?<![a-z0-9+.-])[a-z0-9+.-]{1,32}+)?[:：][/／⁄∕]{2}(?:\[[0-9a-f:.]{2,45}\])?"
_BESIDE = r"\bwww\.|(?<![:\w/])//(?=[\w-]{1,63}[.。．｡․])"
_BARE_SCHEME = r"\b(?:(?:java|vb)script|mailto)[:：](?=\S)|\bdata:(?=[a-z]{1,40}/|[;,])|\b(?:tel|sms):(?=\+?\d)"
# Latin letters and those of scripts that hold their likes.
_LETTER = r"a-z0-9_\u00c0-\u052f-"
_DOT, _ODD_DOT = "[.。．｡․]", "[．｡․]"
_FILE = (
    r"(?:py|js|ts|tsx|jsx|go|rs|rb|cs|cpp|java|kt|php|md|rst|txt|json|ya?ml|toml|sh|sql|html?|css|xml|log|lock|pdf|csv)"
)
_HOST = (
    rf"(?<![{_LETTER}.．｡․])(?=[{_LETTER}])(?:"
    rf"(?=[{_LETTER}.。．｡․]{{0,100}}xn--[a-z0-9])(?:[{_LETTER}]{{1,63}}+{_DOT}){{0,8}}xn--[a-z0-9-]{{1,59}}"
    rf"|(?:[{_LETTER}]{{1,63}}+{_DOT}){{1,8}}(?<!\.\.)(?!{_FILE}\b)[a-z\u00c0-\u052f]{{2,24}}+(?::\d{{1,5}})?(?:/|\?(?=\w))"
    rf"|[{_LETTER}]{{1,63}}+{_ODD_DOT}[{_LETTER}]{{1,63}}+)"
)
LINK = re.compile(rf"(?:{_SCHEME}|{_BESIDE}|{_BARE_SCHEME}|{_HOST}){_END}", re.IGNORECASE)


def without_links(text: str) -> str:
    """The text as its readers see it, with a note in place of each link: what is hidden could stand inside of one."""
    return LINK.sub(LINK_REMOVED, visible(text).text)
