"""Whatever is asked, cancelled or fails in whatever order: nothing runs over, nobody starves, everybody ends.

A model of the memory is kept beside the scheduler: it knows what is in each sequence, and who owns it.
"""

from copy import deepcopy
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.generation.scheduler import Ask, Scheduler

CONTEXT = 24
SHAPES = st.fixed_dictionaries(
    {"slots": st.integers(1, 4), "over": st.integers(0, 12), "cells": st.integers(CONTEXT, 4 * CONTEXT)}
)
ASKS = st.builds(
    dict,
    prompt=st.integers(1, 16),
    wanted=st.integers(1, 8),
    ends=st.integers(1, 8),
    shared=st.integers(0, 10),
    adapter=st.sampled_from(["", "", "style"]),
    alone=st.sampled_from([False, False, False, True]),
)
ORDERS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), ASKS),
        st.tuples(st.just("embed"), st.integers(1, 3)),
        st.tuples(st.just("step"), st.integers(1, 6)),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(st.just("stride"), st.integers(1, 16)),
        st.tuples(st.just("guess"), st.tuples(st.integers(0, 5), st.integers(0, 5))),
        st.tuples(st.just("no room"), st.none()),
        st.tuples(st.just("unsaved"), st.none()),
    ),
    max_size=40,
)


@dataclass
class Model:
    """Carries plans out and looks whether they may be."""

    scheduler: Scheduler
    slots: int
    cells: int
    budget: int
    asked: dict = field(default_factory=dict)
    ends: dict = field(default_factory=dict)
    wrote: dict = field(default_factory=dict)
    embeds: dict = field(default_factory=dict)
    held: dict = field(default_factory=dict)  # sequence: who, and how many tokens are in it
    waited: dict = field(default_factory=dict)
    fails: str = ""
    guesses: int = 0
    right: int = 0
    stride: int = 99

    def ask(self, number, ends, **ask):
        name = str(number)
        if ask["prompt"] + ask["wanted"] > CONTEXT:
            return
        prefix = (ask["adapter"], ask["shared"]) if ask["shared"] else None
        one = Ask(name, prefix=prefix, **ask)
        self.scheduler.add(one)
        self.asked[name], self.ends[name], self.wrote[name] = one, min(ends, one.wanted), 0

    def embed(self, number, texts):
        self.scheduler.add_embedding(str(number))
        self.embeds[str(number)] = texts

    def end(self, name):
        freed = self.scheduler.finish(name)
        if freed is not None:
            self.free(freed)
        assert name not in {who for who, _ in self.held.values()}
        for group in (self.asked, self.embeds, self.waited):
            group.pop(name, None)

    def step(self):
        self.scheduler.admit()
        for name, slot, _ in self.scheduler.restorable():
            assert slot not in self.held
            self.held[slot] = (name, self.asked[name].shared)
            self.scheduler.restored(name, worked=True)
        plan = self.plan()
        for freed in plan.preempted:
            self.free(freed)
        assert bool(plan.request_ids) == bool(self.asked or self.embeds)
        if plan.embeds:
            self.embeds[plan.embeds] -= 1
            if not self.embeds[plan.embeds]:
                self.end(plan.embeds)
        elif self.fails == "no room" and (freed := self.scheduler.preempt()) is not None:
            self.free(freed)
        elif plan.slices:
            self.decode(plan)
        self.fails = self.fails if self.fails == "unsaved" else ""
        for name in self.asked:
            self.waited[name] = 0 if name in plan.request_ids else self.waited.get(name, 0) + 1

    def plan(self):
        """Guesses change nothing of a step but that they are added to it."""
        before = deepcopy(self.scheduler).plan()
        plan = self.scheduler.plan(dict.fromkeys(self.asked, self.guesses))
        bare = tuple(replace(one, count=one.count - one.guesses, guesses=0) for one in plan.slices)
        assert replace(plan, slices=bare) == before
        return plan

    def free(self, freed):
        if freed.slot in self.held:  # it may not have read anything yet
            assert self.held.pop(freed.slot)[0] == freed.request_id

    def decode(self, plan):
        assert sum(one.count for one in plan.slices) <= self.budget
        assert sum(one.count for one in plan.slices if one.count > 1 + one.guesses) <= self.stride
        assert len({one.slot for one in plan.slices}) == len(plan.slices)
        assert [one.slot for one in plan.slices] == sorted(one.slot for one in plan.slices)
        asks = [self.asked[one.request_id] for one in plan.slices]
        assert {ask.adapter for ask in asks} == {plan.adapter}
        assert len(asks) == 1 or not any(ask.alone for ask in asks)
        self.nobody_who_writes_is_left_out(plan)
        for one in plan.slices:
            owner, filled = self.held.get(one.slot, (one.request_id, 0))
            assert 0 <= one.slot < self.slots
            assert (owner, filled) == (one.request_id, one.start)
            assert one.count > 0
            self.held[one.slot] = (owner, filled + one.count)
            ask, written = self.asked[owner], self.wrote[owner]
            assert one.ends == (filled + one.count - one.guesses == ask.prompt + written)
            assert filled + one.count <= CONTEXT
            assert one.guesses in range(self.guesses + 1)
            if one.guesses:
                assert one.count == 1 + one.guesses
                assert written
                assert written + one.count <= ask.wanted
        assert sum(filled for _, filled in self.held.values()) <= self.cells
        self.scheduler.done(plan)
        for one in plan.slices:
            self.held[one.slot] = (one.request_id, self.held[one.slot][1] - one.guesses)
            if one.saves:
                assert self.held[one.slot][1] == self.asked[one.request_id].shared
                prefix = (self.asked[one.request_id].adapter, self.asked[one.request_id].shared)
                self.scheduler.forget(prefix) if self.fails == "unsaved" else self.scheduler.know(prefix)
                self.fails = ""
            if one.ends:
                self.write(one, min(self.right, one.guesses))

    def nobody_who_writes_is_left_out(self, plan):
        together = {
            name
            for name, filled in self.held.values()
            if self.wrote[name] and filled == self.asked[name].prompt + self.wrote[name] - 1
            if self.asked[name].adapter == plan.adapter and not self.asked[name].alone
        }
        if not any(self.asked[one.request_id].alone for one in plan.slices):
            assert together <= set(plan.request_ids)

    def write(self, one, right):
        """So many guesses and one token more, or as far as the end."""
        name = one.request_id
        self.wrote[name] += right + 1
        if self.wrote[name] >= self.ends[name]:
            self.end(name)
        else:
            self.scheduler.wrote(name, right)
            self.held[one.slot] = (name, self.held[one.slot][1] + right)


