from hypothesis import given
from hypothesis import strategies as st

from bot.generation.scheduler import Scheduler, State
from bot.generation.sequence import Count, Embed, Generate

KINDS = {
    "generate": lambda name: Generate(name, ()),
    "embed": lambda name: Embed(name, ()),
    "count": lambda name: Count(name, ()),
}
ORDERS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(sorted(KINDS))),
        st.tuples(st.just("step"), st.just("")),
        st.tuples(st.just("finish"), st.integers(0, 20).map(str)),
        st.tuples(st.just("cancel"), st.integers(0, 20).map(str)),
    ),
    max_size=60,
)


@given(ORDERS, st.integers(1, 4))
def test_places_order_and_states_hold_whatever_happens(orders, parallel):
    scheduler = Scheduler(parallel)
    alive, begun, added = [], [], 0
    for order, argument in orders:
        if order == "add":
            name = str(added)
            scheduler.add(KINDS[argument](name))
            alive.append((name, argument))
            added += 1
        elif order == "step":
            running = scheduler.schedule()
            assert bool(running) == bool(alive)
            assert all(work.request_id in dict(alive) for work in running)
            takes_place = [work for work in running if not isinstance(work, Count)]
            assert len(takes_place) <= parallel
            assert not takes_place or len(takes_place) == len(running)
            begun += [work.request_id for work in takes_place if work.request_id not in begun]
        else:
            was = scheduler.finish(argument)
            assert (was is State.FINISHED) == (argument not in dict(alive))
            alive = [(name, kind) for name, kind in alive if name != argument]
        assert len(scheduler) == len(alive)
    assert begun == sorted(begun, key=int)


@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=30), st.integers(1, 4))
def test_every_request_gets_its_turn(kinds, parallel):
    scheduler = Scheduler(parallel)
    for number, kind in enumerate(kinds):
        scheduler.add(KINDS[kind](str(number)))
    served = set()
    for _ in kinds:
        for work in scheduler.schedule():
            served.add(work.request_id)
            scheduler.finish(work.request_id)
    assert served == {str(number) for number in range(len(kinds))}
