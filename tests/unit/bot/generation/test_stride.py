"""How much of a prompt a step reads, on machines that are imagined: so many tokens a second, and a moment a step."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.generation.stride import FIRST, LEAST, RECENT, STEP_SECONDS, Stride

MOMENT = 0.01


def read(stride, speed, steps=20):
    """The sizes of so many steps."""
    sizes = []
    for _ in range(steps):
        sizes.append(stride.size())
        stride.read(sizes[-1], MOMENT + sizes[-1] / speed)
    return sizes


@pytest.mark.parametrize(("speed", "size"), [(5, 64), (20, 64), (150, 128), (300, 256), (600, 512), (20_000, 512)])
def test_a_step_is_as_long_as_the_machine_is_fast(speed, size):
    assert set(read(Stride(512), speed)[1:]) == {size}


def test_the_first_step_knows_nothing():
    assert Stride(512).size() == FIRST
    assert Stride(100).size() == 100


@given(st.integers(16, 8192))
def test_a_number_that_somebody_set_is_kept(batch):
    for speed in (1, 100_000):
        assert set(read(Stride(batch, least=batch), speed)) == {batch}


@given(st.integers(16, 4096), st.floats(1, 50_000), st.floats(1, 50_000))
@example(134, 262.0, 261.0)
def test_it_follows_a_machine_that_becomes_faster_or_slower(most, before, after):
    stride, fresh = Stride(most), Stride(most)
    read(stride, before)
    size = read(stride, after, 3 * RECENT)[-1]
    # Long steps are measured a little faster than short ones, so between two lengths both may stay.
    assert 0.5 <= size / read(fresh, after, 3 * RECENT)[-1] <= 2
    assert min(LEAST, most) <= size <= most
    assert size <= LEAST or size / after <= STEP_SECONDS


def test_one_slow_step_is_not_enough():
    stride = Stride(512)
    read(stride, 2000)
    stride.read(512, 20)
    assert stride.size() == 512


def test_short_steps_say_nothing():
    stride = Stride(512)
    read(stride, 2000)
    for _ in range(RECENT):
        stride.read(LEAST - 1, 60)
    assert stride.size() == 512
