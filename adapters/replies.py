"""An answer in plain words, cut to a platform's lengths, and shown at its pace. No I/O.

What is said here in words has no markup and no control characters. What the model or a colleague wrote must never be
read as markup afterwards: print these strings as they are. Only `split` is given text in a platform's own markup.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat
from math import inf
from typing import NamedTuple

from bot.conversation import Answer, Citation, Outcome
from knowledge.passages import Line

LABELS = {
    Outcome.ANSWERED: "",
    Outcome.ANSWERED_WITH_WARNING: "Unsure",
    Outcome.ASKED_BACK: "Please say more",
    Outcome.DECLINED: "No answer",
    Outcome.REFUSED_LIMIT: "Note",
}
QUOTE_CHARS = 160
INDENT = "    "

# Complete terminal sequences go first, so that no tail like "[31m" stays; CSI, then OSC and its kin, then two-letter.
SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# C0 and C1 controls but tab and newline, bidi marks and overrides, characters without width, tags, half surrogates.
# Joiners stay: emoji and several scripts need them.
INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    r"\U000e0000-\U000e007f]"
)

# What `split` sees: what it never cuts (link, mention, escape, mark; "@heretics" must not end in "@here"), lines that
# open or close code, and where it may cut: between lines or words, not in front of a mark, behind Chinese punctuation.
TOKEN = re.compile(
    r"(?P<whole>\\?(?:<[^<>\n]{1,2000}>|&(?:amp|lt|gt);|\[(?:\[\d{1,3}\]|[^\[\]\n]{1,200})\]\([^()\s]{1,2000}\)|\[\d{1,3}\]"
    r"|[@＠﹫][\w\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f]{1,80})|\\[^\w\s])"
    r"|(?P<fence>^[ \t>]{0,20}```[^`\n]{0,20}$)"
    r"|(?P<gap>\n+|(?<! ) ++(?!(?:<[^<>|\n]{1,600}\|)?\[{1,2}\d)|(?<=[。！？；，、]))",
    re.MULTILINE,
)
LONGEST_WHOLE = 2300  # characters
FENCE_END, FENCES_FROM = "\n```", 100  # shorter parts cannot afford to close a block of code and open it again
JOINED = re.compile(r"(?<=\u200d).|[\u0300-\u036f\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]", re.DOTALL)

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800
MONTHS_A_YEAR = 12


def clean(text: str) -> str:
    """The text as it looks, without what steers a terminal or hides from the reader; newlines stay."""
    return INVISIBLE.sub("", LINE_END.sub("\n", SEQUENCE.sub("", text)))


def one_line(text: str) -> str:
    """The text cleaned, on one line."""
    return " ".join(clean(text).split())


def age(then: datetime | None, now: datetime) -> str:
    """How long ago, in one unit: "3 weeks ago". Both times carry their zones; a clock ahead of ours counts as now."""
    if then is None:
        return "undated"
    seconds = (now - then).total_seconds()
    if seconds < MINUTE:
        return "just now"
    for limit, unit, name in ((HOUR, MINUTE, "minute"), (DAY, HOUR, "hour"), (2 * WEEK, DAY, "day")):
        if seconds < limit:
            return _ago(int(seconds // unit), name)
    months = _months(then.astimezone(now.tzinfo), now)
    if months < 2:  # noqa: PLR2004 - weeks are finer than "1 month ago"
        return _ago(int(seconds // WEEK), "week")
    return _ago(months // MONTHS_A_YEAR, "year") if months >= 2 * MONTHS_A_YEAR else _ago(months, "month")


def source_line(citation: Citation, now: datetime) -> str:
    """One numbered source: author, age and date, channel, link; below it the first line of what was written."""
    return f"[{citation.n}] {_where(citation.line, now)}" + _quoted(citation.quote)


def source_text(citation: Citation, now: datetime) -> str:
    """One numbered source with its whole text, every line of it set off, so that none passes for ours."""
    lines = clean(citation.line.text).strip().split("\n")
    return "\n".join((f"[{citation.n}] {_where(citation.line, now)}", *(f"{INDENT}│ {line}" for line in lines)))


def nearest_line(line: Line, now: datetime) -> str:
    """A message that came close to an answer, without a number: nothing cites it."""
    return f"-   {_where(line, now)}" + _quoted(line.text)


def answer_text(answer: Answer) -> str:
    """What the bot says: in front the word for an outcome that is no plain answer. Sources are not part of it."""
    label, text = LABELS[answer.outcome], clean(answer.text).strip()
    return f"{label}: {text}" if label else text


def notes(answer: Answer, now: datetime) -> str:
    """What a declined question gets instead of sources: who may know, and what came near.

    Where the bot looked is in the answer's own text.
    """
    if answer.outcome is not Outcome.DECLINED:
        return ""
    parts = []
    if answer.people:
        parts.append("People who wrote about it: " + ", ".join(one_line(name) for name in answer.people))
    if answer.nearest:
        parts.append("\n".join(("Nearest messages:", *(nearest_line(line, now) for line in answer.nearest))))
    return "\n".join(parts)


def dated(then: datetime | None, now: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    """Age and date: "3 weeks ago (2026-03-02 09:14)"."""
    return age(then, now) + (f" ({then.astimezone(now.tzinfo):{form}})" if then is not None else "")


def channel_name(name: str) -> str:
    """A channel's name with its sign."""
    return "#" + one_line(name).lstrip("#")


