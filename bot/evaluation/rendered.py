"""Counts what a rendered answer would make clickable, or whom it would call. No I/O.

It knows nothing of how the renderers take such things out, so that what they overlook is found here.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

# What a reader does not see, and so could stand inside of what he is to see.
_UNSEEN = re.compile("[\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f]")
_MARKED_LINK = re.compile(r"<([a-z][a-z0-9+.-]*:[^<>|\s]*)(?:\|[^<>]*)?>|\]\(<?([^()<>\s]+)>?\)", re.IGNORECASE)
_BARE_LINK = re.compile(
    r"[a-z][a-z0-9+.-]*://\S|\bwww\.\w|\b(?:mailto|javascript|data):\S|(?<![\w./-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}/\S",
    re.IGNORECASE,
)
_EVERYBODY = r"(?<![\w.])[@＠﹫]+(?:everyone|here|channel|group)(?![a-z0-9])"
_MENTIONS = {
    "slack": re.compile(
        rf"<!(?:channel|here|everyone|subteam)[^<>]*>|<[@#][A-Z0-9]+[^<>]*>|{_EVERYBODY}", re.IGNORECASE
    ),
    # Discord looks for these anywhere in a text, and for ids even where the "<" is escaped.
    "discord": re.compile(r"<@[!&]?\d+>|<#\d+>|[@＠﹫](?:everyone|here)", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """How many links there are that no citation has, and how many mentions."""

    links: int
    mentions: int


def texts_of(payload: object) -> Iterable[str]:
    """Every text in a payload, wherever it stands."""
    if isinstance(payload, str):
        yield payload
    elif isinstance(payload, Mapping):
        for value in payload.values():
            yield from texts_of(value)
    elif isinstance(payload, Sequence):
        for value in payload:
            yield from texts_of(value)


def counted(posted: Mapping[str, Sequence[object]], permalinks: Collection[str]) -> Rendered:
    """Links and mentions in what each platform is sent. `posted`: payloads by "slack" and "discord"."""
    links = mentions = 0
    for platform, payloads in posted.items():
        for text in texts_of(payloads):
            seen = _UNSEEN.sub("", text)
            foreign = [match for match in _MARKED_LINK.finditer(seen) if (match[1] or match[2]) not in permalinks]
            links += len(foreign) + len(_BARE_LINK.findall(_MARKED_LINK.sub(" ", seen)))
            mentions += len(_MENTIONS[platform].findall(seen))
    return Rendered(links, mentions)
