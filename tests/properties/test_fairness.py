"""The fair order, by simulation: a step ends one question in service, or brings a new one."""

from hypothesis import given
from hypothesis import strategies as st

from bot.fairness import FairOrder, Ticket

FLOOD = 200


def begin_all(order):
    begun = []
    while (ticket := order.begin()) is not None:
        begun.append(ticket)
    return begun


class FirstCome(FairOrder):
    """The mutant: whoever came first is served first."""

    def join(self, ticket):
        super().join(ticket)
        self.line = [*getattr(self, "line", []), ticket]

    def begin(self):
        waiting = [one for one in self.line if one.asker in self.waiting and one in self.waiting[one.asker]]
        if len(self.serving) >= self.slots or not waiting:
            return None
        self.leave(waiting[0])
        self.serving.append(waiting[0])
        return waiting[0]


# Mostly questions of few askers, so that every limit is met in most examples.
steps = st.lists(
    st.tuples(st.sampled_from(["join", "join", "join", "end", "give up"]), st.integers(0, 2), st.integers(1, 5)),
    min_size=10,
    max_size=60,
)


@given(steps, st.integers(1, 4), st.integers(1, 2), st.integers(0, 6))
def test_no_place_stays_empty_while_somebody_may_have_it_and_no_limit_is_passed(steps, slots, per_asker, most_waiting):
    order = FairOrder(slots, most_waiting=most_waiting, per_asker=per_asker)
    waiting, serving = [], []
    for step, one, amount in steps:
        if step == "join":
            ticket = Ticket(one, amount)
            waiting.append(ticket)
            order.join(ticket)
        elif step == "end" and serving:
            ticket = serving.pop(one % len(serving))
            order.charge(ticket.asker, amount)
            order.leave(ticket)
        elif step == "give up" and waiting:
            order.leave(waiting.pop(one % len(waiting)))
        for ticket in begin_all(order):
            waiting.remove(ticket)
            serving.append(ticket)
        while (ticket := order.overflow()) is not None:
            most = max(len([one for one in waiting if one.asker == asker.asker]) for asker in waiting)
            own = [one for one in waiting if one.asker == ticket.asker]
            assert len(own) == most
            assert own[-1] is ticket
            waiting.remove(ticket)
            order.leave(ticket)
        in_service = [ticket.asker for ticket in serving]
        assert len(serving) <= slots
        assert len(waiting) <= most_waiting
        assert all(in_service.count(asker) <= per_asker for asker in in_service)
        if len(serving) < slots:
            assert all(in_service.count(ticket.asker) == per_asker for ticket in waiting)
        places = order.places()
        assert set(places) == set(waiting)
        assert all(place >= 1 for place in places.values())


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), max_size=30), st.integers(1, 4), st.integers(1, 3))
def test_a_place_is_how_many_end_before_when_all_take_equally_long(asked, slots, per_asker):
    order = FairOrder(slots, most_waiting=100, per_asker=per_asker)
    for asker, cost in asked:
        order.join(Ticket(asker, cost))
    serving = begin_all(order)
    places = order.places()
    ended = 0
    while serving:
        order.leave(serving.pop(0))
        ended += 1
        for ticket in begin_all(order):
            assert places.pop(ticket) == ended
            serving.append(ticket)
    assert not places


def others_waits(order, arrivals):
    """One floods with 200 questions, the others ask one each, at given times; all answers cost and take the same.

    For each other's question: how many of the flooder's, and how many of the others', began while it waited.
    """
    flooder = -1
    for _ in range(FLOOD):
        order.join(Ticket(flooder, 1))
    serving = begin_all(order)
    waits = {}
    for time in range(FLOOD + 50):
        for other, came in enumerate(arrivals):
            if came == time:
                ticket = Ticket(other, 1)
                waits[ticket] = [0, 0]
                order.join(ticket)
        begun = begin_all(order)
        serving += begun
        order.leave(serving[0])
        del serving[0]
        more = begin_all(order)
        serving += more
        waiting = {ticket for queue in order.waiting.values() for ticket in queue}
        for ticket in waits.keys() & waiting:
            for one in (*begun, *more):
                waits[ticket][one.asker != flooder] += 1
        if not serving:
            break
    return list(waits.values())


arrivals = st.lists(st.integers(0, 150), min_size=5, max_size=5)


@given(arrivals, st.integers(1, 4))
def test_one_who_floods_delays_the_others_by_what_is_in_service_and_nothing_more(arrivals, slots):
    waits = others_waits(FairOrder(slots, most_waiting=1000, per_asker=slots), arrivals)
    assert len(waits) == 5
    for of_the_flooder, of_the_others in waits:
        assert of_the_flooder == 0
        assert of_the_others <= 4


def test_first_come_first_served_would_be_caught():
    waits = others_waits(FirstCome(1, most_waiting=1000, per_asker=1), [0, 10, 20, 30, 40])
    assert min(of_the_flooder for of_the_flooder, _ in waits) > 100


@given(st.lists(st.integers(1, 9), min_size=40, max_size=40))
def test_two_who_always_ask_get_nearly_the_same_service(costs):
    order = FairOrder(1, most_waiting=100, per_asker=2)
    for number, cost in enumerate(costs):
        order.join(Ticket(number % 2, cost))
    served = [0, 0]
    while (ticket := order.begin()) is not None:
        served[ticket.asker] += ticket.cost
        order.leave(ticket)
        if len(order.waiting) == 2:  # both are waiting for more
            assert abs(served[0] - served[1]) <= 9


def test_silence_earns_no_credit():
    order = FairOrder(1, most_waiting=1000, per_asker=2)
    for _ in range(20):
        order.join(Ticket("busy", 1))
    late = [Ticket("late", 1) for _ in range(10)]
    for _ in range(10):
        order.leave(order.begin())
    for ticket in late:
        order.join(ticket)
    begun = []
    while (ticket := order.begin()) is not None:
        begun.append(ticket.asker)
        order.leave(ticket)
    assert begun == ["late", "busy"] * 10


def test_an_empty_order_has_no_places_and_nobody_to_refuse():
    order = FairOrder(1, most_waiting=0, per_asker=1)
    assert order.begin() is None
    assert order.overflow() is None
    assert order.places() == {}
    order.leave(Ticket("quince", 1))
    order.charge("quince", 1)
