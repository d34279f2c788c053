import pytest

from bot.generation.scheduler import Ask, Freed, Scheduler


def drive(scheduler, steps=1):
    """So many steps of a model that never ends an answer by itself; returns the plans."""
    plans = []
    for _ in range(steps):
        scheduler.admit()
        for request_id, _, _ in scheduler.restorable():
            scheduler.restored(request_id, worked=True)
        plan = scheduler.plan()
        scheduler.done(plan)
        for one in plan.slices:
            if one.saves:
                scheduler.know("orders")
            if one.ends:
                scheduler.wrote(one.request_id)
        plans.append(plan)
    return plans


def shape(plan):
    return [(one.request_id, one.count) for one in plan.slices]


def test_one_at_a_time_first_come_first_served():
    scheduler = Scheduler(budget=8)
    scheduler.add(Ask("1", 10, 5))
    scheduler.add(Ask("2", 3, 5))
    assert [shape(plan) for plan in drive(scheduler, 4)] == [[("1", 8)], [("1", 2)], [("1", 1)], [("1", 1)]]
    assert scheduler.finish("1") == Freed("1", 0)
    assert shape(*drive(scheduler)) == [("2", 3)]


def test_who_writes_gets_a_token_in_every_step_and_prompts_get_the_rest_in_order_of_arrival():
    scheduler = Scheduler(slots=3, budget=8)
    scheduler.add(Ask("1", 4, 50))
    scheduler.add(Ask("2", 9, 50))
    scheduler.add(Ask("3", 20, 50))
    plans = drive(scheduler, 4)
    assert [shape(plan) for plan in plans] == [
        [("1", 4), ("2", 4)],
        [("1", 1), ("2", 5), ("3", 2)],
        [("1", 1), ("2", 1), ("3", 6)],
        [("1", 1), ("2", 1), ("3", 6)],
    ]
    assert [[one.ends for one in plan.slices] for plan in plans[:2]] == [[True, False], [True, True, False]]


def test_adapters_never_share_a_step_and_take_turns():
    scheduler = Scheduler(slots=3, budget=8)
    scheduler.add(Ask("1", 2, 50))
    scheduler.add(Ask("2", 2, 50, adapter="style"))
    scheduler.add(Ask("3", 2, 50))
    plans = drive(scheduler, 4)
    assert [(plan.adapter, plan.request_ids) for plan in plans] == [
        ("", ("1", "3")), ("style", ("2",)), ("", ("1", "3")), ("style", ("2",)),
    ]  # fmt: skip


def test_who_must_be_alone_shares_no_step_and_stops_nobody():
    scheduler = Scheduler(slots=3, budget=8)
    scheduler.add(Ask("1", 2, 50))
    scheduler.add(Ask("2", 2, 50, alone=True))
    scheduler.add(Ask("3", 2, 50))
    assert [plan.request_ids for plan in drive(scheduler, 4)] == [("1", "3"), ("2",), ("1", "3"), ("2",)]


def test_the_prefix_is_read_once_and_the_others_wait_for_it():
    scheduler = Scheduler(slots=3, budget=8)
    for name in "123":
        scheduler.add(Ask(name, 12, 50, prefix="orders", shared=10))
    plans = drive(scheduler, 3)
    assert [[(one.request_id, one.start, one.count, one.saves) for one in plan.slices] for plan in plans] == [
        [("1", 0, 8, False)],
        [("1", 8, 2, True)],
        [("1", 10, 2, False), ("2", 10, 2, False), ("3", 10, 2, False)],
    ]


def test_when_the_reader_of_the_prefix_goes_another_reads_it():
    scheduler = Scheduler(slots=2, budget=8)
    for name in "12":
        scheduler.add(Ask(name, 12, 50, prefix="orders", shared=10))
    drive(scheduler)
    scheduler.finish("1")
    assert [(one.request_id, one.start, one.count) for one in drive(scheduler)[0].slices] == [("2", 0, 8)]


def test_without_a_copy_of_the_prefix_each_reads_its_own():
    scheduler = Scheduler(slots=2, budget=30)
    for name in "12":
        scheduler.add(Ask(name, 12, 50, prefix="orders", shared=10))
    drive(scheduler)
    scheduler.forget("orders")
    assert shape(*drive(scheduler)) == [("1", 2), ("2", 12)]


def test_the_youngest_makes_room_and_is_read_again_with_what_it_wrote():
    scheduler = Scheduler(slots=2, budget=10, context=12, cells=12)
    scheduler.add(Ask("1", 4, 8))
    scheduler.add(Ask("2", 4, 8))
    plans = drive(scheduler, 4)
    assert [plan.request_ids for plan in plans] == [("1", "2")] * 3 + [("1",)]
    assert plans[3].preempted == (Freed("2", 1),)
    scheduler.finish("1")
    (again,) = drive(scheduler)[0].slices
    assert (again.request_id, again.start, again.count, again.ends) == ("2", 0, 7, True)


def test_nobody_is_admitted_for_whom_there_is_no_room():
    scheduler = Scheduler(slots=2, budget=10, context=12, cells=16)
    scheduler.add(Ask("1", 8, 4))
    scheduler.add(Ask("2", 8, 4))
    assert drive(scheduler)[0].request_ids == ("1",)


def test_texts_to_embed_and_answers_take_turns():
    scheduler = Scheduler()
    scheduler.add(Ask("1", 2, 50))
    scheduler.add_embedding("2")
    scheduler.add_embedding("3")
    assert [plan.request_ids for plan in drive(scheduler, 4)] == [("2",), ("1",), ("3",), ("1",)]
    scheduler.finish("2")
    scheduler.finish("1")
    assert [plan.request_ids for plan in drive(scheduler, 2)] == [("3",), ("3",)]


def test_a_waiting_request_can_be_cancelled():
    scheduler = Scheduler()
    scheduler.add(Ask("1", 2, 5))
    scheduler.add(Ask("2", 2, 5))
    drive(scheduler)
    assert scheduler.finish("2") is None
    assert "2" not in scheduler
    assert len(scheduler) == 1


@pytest.mark.parametrize("ask", [Ask("1", 1, 1), Ask("2", 0, 1), Ask("3", 1, 0), Ask("4", 90, 11)])
def test_what_cannot_be_carried_out_is_refused(ask):
    scheduler = Scheduler(context=100)
    scheduler.add(Ask("1", 1, 1))
    with pytest.raises(ValueError, match=f"request {ask.request_id}"):
        scheduler.add(ask)


@pytest.mark.parametrize("wrong", [{"slots": 3, "budget": 2}, {"context": 10, "cells": 9}, {"slots": 0}])
def test_a_model_too_small_for_one_request_is_refused(wrong):
    with pytest.raises(ValueError, match="room"):
        Scheduler(**wrong)


def test_nothing_to_do():
    assert drive(Scheduler())[0].request_ids == ()
