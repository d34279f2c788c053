from datetime import UTC, datetime, timedelta, timezone

import pytest

from adapters.since import TO_COME, TOO_EARLY, UNCLEAR, NoSuchDay, moment

# A Friday, half past one at night where it is typed; still Thursday in UTC.
NOW = datetime(2026, 5, 15, 1, 30, tzinfo=timezone(timedelta(hours=2)))


def day(month, number, hour=0):
    """Midnight where it is typed, in UTC."""
    return datetime(2026, month, number, hour, tzinfo=NOW.tzinfo).astimezone(UTC)


@pytest.mark.parametrize(
    ("phrase", "begins"),
    [
        ("2026-05-01", day(5, 1)),
        ("2026-5-1", day(5, 1)),
        ("2026/05/01", day(5, 1)),
        ("2026-05-01 14:00", day(5, 1, 14)),
        ("2026-05-01T14:00", day(5, 1, 14)),
        ("today", day(5, 15)),
        ("Yesterday", day(5, 14)),
        ("monday", day(5, 11)),
        ("last monday", day(5, 11)),
        ("friday", day(5, 8)),
        ("thu", day(5, 14)),
        ("may", day(5, 1)),
        ("march", day(3, 1)),
        ("june", datetime(2025, 6, 1, tzinfo=NOW.tzinfo).astimezone(UTC)),
        ("3 days", day(5, 12)),
        ("3 days ago", day(5, 12)),
        ("3d", day(5, 12)),
        ("the last 3 days", day(5, 12)),
        ("past 2 weeks", day(5, 1)),
        ("a week", day(5, 8)),
        ("1 month", day(4, 15)),
        ("one year ago", datetime(2025, 5, 15, tzinfo=NOW.tzinfo).astimezone(UTC)),
        ("2 hours", datetime(2026, 5, 14, 21, 30, tzinfo=UTC)),
        ("90 minutes ago", datetime(2026, 5, 14, 22, 0, tzinfo=UTC)),
        ("this week", day(5, 11)),
        ("last week", day(5, 4)),
        ("past week", day(5, 8)),
        ("this month", day(5, 1)),
        ("last  month", day(4, 1)),
        ("this year", day(1, 1)),
    ],
)
def test_days_begin_where_it_is_typed(phrase, begins):
    assert moment(phrase, NOW) == begins


def test_a_month_before_its_last_day_is_the_shorter_months_last():
    assert moment("1 month", datetime(2026, 3, 31, 12, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)


def test_a_month_that_begins_today_has_begun():
    assert moment("may", datetime(2026, 5, 1, 12, tzinfo=UTC)) == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("phrase", "saying"),
    [
        ("", UNCLEAR),
        ("someday", UNCLEAR),
        ("2026-02-30", UNCLEAR),
        ("0000-01-01", UNCLEAR),
        ("week", UNCLEAR),
        ("2026-05-15 02:00", TO_COME),
        ("9999-12-31", TO_COME),
        ("1969-12-31", TOO_EARLY),
        ("0001-01-01", TOO_EARLY),
        ("999999 weeks", TOO_EARLY),
        ("999999 years ago", TOO_EARLY),
        ("1000 months", TOO_EARLY),
    ],
)
def test_days_that_cannot_be_taken(phrase, saying):
    with pytest.raises(NoSuchDay) as refused:
        moment(phrase, NOW)
    assert str(refused.value) == saying
