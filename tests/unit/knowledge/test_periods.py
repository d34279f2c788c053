"""The time that a question names: tables of phrases, and what holds for any text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.periods import MONTHS, period_of

# A Friday.
NOW = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)
NAIVE = NOW.replace(year=1990, tzinfo=None)  # as Hypothesis wants its bounds

NAMED = [
    ("what did we ship today?", "2026-11-27", "2026-11-28"),
    ("what broke yesterday", "2026-11-26", "2026-11-27"),
    ("who said so the day before yesterday", "2026-11-25", "2026-11-26"),
    ("what did we decide last week?", "2026-11-16", "2026-11-23"),
    ("who is on call this week", "2026-11-23", "2026-11-30"),
    ("what changed in the past week", "2026-11-20", "2026-11-28"),
    ("two weeks ago", "2026-11-09", "2026-11-16"),
    ("the last 3 days", "2026-11-24", "2026-11-28"),
    ("a couple of days ago", "2026-11-25", "2026-11-26"),
    ("on monday", "2026-11-23", "2026-11-24"),
    ("last Friday", "2026-11-20", "2026-11-21"),
    ("since tuesday", "2026-11-24", "2026-11-28"),
    ("last weekend", "2026-11-21", "2026-11-23"),
    ("why did it break in May?", "2026-05-01", "2026-06-01"),
    ("what was planned in December", "2025-12-01", "2026-01-01"),
    ("since March", "2026-03-01", "2026-11-28"),
    ("March 2023", "2023-03-01", "2023-04-01"),
    ("May 25, 2023", "2023-05-25", "2023-05-26"),
    ("on 3 June, 2023", "2023-06-03", "2023-06-04"),
    ("the outage of Oct 13th", "2026-10-13", "2026-10-14"),
    ("what did we agree on 4 May?", "2026-05-04", "2026-05-05"),
    ("in 2023", "2023-01-01", "2024-01-01"),
    ("Q3 2025", "2025-07-01", "2025-10-01"),
    ("2023-05-08", "2023-05-08", "2023-05-09"),
    ("in 2023-05", "2023-05-01", "2023-06-01"),
    ("昨天谁值班", "2026-11-26", "2026-11-27"),
    ("上周我们决定了什么", "2026-11-16", "2026-11-23"),
    ("上上个星期", "2026-11-09", "2026-11-16"),
    ("上周三谁值班", "2026-11-18", "2026-11-19"),
    ("周五发布了什么", "2026-11-20", "2026-11-21"),
    ("上个月的账单", "2026-10-01", "2026-11-01"),
    ("去年", "2025-01-01", "2026-01-01"),
    ("最近三天", "2026-11-24", "2026-11-28"),
    ("两周前", "2026-11-09", "2026-11-16"),
    ("五月份的发布", "2026-05-01", "2026-06-01"),
    ("2023年5月8日", "2023-05-08", "2023-05-09"),
    ("2023年的计划", "2023-01-01", "2024-01-01"),
]


@pytest.mark.parametrize(("question", "start", "end"), NAMED, ids=[case[0] for case in NAMED])
def test_a_named_time_becomes_its_stretch(question, start, end):
    period = period_of(question, NOW)
    assert period is not None
    assert (f"{period.start:%Y-%m-%d}", f"{period.end:%Y-%m-%d}") == (start, end)


@pytest.mark.parametrize(
    "question",
    [
        "why did we drop Kafka?",
        "what may happen next",
        "release 10 may break",
        "31 June",
        "2023-13-40",
        "version 2023.4",
        "port 2023",
        "march on",
        "9999 years ago",
        "一个月饼多少钱",
        "",
    ],
)
def test_what_names_no_time_has_none(question):
    assert period_of(question, NOW) is None


def test_the_longest_phrase_counts():
    assert period_of("in 2023, no: on 3 June, 2023", NOW).words == "3 june, 2023"


def test_days_begin_where_the_asker_is():
    now = datetime(2026, 11, 27, 1, 0, tzinfo=timezone(timedelta(hours=8)))
    period = period_of("yesterday", now)
    assert period.start == datetime(2026, 11, 25, 16, 0, tzinfo=UTC)


def test_only_what_was_said_then_belongs_to_it():
    period = period_of("yesterday", NOW)
    assert period.holds(period.start)
    assert not period.holds(period.end)
    assert not period.holds(None)


@given(st.text(max_size=200), st.datetimes(timezones=st.just(UTC), min_value=NAIVE))
def test_any_text_gives_a_stretch_that_has_a_length_or_none(text, now):
    period = period_of(text, now)
    assert period is None or period.start < period.end


@given(st.sampled_from(MONTHS), st.datetimes(timezones=st.just(UTC), min_value=NAIVE))
def test_a_month_without_a_year_is_the_last_that_has_begun(month, now):
    period = period_of(f"in {month}", now)
    assert period.start <= now < period.start + timedelta(days=366)