def first_line(text: str) -> str:
    """The first line of what was written, in quotation marks, shortened; "" for blank text."""
    first = shortened(clean(text).strip().partition("\n")[0], QUOTE_CHARS)
    return f"“{first}”" if first else ""


def shortened(text: str, most: int) -> str:
    """The text on one line, of at most that many characters."""
    line = one_line(text)
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _where(line: Line, now: datetime) -> str:
    when = dated(line.posted_at, now)
    parts = (one_line(line.author) or "unknown", when, channel_name(line.channel_name), one_line(line.permalink))
    return ", ".join(part for part in parts if part)


def _quoted(text: str) -> str:
    quotation = first_line(text)
    return f"\n{INDENT}{quotation}" if quotation else ""


def _months(then: datetime, now: datetime) -> int:
    months = (now.year - then.year) * MONTHS_A_YEAR + now.month - then.month
    return months - (now.day < then.day)


def _ago(count: int, unit: str) -> str:
    return f"{count} {unit} ago" if count == 1 else f"{count} {unit}s ago"


def split(text: str, limit: int, *, first: int | None = None, count: Callable[[str], int] = len) -> list[str]:
    """The text in parts: cut between paragraphs, else lines, else words, else anywhere but inside a link or an escape.

    A cut between paragraphs or lines counts where it leaves a part half full at least. A block of code that is cut is
    closed, and opened again in the next part. Blanks at a cut are dropped, nothing else.
    Shape: no part is blank; blank text has none. A link longer than a part is cut; parts under 100 leave code as it is.
    Units: `limit`, and `first` for the first part, in what `count` counts, which is at least one a character.
    """
    text = text.strip("\n")
    limits = chain([limit if first is None else first], repeat(limit))
    parts, at, fence = [], 0, ""
    while at < len(text):
        head = f"{fence}\n" if fence else ""
        room = max(next(limits), 1) - count(head)
        if len(text) - at <= room and count(text[at:]) <= room:
            parts.append(head + text[at:])
            break
        cut = _best_cut(text, at, room, count, fence if min(limit, first or limit) >= FENCES_FROM else None)
        parts.append(head + text[at : cut.end] + (FENCE_END if cut.fence else ""))
        at, fence = cut.resume, cut.fence
    return [part for part in parts if part.strip()]


class _Cut(NamedTuple):
    """A place to cut, and how good it is; between `end` and `resume` lie blanks. `fence` opens the code it is in."""

    rank: int
    end: int
    resume: int
    fence: str = ""


def _best_cut(text: str, start: int, room: int, count: Callable[[str], int], fence: str | None) -> _Cut:
    """The best place to cut the text behind `start`. `fence` None: code is nothing special."""
    spare = len(FENCE_END) if fence is not None and (fence or "```" in text[start : start + room]) else 0
    window = range(start, min(start + room, len(text)) + 1)
    fit = start + bisect_right(window, room - spare, key=lambda end: count(text[start:end])) - 1
    hard = max(fit, start + 1)
    hard = next((end for end in range(hard, max(hard - 16, start), -1) if not JOINED.match(text, end)), hard)
    best, opener_end = _Cut(-1, 0, 0), -1
    for token in TOKEN.finditer(text, start, fit + LONGEST_WHOLE):
        begin, end = token.span()
        if begin > fit:
            break
        lines = token[0].count("\n") if begin >= (start + fit) // 2 else 0
        if token.lastgroup == "fence" and fence is not None and end <= fit:
            fence, opener_end = ("", -1) if fence else (token[0].strip(" \t>"), end)
        elif token.lastgroup == "whole" and start < begin < hard < end:
            hard = begin
        elif token.lastgroup == "gap" and start < begin and not fence:
            best = max(best, _Cut(min(lines, 2) + 1 if lines else 0, begin, end))
        elif token.lastgroup == "gap" and start < begin != opener_end and not text.startswith("```", end):
            best = max(best, _Cut(1 if lines else 0, begin, begin + 1, fence or ""))
    return best if best.rank >= 0 else _Cut(0, start + len(text[start:hard].rstrip(" ")), hard, fence or "")


@dataclass(slots=True)
class EditPace:
    """When a streamed answer's next edit is due: the first at once, then after an interval and enough new text.

    Units: `now` is in seconds of any clock that never goes back. An edit that takes something back is always enough.
    """

    interval_seconds: float = 1.0
    least_characters: int = 16
    _shown: str = field(default="", init=False)
    _not_before: float = field(default=-inf, init=False)

    def is_due(self, text: str, now: float) -> bool:
        """Whether to show this text now."""
        if now < self._not_before or not text.strip():
            return False
        is_grown = len(text) - len(self._shown) >= self.least_characters
        return is_grown or not self._shown or not text.startswith(self._shown)

    def shown(self, text: str, now: float) -> None:
        """This text has been shown."""
        self._shown = text
        self._not_before = max(self._not_before, now + self.interval_seconds)
