"""Answers and notices as Slack messages within Slack's limits. This file performs no I/O and never raises."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from adapters.packing import beginning, packed
from adapters.replies import channel_name, dated, first_line, shortened, split
from adapters.slack.blocks import (
    SECTION_CHARS,
    TEXT_CHARS,
    Block,
    answer_buttons,
    context,
    private_button,
    reason_view,
    section,
)
from adapters.slack.escaping import unlinked
from adapters.slack.mrkdwn import escaped, link, mrkdwn
from bot.conversation import Answer, Citation, Outcome
from knowledge.passages import Line

__all__ = [
    "Rendered",
    "answer_parts",
    "error_message",
    "notice",
    "partial",
    "private_offer",
    "progress",
    "reason_view",
    "removed_notice",
    "sources_detail",
]

HEADS = {
    Outcome.ANSWERED: "",
    Outcome.ANSWERED_WITH_WARNING: ":warning: *Unsure*: please check this against its sources.",
    Outcome.ASKED_BACK: ":speech_balloon: *Please say more*",
    Outcome.DECLINED: ":mag: *Nothing found*",
    Outcome.REFUSED_LIMIT: ":information_source: *Note*",
}
NO_TEXT = "(no text)"

CONTEXT_CHARS = 1_900
NAME_CHARS = 60
MOST_NAMES = 10
MOST_SOURCES = 20
MOST_LINKED_MARKS = 200
"""Marks of one answer that become links: an address behind each of thousands would be megabytes."""
NOTICE_SECTIONS = 4
DETAIL_CHARS = 12_000
"""Characters of all sources together where they are shown whole."""
MARK_CHARS = 60

# The end of a text that was cut where a link begins. Links have no use of their own, so only their words stay.
_HALF_LINK = re.compile(r"!?\[([^\[\]\n]{0,200})(\]\([^()\n]{0,600})?\Z")


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message. `text` is what notifications and screen readers get; it is never blank."""

    text: str
    blocks: list[Block]


def answer_parts(
    answer: Answer, *, answer_id: str, now: datetime, buttons: bool = True, sources: bool = True
) -> list[Rendered]:
    """An answer as one message or several; sources and buttons belong to the last.

    `sources` False leaves out the numbered list; the marks in the text remain links.
    """
    head = HEADS[answer.outcome]
    texts = split(mrkdwn(answer.text, _marks(answer)), SECTION_CHARS) or [NO_TEXT]
    parts = [Rendered(text, [section(text)]) for text in texts]
    if head:
        parts[0] = Rendered(f"{head}\n{texts[0]}", [context(head), *parts[0].blocks])
    rows = list(_notes(answer, now))
    if sources:
        rows += _capped((_source(citation, now) for citation in answer.citations), len(answer.citations))
    text, blocks = parts[-1].text, parts[-1].blocks
    blocks = blocks + [context(one) for one in packed(rows, CONTEXT_CHARS)]
    if buttons:
        blocks += answer_buttons(answer, answer_id)
    parts[-1] = Rendered(next(packed([text, *rows], TEXT_CHARS)), blocks)
    return parts


def sources_detail(citations: Sequence[Citation], now: datetime) -> Rendered:
    """Every source in its author's own words, as far as one message holds them."""
    if not citations:
        return _small("There are no sources that you can read.")
    room = min(DETAIL_CHARS // min(len(citations), MOST_SOURCES), SECTION_CHARS)
    texts = _capped((_whole_source(citation, now, room) for citation in citations), len(citations))
    return Rendered(next(packed(texts, TEXT_CHARS)), [section(text) for text in texts])


def progress(place: int | None, *, step: str | None = None) -> Rendered:
    """What the asker sees before the first words. `place`: questions in front; None when that is not known."""
    if place is not None and place > 0:
        waiting = "1 question is" if place == 1 else f"{place} questions are"
        return _small(f":hourglass_flowing_sand: Waiting: {waiting} before yours")
    doing = shortened(step or "", NAME_CHARS) or ("Yours is next" if place == 0 else "Looking")
    return _small(f":hourglass_flowing_sand: {escaped(doing.rstrip('….'))}…")


def partial(text: str, *, waiting_mark: str) -> Rendered:
    """An answer so far, wherever it was cut; from 3,000 characters on its beginning, until the whole is there."""
    mark = escaped(shortened(waiting_mark, MARK_CHARS))
    half = _HALF_LINK.sub(lambda match: match[1] if match[2] else "", text[:SECTION_CHARS])
    texts = split(mrkdwn(half), SECTION_CHARS - len(mark) - len("\n… ")) or [""]
    more = "…" if len(texts) > 1 or len(text) > SECTION_CHARS else ""
    gap = "\n" if texts[0].endswith("```") else " "
    shown = f"{texts[0]}{gap}{more} {mark}" if more else f"{texts[0]}{gap}{mark}"
    return _plain(shown.strip() or "…")


def error_message(sentence: str) -> Rendered:
    """A sentence about what went wrong; it looks like no answer."""
    return _plain(f":x: {beginning(escaped(sentence).strip() or 'Something went wrong.', SECTION_CHARS - 4)}")


def notice(lines: Sequence[str]) -> Rendered:
    """Plain lines for whoever gave an order."""
    text = "\n".join(map(escaped, lines)).strip() or NO_TEXT
    texts = split(text, SECTION_CHARS)
    blocks = [section(piece) for piece in texts[:NOTICE_SECTIONS]]
    if len(texts) > NOTICE_SECTIONS:
        blocks.append(context("There is more; this is what fits here."))
    return Rendered(beginning(text, TEXT_CHARS), blocks)


def private_offer(answer_id: str) -> Rendered:
    """For the asker's eyes only: that something was found must stay as private as what was found."""
    text = ":lock: I found more that only you may see."
    return Rendered(text, [section(text), private_button(answer_id)])


def removed_notice() -> Rendered:
    """What stands in place of an answer whose source is gone."""
    return _small(":wastebasket: This answer was removed, because a message that it quoted was deleted.")


# ---- pieces -------------------------------------------------------------------------------------------------------


def _marks(answer: Answer) -> dict[str, str]:
    """What stands for each mark in the text: a link to the message it cites."""
    if answer.text.count("[") > MOST_LINKED_MARKS:
        return {}
    marks = ((f"[{citation.n}]", citation.line.permalink) for citation in answer.citations)
    return {mark: link(permalink, mark) for mark, permalink in marks}


def _notes(answer: Answer, now: datetime) -> Iterator[str]:
    """What a decline has instead of sources: who may know, by name, and what came near. It never pings them."""
    if answer.outcome is not Outcome.DECLINED:
        return
    if answer.people:
        names = (unlinked(shortened(name, NAME_CHARS)) for name in answer.people[:MOST_NAMES])
        yield f"People who wrote about it: {', '.join(filter(None, names))}"
    if answer.nearest:
        yield "Nearest messages:"
        yield from (_row("• ", line, line.text, now) for line in answer.nearest[:MOST_SOURCES])


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
    parts = [f"{mark}*{author}*", dated(line.posted_at, now, "%Y-%m-%d"), channel]
    return " · ".join([*parts, opener] if opener.startswith("<") else parts)


def _capped(rows: Iterable[str], count: int) -> list[str]:
    """The first rows, and how many there would be."""
    shown = list(islice(rows, MOST_SOURCES))
    return [*shown, f"… and {count - MOST_SOURCES} more"] if count > MOST_SOURCES else shown


def _small(text: str) -> Rendered:
    return Rendered(text, [context(text)])


def _plain(text: str) -> Rendered:
    return Rendered(text, [section(text)])
