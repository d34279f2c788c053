"""Answers and notices as Discord messages within Discord's limits. This file performs no I/O and never raises."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import Any

from adapters.discord.components import Component, answer_buttons
from adapters.discord.escaping import escaped, link, unlinked
from adapters.discord.markdown import discord_markdown
from adapters.packing import beginning, packed
from adapters.replies import channel_name, dated, first_line, shortened, split
from bot.conversation import Answer, Citation, Outcome
from knowledge.passages import Line

HEADS = {
    Outcome.ANSWERED: "",
    Outcome.ANSWERED_WITH_WARNING: "⚠️ **Unsure**: please check this against its sources.",
    Outcome.ASKED_BACK: "💬 **Please say more**",
    Outcome.DECLINED: "🔍 **Nothing found**",
    Outcome.REFUSED_LIMIT: "ℹ️ **Note**",
}
GREEN, AMBER, GREY = 0x3B8C6E, 0xD9962B, 0x80848E
COLOURS = {Outcome.ANSWERED: GREEN, Outcome.ANSWERED_WITH_WARNING: AMBER}
NO_TEXT = "(no text)"

# Discord counts code points, as Python does.
CONTENT_CHARS = 2_000
EMBED_CHARS = 4_096
EMBEDS_CHARS = 6_000
"""Characters of all embeds of one message together."""
NAME_CHARS = 60
MOST_NAMES = 10
MOST_SOURCES = 20
MOST_LINKED_MARKS = 200
"""Marks of one answer that become links: an address behind each of thousands would be megabytes."""
MORE_CHARS = 50
MARK_CHARS = 60

# The end of a text that was cut where a link begins. Links have no use of their own, so only their words stay.
_HALF_LINK = re.compile(r"!?\[([^\[\]\n]{0,200})(\]\([^()\n]{0,600})?\Z")

Embed = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message. `content` is what notifications show; it may be "" where there are embeds."""

    content: str
    embeds: list[Embed] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)


def answer_parts(
    answer: Answer, *, answer_id: str, now: datetime, buttons: bool = True, sources: bool = True, private: bool = False
) -> list[Rendered]:
    """An answer as one message or several; sources and buttons belong to the last.

    `sources` False leaves out the numbered list; the marks in the text remain links. `private`: only the asker will
    see it, so there is nothing to show to the asker alone.
    """
    head = HEADS[answer.outcome]
    shown = discord_markdown(answer.text, _marks(answer))
    texts = split(shown, CONTENT_CHARS, first=CONTENT_CHARS - len(head) - 1) or [NO_TEXT]
    texts[0] = f"{head}\n{texts[0]}" if head else texts[0]
    notes, cited = list(_notes(answer, now)), answer.citations if sources else ()
    rows = _fitting(chain(notes, (_source(one, now) for one in cited)), len(notes) + len(cited), EMBED_CHARS)
    embeds = [_embed("\n".join(rows), COLOURS.get(answer.outcome, GREY))] if rows else []
    components = answer_buttons(answer, answer_id, private=private) if buttons else []
    return [*map(Rendered, texts[:-1]), Rendered(texts[-1], embeds, components)]


