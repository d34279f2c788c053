"""The stretch of time that a question speaks of: "last week", "in May", "on 3 June 2023", 上周, 五月. No I/O."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
MONTHS_IN_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to `end`, which is no longer part of it. `words`: what of the question names it."""

    start: datetime
    end: datetime
    words: str

    def holds(self, moment: datetime | None) -> bool:
        """Whether something of this time belongs to it; what has no time never does."""
        return moment is not None and self.start <= moment < self.end


def period_of(question: str, now: datetime) -> Period | None:
    """The time a question names, as somebody means it who asks `now`, in the zone of `now`; None where it names none.

    A month without a year is the last one that has begun. The longest phrase counts where there are several.
    """
    folded = question.lower()
    found: list[Period] = []
    for pattern, read in _PHRASES:
        for match in pattern.finditer(folded):
            try:
                span = read(match, now)
            except (ValueError, OverflowError):  # the 31st of June; ten thousand years ago
                continue
            words = match[0].strip()
            end = _midnight(now) + timedelta(days=1) if words.startswith("since ") else span[1]
            found.append(Period(span[0], end, words))
    return max(found, key=lambda period: len(period.words), default=None)


Span = tuple[datetime, datetime]
_Reader = Callable[["re.Match[str]", datetime], Span]


def months_before(day: datetime, count: int) -> datetime:
    """The same day so many months earlier, or that month's last. Errors: `OverflowError` before the year 1."""
    year, month = divmod(day.year * MONTHS_IN_A_YEAR + day.month - 1 - count, MONTHS_IN_A_YEAR)
    if year < 1:
        raise OverflowError
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _day(day: datetime) -> Span:
    return day, day + timedelta(days=1)


def _week(day: datetime) -> Span:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=7)


def _month(day: datetime) -> Span:
    first = day.replace(day=1)
    return first, months_before(first, -1)


def _year(day: datetime) -> Span:
    first = day.replace(month=1, day=1)
    return first, months_before(first, -MONTHS_IN_A_YEAR)


_SPANS: dict[str, Callable[[datetime], Span]] = {"d": _day, "w": _week, "m": _month, "y": _year}


def _back(day: datetime, count: int, unit: str) -> datetime:
    if unit in {"d", "w"}:
        return day - timedelta(days=count * (7 if unit == "w" else 1))
    return months_before(day, count * (MONTHS_IN_A_YEAR if unit == "y" else 1))


def _span_back(count: int, unit: str, now: datetime) -> Span:
    """The day, week, month or year that lies so many of them back: 0 is the present one."""
    return _SPANS[unit](_back(_midnight(now), count, unit))


def _lately(count: int, unit: str, now: datetime) -> Span:
    """The last so many days, weeks, months or years, up to now."""
    return _back(_midnight(now), count, unit), _midnight(now) + timedelta(days=1)


def _weekday(number: int, weeks_back: int | None, now: datetime) -> Span:
    """A weekday of the week so many back; where no week is named, the last one before today."""
    today = _midnight(now)
    if weeks_back is None:
        return _day(today - timedelta(days=(today.weekday() - number - 1) % 7 + 1))
    return _day(today - timedelta(days=today.weekday() - number + 7 * weeks_back))


def _date(year: int | None, month: int, day: int | None, now: datetime) -> Span:
    """A month or a day of it; without a year the last one that has begun."""
    begin = _midnight(now).replace(year=year or now.year, month=month, day=day or 1)
    if year is None and begin > now:
        begin = months_before(begin, MONTHS_IN_A_YEAR)
    return _day(begin) if day else _month(begin)


def _quarter(number: int, year: int | None, now: datetime) -> Span:
    begin = _date(year, 3 * number - 2, None, now)[0]
    return begin, months_before(begin, -3)


# ---- English -----------------------------------------------------------------------------------

_MONTH_NAMES = "|".join(rf"{name[:3]}(?:{name[3:]})?" if name != "may" else "may" for name in MONTHS)
_DAY_NAMES = "|".join(DAYS)
_NUMBERS = {word: count for count, word in enumerate("one two three four five six seven eight nine ten".split(), 1)}
_NUMBERS |= {"a": 1, "an": 1, "couple of": 2, "a couple of": 2, "few": 3, "a few": 3}
_COUNT = rf"\d{{1,3}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))}"
_UNIT = "(day|week|month|year)s?"
_LAST_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word]


def _month_number(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, 1) if month.startswith(name[:3]))


def _named_date(match: "re.Match[str]", now: datetime) -> Span:
    parts = match.groupdict()
    year, day = parts.get("year"), parts.get("day")
    return _date(int(year) if year else None, _month_number(parts["month"]), int(day) if day else None, now)


def _numbered_date(match: "re.Match[str]", now: datetime) -> Span:
    year, month, day = (match.groupdict()[key] for key in ("year", "month", "day"))
    return _date(int(year) if year else None, int(month), int(day) if day else None, now)


def _of_quarter(match: "re.Match[str]", now: datetime) -> Span:
    return _quarter(int(match["quarter"]), int(match["year"]) if match["year"] else None, now)


