import pytest

from bot.generation.scheduler import Scheduler, State
from bot.generation.sequence import Count, Embed, Generate


def test_first_come_first_served_one_at_a_time():
    scheduler = Scheduler()
    first, second = Generate("1", ()), Embed("2", ("a",))
    scheduler.add(first)
    scheduler.add(second)
    assert scheduler.schedule() == (first,)
    assert scheduler.schedule() == (first,)
    assert scheduler.state_of("2") is State.WAITING
    assert scheduler.finish("1") is State.RUNNING
    assert scheduler.schedule() == (second,)


def test_a_waiting_request_can_be_cancelled():
    scheduler = Scheduler()
    scheduler.add(Generate("1", ()))
    scheduler.add(Generate("2", ()))
    scheduler.schedule()
    assert scheduler.finish("2") is State.WAITING
    assert scheduler.finish("2") is State.FINISHED
    assert len(scheduler) == 1


def test_counting_does_not_wait_behind_an_answer():
    scheduler = Scheduler()
    answer, count = Generate("1", ()), Count("2", ("a",))
    scheduler.add(answer)
    scheduler.schedule()
    scheduler.add(count)
    assert scheduler.schedule() == (count,)
    scheduler.finish("2")
    assert scheduler.schedule() == (answer,)


def test_an_id_in_use_is_refused():
    scheduler = Scheduler()
    scheduler.add(Generate("1", ()))
    with pytest.raises(ValueError, match="already here"):
        scheduler.add(Embed("1", ()))


def test_nothing_to_do():
    assert Scheduler().schedule() == ()
