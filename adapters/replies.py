"""An answer in plain words. No I/O.

Everything here returns text without markup and without control characters. What the model or a colleague wrote must
never be read as markup afterwards: print these strings as they are.
"""

import re
from datetime import datetime

from bot.conversation import Answer, Citation, Outcome
from knowledge.passages import Line

LABELS = {
    Outcome.ANSWERED: "",
    Outcome.ANSWERED_WITH_WARNING: "Unsure",
    Outcome.ASKED_BACK: "Please say more",
    Outcome.DECLINED: "No answer",
    Outcome.REFUSED_LIMIT: "Not now",
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


def _where(line: Line, now: datetime) -> str:
    when = age(line.posted_at, now)
    if line.posted_at is not None:
        when += f" ({line.posted_at.astimezone(now.tzinfo):%Y-%m-%d %H:%M})"
    parts = (one_line(line.author) or "unknown", when, _channel(line.channel_name), one_line(line.permalink))
    return ", ".join(part for part in parts if part)


def _channel(name: str) -> str:
    return "#" + one_line(name).lstrip("#")


def _quoted(text: str) -> str:
    first = one_line(clean(text).strip().partition("\n")[0])
    if len(first) > QUOTE_CHARS:
        first = first[: QUOTE_CHARS - 1].rstrip() + "…"
    return f"\n{INDENT}“{first}”" if first else ""


def _months(then: datetime, now: datetime) -> int:
    months = (now.year - then.year) * MONTHS_A_YEAR + now.month - then.month
    return months - (now.day < then.day)


def _ago(count: int, unit: str) -> str:
    return f"{count} {unit} ago" if count == 1 else f"{count} {unit}s ago"
