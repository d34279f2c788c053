"""Whatever a model took for its answers, prompts keep within their bounds, and a slower one never gets longer ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.generation.pace import LEAST_TOKENS, RECENT, Pace, affordable
from bot.generation.sequence import Finished

MOST = 3000
SPEEDS = st.floats(0.001, 1e6)
ENDS = st.builds(
    Finished,
    st.just("1"),
    st.sampled_from(["stop", "length"]),
    prompt_tokens=st.integers(0, 100_000),
    cached_tokens=st.integers(0, 100_000),
    new_tokens=st.integers(0, 1000),
    prefill_ms=st.floats(-1, 1e9),
    generation_ms=st.floats(-1, 1e9),
)


def read(tokens, per_second, *, cached=0):
    return Finished("1", "stop", tokens + cached, cached, prefill_ms=tokens / per_second * 1000)


def paced(speeds):
    pace = Pace()
    for speed in speeds:
        pace.take(read(430, speed))
    return pace


@settings(deadline=None)
@given(st.lists(ENDS, max_size=30), SPEEDS, st.floats(0.1, 120), st.sampled_from([500, 3000]))
def test_the_budget_stays_within_its_bounds_whatever_is_fed(ends, seed, seconds, usual):
    pace = Pace()
    for end in ends:
        pace.take(end)
    speed = pace.reading(seed)
    assert speed > 0
    assert LEAST_TOKENS <= affordable(speed, seconds, usual, MOST) <= MOST
    assert pace.writing() is None or pace.writing() > 0


@settings(deadline=None)
@given(SPEEDS, SPEEDS, st.floats(0.1, 120), st.floats(0.1, 120), st.sampled_from([500, 3000]))
def test_more_speed_or_more_time_never_makes_a_prompt_shorter(one, other, short, long, usual):
    slow, fast = sorted((one, other))
    short, long = sorted((short, long))
    assert affordable(slow, short, usual, MOST) <= affordable(fast, short, usual, MOST)
    assert affordable(slow, short, usual, MOST) <= affordable(slow, long, usual, MOST)


@settings(deadline=None)
@given(st.lists(st.tuples(SPEEDS, SPEEDS), max_size=20), SPEEDS)
def test_who_was_never_slower_is_not_thought_to_be_slower(pairs, seed):
    slow, fast = paced([min(pair) for pair in pairs]), paced([max(pair) for pair in pairs])
    assert slow.reading(seed) <= fast.reading(seed)


@settings(deadline=None)
@given(SPEEDS, SPEEDS)
def test_a_steady_speed_is_learnt_exactly(seed, speed):
    assert paced([speed] * RECENT).reading(seed) == pytest.approx(speed)


def test_one_slow_first_answer_does_not_decide_and_two_are_believed_in_part():
    assert paced([10.0]).reading(400.0) == 400.0
    assert paced([10.0, 10.0]).reading(400.0) == 205.0
    assert paced([10.0] * 3).reading(400.0) == pytest.approx(10.0)
    assert [paced([10.0] * count).is_known for count in (0, 1, 2)] == [False, False, True]


def test_a_seed_is_forgotten_when_there_are_answers_enough():
    assert paced([10.0] * 5 + [20.0] * 4).reading(1000.0) == pytest.approx(10.0)


def test_a_single_stall_among_fast_answers_changes_nothing():
    assert paced([400.0] * 4 + [3.0] + [400.0] * 2).reading(100.0) == pytest.approx(400.0)


def test_only_what_was_computed_counts_and_only_where_there_was_enough_of_it():
    pace = Pace()
    pace.take(read(100, 50.0, cached=400))
    pace.take(read(100, 50.0, cached=400))
    assert pace.reading(50.0) == pytest.approx(50.0)
    pace.take(read(20, 9999.0, cached=400))
    pace.take(Finished("1", "stop", 500, 0, prefill_ms=0.0))
    assert pace.reading(50.0) == pytest.approx(50.0)


def test_the_first_token_of_an_answer_came_with_its_prompt():
    pace = Pace()
    assert pace.writing() is None
    pace.take(Finished("1", "length", 500, 0, 33, 1000.0, 800.0))
    assert pace.writing() == pytest.approx(40.0)


def test_on_a_machine_such_as_the_figures_are_of_the_length_stays_what_it_was():
    assert {affordable(speed, 1.5, 500, MOST) for speed in (300, 340, 370)} == {500}
    assert affordable(120, 1.5, 500, MOST) == LEAST_TOKENS
    assert affordable(690, 1.5, 500, MOST) == 977