def sources_detail(citations: Sequence[Citation], now: datetime) -> Rendered:
    """Every source in its author's own words, as far as one message holds them."""
    if not citations:
        return _small("There are no sources that you can read.")
    room = min(EMBEDS_CHARS // min(len(citations), MOST_SOURCES) - 1, EMBED_CHARS)
    texts = _fitting((_whole_source(citation, now, room) for citation in citations), len(citations), EMBEDS_CHARS)
    return Rendered("", [_embed(one, GREEN) for one in packed(texts, EMBED_CHARS)])


def progress(place: int | None) -> Rendered:
    """What the asker sees before the first words. `place`: questions in front; None when that is not known."""
    if place is not None and place > 0:
        waiting = "1 question is" if place == 1 else f"{place} questions are"
        return _small(f"⏳ Waiting: {waiting} before yours")
    return _small(f"⏳ {'Yours is next' if place == 0 else 'Looking'}…")


def partial(text: str, *, waiting_mark: str) -> Rendered:
    """An answer so far, wherever it was cut; from 2,000 characters on its beginning, until the whole is there."""
    mark = escaped(shortened(waiting_mark, MARK_CHARS))
    half = _HALF_LINK.sub(lambda match: match[1] if match[2] else "", text[:CONTENT_CHARS])
    texts = split(discord_markdown(half), CONTENT_CHARS - len(mark) - len("\n… ")) or [""]
    more = "…" if len(texts) > 1 or len(text) > CONTENT_CHARS else ""
    gap = "\n" if texts[0].endswith("```") else " "
    shown = f"{texts[0]}{gap}{more} {mark}" if more else f"{texts[0]}{gap}{mark}"
    return Rendered(shown.strip() or "…")


def error_message(sentence: str) -> Rendered:
    """A sentence about what went wrong; it looks like no answer."""
    return Rendered(f"❌ {beginning(escaped(sentence).strip() or 'Something went wrong.', CONTENT_CHARS - 2)}")


def notice(lines: Sequence[str]) -> Rendered:
    """Plain lines for whoever gave an order; what one text cannot hold goes on in an embed."""
    text = "\n".join(map(escaped, lines)).strip() or NO_TEXT
    first, *rest = split(text, EMBED_CHARS - MORE_CHARS, first=CONTENT_CHARS) or [NO_TEXT]
    more = "\n-# There is more; this is what fits here." if len(rest) > 1 else ""
    return Rendered(first, [_embed(rest[0] + more, GREY)] if rest else [])


def removed_notice() -> Rendered:
    """What stands in place of an answer whose source is gone."""
    return _small("🗑️ This answer was removed, because a message that it quoted was deleted.")


# ---- pieces -------------------------------------------------------------------------------------------------------


def _marks(answer: Answer) -> dict[str, str]:
    """What stands for each mark in the text: a link to the message it cites."""
    if answer.text.count("[") > MOST_LINKED_MARKS:
        return {}
    return {mark: link(one.line.permalink, mark) for one in answer.citations for mark in (f"[{one.n}]",)}


def _notes(answer: Answer, now: datetime) -> Iterator[str]:
    """What a decline has instead of sources: who may know, by name, and what came near. It never pings them."""
    if answer.outcome is not Outcome.DECLINED:
        return
    if answer.people:
        names = (unlinked(shortened(name, NAME_CHARS)) for name in answer.people[:MOST_NAMES])
        yield f"People who wrote about it: {', '.join(filter(None, names))}"
    if answer.nearest:
        yield "Nearest messages:"
        yield from (_row("- ", line, line.text, now) for line in answer.nearest[:MOST_SOURCES])


def _source(citation: Citation, now: datetime) -> str:
    return _row(f"`[{citation.n}]` ", citation.line, citation.quote, now)


def _whole_source(citation: Citation, now: datetime, room: int) -> str:
    head = _where(f"`[{citation.n}]` ", citation.line, now)
    lines = escaped(citation.line.text[: room + 1]).strip().split("\n")
    quotation = "\n".join(f"> {line}" for line in lines)
    return f"{head}\n{beginning(quotation, max(room - len(head) - 1, NAME_CHARS))}"


def _row(mark: str, line: Line, quote: str, now: datetime) -> str:
    return f"{_where(mark, line, now)}\n{unlinked(first_line(quote))}".rstrip()


def _where(mark: str, line: Line, now: datetime) -> str:
    """Who wrote it, when, where, and the way there."""
    author = unlinked(shortened(line.author, NAME_CHARS)) or "unknown"
    channel = unlinked(channel_name(shortened(line.channel_name, NAME_CHARS)))
    opener = link(line.permalink, "open")
    parts = [f"{mark}**{author}**", dated(line.posted_at, now, "%Y-%m-%d"), channel]
    return " · ".join([*parts, opener] if opener.startswith("[") else parts)


def _fitting(rows: Iterable[str], count: int, limit: int) -> list[str]:
    """The first rows, as many as fit on lines of one text, and how many there would be."""
    shown: list[str] = []
    room = limit - MORE_CHARS
    for row in islice(rows, MOST_SOURCES):
        room -= len(row) + 1
        if room < 0:
            break
        shown.append(row)
    return shown if len(shown) == count else [*shown, f"… and {count - len(shown)} more"]


def _small(text: str) -> Rendered:
    return Rendered(f"-# {text}")


def _embed(text: str, colour: int) -> Embed:
    return {"description": text, "color": colour}
