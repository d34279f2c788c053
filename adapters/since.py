"""Days as people type them: "2026-05-01", "yesterday", "monday", "march", "3 days ago", "last week". No I/O."""

import re
from datetime import datetime, timedelta

from adapters.dates import EPOCH
from knowledge.periods import DAYS, MONTHS, MONTHS_IN_A_YEAR, months_before

UNCLEAR = "I do not know that day: write a date such as 2026-05-01, or yesterday, monday, 3 days or last week."
TO_COME = "That day is still to come: name one that has begun, such as yesterday or 2026-05-01."
TOO_EARLY = "That is before 1970: name a later day, such as 2026-05-01."

_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[t ](\d{1,2}):(\d{2}))?", re.ASCII)
_AMOUNT = re.compile(
    r"(?:(?:the )?(?:last|past) )?(?:(\d{1,6})|an?|one) ?(minute|min|hour|h|day|d|week|w|month|year|y)s?(?: ago)?",
    re.ASCII,
)
_SPAN = re.compile(r"(?:the )?(this|last|past) (week|month|year)")


class NoSuchDay(Exception):
    """What was typed is no day to begin from; the text is the sentence for who typed it."""


def moment(phrase: str, now: datetime) -> datetime:
    """When the day begins that somebody means who types this `now`, in the zone of `now`.

    A weekday is the last one before today, a month the last one that began. Errors: `NoSuchDay`.
    """
    words = " ".join(phrase.lower().split())
    try:
        found = _date(words, now) or _named(words, now) or _span(words, now) or _amount(words, now)
    except OverflowError:
        raise NoSuchDay(TOO_EARLY) from None
    if found is None:
        raise NoSuchDay(UNCLEAR)
    if found > now:
        raise NoSuchDay(TO_COME)
    if found < EPOCH:
        raise NoSuchDay(TOO_EARLY)
    return found


def _date(words: str, now: datetime) -> datetime | None:
    match = _DATE.fullmatch(words)
    if match is None:
        return None
    year, month, day, hour, minute = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, tzinfo=now.tzinfo)
    except ValueError:
        return None


def _named(words: str, now: datetime) -> datetime | None:
    """Today, yesterday, a weekday, a month."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if words in {"today", "yesterday"}:
        return today - timedelta(days=words == "yesterday")
    name = words.removeprefix("last ")
    for number, day in enumerate(DAYS):
        if name in {day, day[:3]}:
            return today - timedelta(days=(today.weekday() - number - 1) % 7 + 1)
    if name in MONTHS:
        return months_before(today.replace(day=1), (today.month - 1 - MONTHS.index(name)) % MONTHS_IN_A_YEAR)
    return None


def _span(words: str, now: datetime) -> datetime | None:
    """Where this week, month or year began, or the last one; "past week" is seven days."""
    match = _SPAN.fullmatch(words)
    if match is None:
        return None
    which, unit = match.groups()
    if which == "past":
        return _before(now, 1, unit)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = {
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
    }
    return _before(begins[unit], int(which == "last"), unit)


def _amount(words: str, now: datetime) -> datetime | None:
    match = _AMOUNT.fullmatch(words)
    return _before(now, int(match[1] or 1), match[2]) if match else None


def _before(then: datetime, count: int, unit: str) -> datetime:
    """So many units earlier; whole days begin at midnight. Errors: `OverflowError` before the year 1."""
    if unit.startswith(("min", "h")):
        return then - (timedelta(hours=count) if unit.startswith("h") else timedelta(minutes=count))
    day = then.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit.startswith(("d", "w")):
        return day - timedelta(days=count * (7 if unit.startswith("w") else 1))
    return months_before(day, count * (MONTHS_IN_A_YEAR if unit.startswith("y") else 1))
