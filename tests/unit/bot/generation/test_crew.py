"""How many threads a step gets, on a machine that is imagined: time passes only when a step takes it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.generation.crew import LONGEST_WAIT, WINDOW_SECONDS, Crew

STEP = 0.01  # seconds of one processor's work
LOST = 4  # times longer, when a thread has no processor


class Machine:
    """Runs steps of a crew on so many free processors, and counts the seconds in which too many threads waited."""

    def __init__(self, most: int, crew: type[Crew] = Crew) -> None:
        self.now = self.crowded = 0.0
        self.most = most
        self.crew = crew(lambda: self.now)

    def run(self, seconds: float, *, free: int) -> list[int]:
        """Steps until so much time is over; the threads of each."""
        until, sizes = self.now + seconds, []
        while self.now < until:
            threads = self.crew.size(self.most)
            elapsed = STEP / min(threads, free) * (LOST if threads > free else 1)
            self.now += elapsed
            self.crowded += elapsed if threads > free else 0.0
            self.crew.worked(threads, elapsed, elapsed * min(threads, free))
            sizes.append(threads)
        return sizes


class Deaf(Crew):
    """A crew that hears nothing."""

    def worked(self, threads: int, elapsed: float, used: float) -> None:
        """Nothing."""


class Resigned(Crew):
    """A crew that never tries again."""

    def size(self, most: int) -> int:
        """As many as last time."""
        self._retry_at = float("inf")
        return super().size(most)


@pytest.mark.parametrize("most", [1, 2, 16])
def test_on_a_quiet_machine_all_work(most):
    assert set(Machine(most).run(20, free=most)) == {most}


@pytest.mark.parametrize(("most", "free"), [(2, 1), (4, 3), (16, 15), (16, 4)])
def test_beside_other_work_as_many_as_have_a_processor(most, free):
    machine = Machine(most)
    machine.run(10, free=free)
    machine.crowded = 0.0
    sizes = machine.run(60, free=free)
    assert set(sizes) == {free, most}
    assert machine.crowded < 60 * 0.03


def test_a_crew_that_hears_nothing_would_be_caught():
    machine = Machine(2, Deaf)
    machine.run(60, free=1)
    assert machine.crowded >= 60


@settings(deadline=None)
@given(busy=st.floats(0.1, 30), most=st.integers(2, 64), data=st.data())
def test_all_work_again_soon_after_the_other_work_is_over(busy, most, data):
    machine = Machine(most)
    machine.run(busy, free=data.draw(st.integers(1, most - 1)))
    machine.run(2 * WINDOW_SECONDS, free=most)  # a window that began beside the other work may still be judged by it
    machine.run(LONGEST_WAIT, free=most)
    assert set(machine.run(5, free=most)) == {most}


def test_a_crew_that_never_tries_again_would_be_caught():
    machine = Machine(2, Resigned)
    machine.run(1, free=1)
    machine.run(LONGEST_WAIT, free=2)
    assert set(machine.run(5, free=2)) == {1}


def test_one_slow_step_is_not_enough():
    now = 0.0
    crew = Crew(lambda: now)
    crew.worked(2, WINDOW_SECONDS / 2, WINDOW_SECONDS / 2)
    assert crew.size(2) == 2
    crew.worked(2, WINDOW_SECONDS / 2, WINDOW_SECONDS / 2)
    assert crew.size(2) == 1


@given(st.lists(st.tuples(st.integers(1, 64), st.floats(0, 100), st.floats(0, 6400))), st.integers(1, 64))
def test_whatever_was_measured_there_is_a_thread_and_never_more_than_may_be(steps, most):
    now = 0.0
    crew = Crew(lambda: now)
    for threads, elapsed, used in steps:
        crew.worked(threads, elapsed, used)
        now += elapsed
        assert 1 <= crew.size(most) <= most
