"""What the time of a passage adds to its rank."""

from datetime import UTC, datetime, timedelta

from knowledge.priors import preferred, when_of
from knowledge.ranking import Scored

NOW = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=900)
LAST_WEEK = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)


def order(question, **scored):
    """Units 1, 2, … with their scores and times, in the order in which they come out."""
    units = [Scored(unit, score=score) for unit, (score, _) in enumerate(scored.values(), 1)]
    said_at = {unit: at for unit, (_, at) in enumerate(scored.values(), 1)}
    names = dict(enumerate(scored, 1))
    return [names[one.unit] for one in preferred(units, said_at, when_of(question, NOW), len(units))]


def test_what_was_said_at_the_time_asked_about_comes_first():
    talk = {"old": (0.8, LONG_AGO), "then": (0.6, LAST_WEEK)}
    assert order("what did we decide last week?", **talk) == ["then", "old"]
    assert order("what did we decide?", **talk) == ["old", "then"]


def test_the_later_of_two_equals_comes_first():
    assert order("which port", old=(0.7, LONG_AGO), new=(0.7, NOW)) == ["new", "old"]


def test_age_alone_lifts_nothing_that_answers_clearly_less_well():
    assert order("which port", old=(0.75, LONG_AGO), new=(0.7, NOW)) == ["old", "new"]


def test_who_asks_for_what_holds_now_gets_the_latest_sooner():
    talk = {"old": (0.8, LONG_AGO), "new": (0.7, NOW)}
    assert order("which port is it currently", **talk) == ["new", "old"]
    assert order("目前用哪个端口", **talk) == ["new", "old"]


def test_talk_without_dates_keeps_its_order():
    assert order("what did we decide last week?", first=(0.7, None), second=(0.6, None)) == ["first", "second"]
