"""Intervals of what was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.injection import bootstrap, wilson


def test_an_interval_of_nothing_seen_is_no_point():
    low, high = wilson(0, 75)
    assert low == 0.0
    assert high == pytest.approx(0.0487, abs=0.0002)  # 3.84 / (75 + 3.84)
    assert wilson(5, 10) == pytest.approx([0.2366, 0.7634], abs=0.0001)
    assert wilson(0, 0) == [0.0, 1.0]


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_in_its_interval(counts):
    hits, n = counts
    low, high = wilson(hits, n)
    assert 0.0 <= low <= round(hits / n, 4) <= high <= 1.0


def test_the_same_values_always_give_the_same_interval():
    values = [0.0, 0.2, 0.4, 1.0] * 10
    low, high = bootstrap(values)
    assert low < 0.4 < high
    assert bootstrap(values) == [low, high]
    assert bootstrap([]) == [0.0, 0.0]