def model_of(shape, **more):
    budget = shape["slots"] + shape["over"]
    cells = max(CONTEXT, min(shape["cells"], shape["slots"] * CONTEXT))
    scheduler = Scheduler(slots=shape["slots"], context=CONTEXT, cells=cells, budget=budget)
    return Model(more.get("scheduler", scheduler), shape["slots"], cells, budget)


def obeyed(model, orders):
    for number, (order, argument) in enumerate(orders):
        match order:
            case "ask":
                model.ask(number, **argument)
            case "embed":
                model.embed(number, argument)
            case "cancel":
                model.end(str(argument))
            case "guess":
                model.guesses, model.right = argument
            case "stride":
                model.stride = model.scheduler.stride = argument
            case "step":
                for _ in range(argument):
                    model.step()
            case _:
                model.fails = order
        assert len(model.scheduler) == len(model.asked) + len(model.embeds)
    return model


def drained(model):
    """Steps until all have ended. The bound: one after another, one token a step, taking turns with texts to embed."""
    bound = 2 * CONTEXT * len(model.asked) + 2 * sum(model.embeds.values())
    steps = 0
    while model.asked or model.embeds:
        assert steps <= bound + 1, "somebody never ends"
        model.step()
        steps += 1


@pytest.fixture
def schedules(size):
    return size(300, 10_000)


def checked(examples, test):
    settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))(test)()


def test_no_schedule_breaks_a_bound_and_all_that_is_asked_ends(schedules):
    @given(ORDERS, SHAPES)
    def check(orders, shape):
        model = obeyed(model_of(shape), orders)
        drained(model)
        assert model.held == {}
        assert len(model.scheduler) == 0

    checked(schedules, check)


def test_who_has_a_sequence_to_himself_gets_a_token_within_as_many_steps_as_there_are_groups(schedules):
    """With room for all, the wait between two steps of one who writes is bounded by those who cannot share with him."""

    @given(st.lists(ASKS, min_size=1, max_size=4), st.integers(0, 12))
    def check(asks, over):
        asks = [ask for ask in asks if ask["prompt"] + ask["wanted"] <= CONTEXT]
        assume(asks)
        model = model_of({"slots": 4, "over": over, "cells": 4 * CONTEXT})
        for number, ask in enumerate(asks):
            model.ask(number, **{**ask, "shared": 0})
        model.embed(99, 3)
        groups = len({number if ask["alone"] else ask["adapter"] for number, ask in enumerate(asks)})
        while model.asked:
            model.step()
            for name, waited in model.waited.items():
                assert waited <= 2 * groups or not model.wrote[name]

    checked(schedules, check)


class PromptsFirst(Scheduler):
    """The mutant: while there is a prompt to read, nobody writes."""

    def _slices(self, members):
        return super()._slices(members)[-1:]


class Careless(Scheduler):
    """The mutant: the room is no concern of its."""

    def _slices(self, members):
        self._cells = 10**6
        return super()._slices(members)


class Guessing(Scheduler):
    """The mutant: as many guesses as there are, whatever a step holds."""

    def _guessing(self, slices, guesses):
        self._budget = 10**6
        return super()._guessing(slices, guesses)


class GuessingFirst(Scheduler):
    """The mutant: guesses first, prompts after them."""

    def plan(self, guesses=None):
        self._budget -= max((guesses or {}).values(), default=0)
        return super().plan(guesses)


class LongStrides(Scheduler):
    """The mutant: as much of a prompt as a step holds."""

    def _slices(self, members):
        self.stride = self._budget
        return super()._slices(members)


def test_schedulers_that_break_a_bound_are_noticed():
    one = {"prompt": 1, "wanted": 8, "ends": 8, "shared": 0, "adapter": "", "alone": False}
    orders = [
        ("guess", (5, 5)),
        ("ask", one),
        ("step", 1),
        ("ask", {**one, "prompt": 4}),
        ("ask", {**one, "prompt": 4}),
        ("step", 8),
        ("stride", 2),
        ("ask", {**one, "prompt": 4}),
        ("step", 8),
    ]
    shape = {"slots": 3, "over": 9, "cells": CONTEXT}
    obeyed(model_of(shape), orders)
    for make in (PromptsFirst, Careless, Guessing, GuessingFirst, LongStrides):
        broken = make(slots=3, context=CONTEXT, cells=CONTEXT, budget=12)
        with pytest.raises(AssertionError):
            obeyed(model_of(shape, scheduler=broken), orders)
