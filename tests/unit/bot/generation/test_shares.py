from hypothesis import given
from hypothesis import strategies as st

from bot.generation.shares import SharedClock


def test_two_who_share_get_half_each():
    clock = SharedClock()
    clock.share(1, 100.0)
    begun = clock.read(100.0)
    clock.share(2, 110.0)
    assert clock.read(130.0) - begun == 20.0
    assert clock.when(begun + 25.0, 130.0) == 140.0
    clock.share(0, 130.0)
    assert clock.read(135.0) - begun == 25.0


@given(st.lists(st.tuples(st.integers(0, 8), st.floats(0, 100)), max_size=20))
def test_it_never_runs_faster_than_time_nor_backwards(changes):
    clock, now = SharedClock(), 1000.0
    clock.share(1, now)
    last = begun = clock.read(now)
    for number, seconds in changes:
        clock.share(number, now)
        now += seconds
        assert last <= clock.read(now) <= last + seconds + 1e-6
        last = clock.read(now)
    assert last - begun <= now - 1000.0 + 1e-6