_ENGLISH: tuple[tuple[str, _Reader], ...] = (
    (r"\b(?:today|this morning|this afternoon|tonight)\b", lambda _, now: _span_back(0, "d", now)),
    (r"\b(?:yesterday|last night)\b", lambda _, now: _span_back(1, "d", now)),
    (r"\bday before yesterday\b", lambda _, now: _span_back(2, "d", now)),
    (r"\bthis (day|week|month|year)\b", lambda match, now: _span_back(0, match[1][0], now)),
    (r"\b(?:last|previous) (week|month|year)\b", lambda match, now: _span_back(1, match[1][0], now)),
    (r"\b(?:past|recent) (week|month|year)\b", lambda match, now: _lately(1, match[1][0], now)),
    (
        rf"\b(?:last|past|previous) ({_COUNT}) {_UNIT}\b",
        lambda match, now: _lately(_number(match[1]), match[2][0], now),
    ),
    (rf"\b({_COUNT}) {_UNIT} ago\b", lambda match, now: _span_back(_number(match[1]), match[2][0], now)),
    (r"\blast weekend\b", lambda _, now: (_weekday(5, 1, now)[0], _weekday(6, 1, now)[1])),
    (
        rf"\b(last |on |since )({_DAY_NAMES})\b",
        lambda match, now: _weekday(DAYS.index(match[2]), None, now),
    ),
    (rf"\b(?:in|during|of|since|last|this) (?P<month>{_MONTH_NAMES})\b(?! {_LAST_DAY}\b)", _named_date),
    (rf"\b(?P<month>{_MONTH_NAMES})\.?,? (?:of )?{_YEAR}\b", _named_date),
    (rf"\b(?P<month>{_MONTH_NAMES})\.? {_LAST_DAY}\b(?!\d|:)(?:,? {_YEAR}\b)?", _named_date),
    # "May" is rarely a month where a sentence goes on behind it.
    (rf"\b{_LAST_DAY} (?:of )?(?P<month>{_MONTH_NAMES})\b(?<!may)(?:,? {_YEAR}\b)?", _named_date),
    (rf"\b{_LAST_DAY} (?:of )?(?P<month>may)\b(?:,? {_YEAR}\b|(?=\s*(?:[^\w\s]|$)))", _named_date),
    (
        rf"\b(?:in|during|since|of) {_YEAR}\b(?!-)",
        lambda match, now: _year(_midnight(now).replace(year=int(match[1]), day=1)),
    ),
    (rf"\bq(?P<quarter>[1-4])(?: {_YEAR})?\b", _of_quarter),
    (rf"\b{_YEAR}-(?P<month>\d\d)(?:-(?P<day>\d\d))?\b", _numbered_date),
)


# ---- Chinese -----------------------------------------------------------------------------------

_CHINESE_DAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6}
_CHINESE_NUMBERS = dict(zip("一二三四五六七八九十", range(1, 11), strict=True)) | {
    "两": 2,
    "几": 3,
    "十一": 11,
    "十二": 12,
}
_CHINESE_COUNT = "十[一二]|[一二三四五六七八九十两几]|\\d{1,3}"
_CHINESE_UNITS = {"天": "d", "日": "d", "周": "w", "星期": "w", "礼拜": "w", "月": "m", "年": "y"}
_CHINESE_UNIT = "(天|日|周|星期|礼拜|月|年)"
_WEEK = "(?:周|个?星期|个?礼拜)"
_BACK = {"今": 0, "本": 0, "这": 0, "这个": 0, "昨": 1, "上": 1, "上个": 1, "去": 1, "前": 2, "上上": 2, "上上个": 2}


def _chinese_number(word: str) -> int:
    return int(word) if word.isascii() else _CHINESE_NUMBERS[word]


def _chinese_date(match: "re.Match[str]", now: datetime) -> Span:
    year, month, day = (match.groupdict()[key] for key in ("year", "month", "day"))
    if month is None:
        return _year(_midnight(now).replace(year=int(year), day=1))
    return _date(int(year) if year else None, _chinese_number(month), _chinese_number(day) if day else None, now)


def _chinese_weekday(match: "re.Match[str]", now: datetime) -> Span:
    back = match[1].rstrip("个")
    return _weekday(_CHINESE_DAYS[match[2]], _BACK[back] if back else None, now)


_CHINESE: tuple[tuple[str, _Reader], ...] = (
    ("(今|昨|前)(?:天|日|晚|早)", lambda match, now: _span_back(_BACK[match[1]], "d", now)),
    (f"(上上|上|本|这)个?{_WEEK}", lambda match, now: _span_back(_BACK[match[1]], "w", now)),
    (f"(上上|上|本|这|){_WEEK}([一二三四五六日天])", _chinese_weekday),
    ("(上上|上|本|这)个?月", lambda match, now: _span_back(_BACK[match[1]], "m", now)),
    ("(今|去|前)年", lambda match, now: _span_back(_BACK[match[1]], "y", now)),
    (
        f"(?:最近|过去|近)的?这?({_CHINESE_COUNT})个?{_CHINESE_UNIT}",
        lambda match, now: _lately(_chinese_number(match[1]), _CHINESE_UNITS[match[2]], now),
    ),
    (
        f"({_CHINESE_COUNT})个?{_CHINESE_UNIT}(?:之|以)?前",
        lambda match, now: _span_back(_chinese_number(match[1]), _CHINESE_UNITS[match[2]], now),
    ),
    (
        "(?:(?P<year>(?:19|20)\\d\\d)年)?(?P<month>1[0-2]|0?[1-9]|十[一二]|[一二三四五六七八九十])月(?:份|(?P<day>\\d{1,2})[日号]?)?",
        _chinese_date,
    ),
    (
        "(?P<year>(?:19|20)\\d\\d)年(?P<month>)(?P<day>)",
        lambda match, now: _year(_midnight(now).replace(year=int(match[1]), day=1)),
    ),
)

_PHRASES = tuple((re.compile(pattern), read) for pattern, read in (*_ENGLISH, *_CHINESE))
