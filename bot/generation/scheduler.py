"""Which sequences the next step works on. This file performs no I/O and knows no model.

Continuous batching: whoever is writing gets one token in each step, and what is left of the step's budget goes to
prompts, in order of arrival, and what is left then to guesses at what will be written. A request that has nowhere to go
waits; one that must make room is read again later.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

from bot.generation.turns import Turns


@dataclass(frozen=True, slots=True)
class Ask:
    """What the scheduler knows of a request. `prompt` and `wanted` are numbers of tokens.

    The first `shared` tokens of the prompt are the same for all that have this `prefix`. `alone`: no step may work on
    anything beside it.
    """

    request_id: str
    prompt: int
    wanted: int
    adapter: str = ""
    prefix: Hashable | None = None
    shared: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of a step: `count` tokens of a request, from `start` on, into sequence `slot`.

    `ends`: the last of them has no successor yet, which the model is to choose. `saves`: after them the sequence holds
    exactly the prefix. `guesses`: so many at the end are not the request's own yet; what follows the one before them,
    and each of them, is to be chosen too.
    """

    request_id: str
    slot: int
    start: int
    count: int
    ends: bool
    saves: bool = False
    guesses: int = 0


@dataclass(frozen=True, slots=True)
class Freed:
    """A sequence that nobody holds any more, and who held it."""

    request_id: str
    slot: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One step: slices of requests that use one adapter, in order of their sequences, or a few texts of one request.

    `preempted` had to give their sequences up first.
    """

    slices: tuple[Slice, ...] = ()
    adapter: str = ""
    embeds: str = ""
    preempted: tuple[Freed, ...] = ()

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Whom the step is for."""
        return (self.embeds,) if self.embeds else tuple(one.request_id for one in self.slices)


@dataclass(slots=True)
class Held:
    """A request here. `read` tokens of it are in its sequence, `written` ones are its own."""

    ask: Ask
    place: int
    slot: int = -1
    read: int = 0
    written: int = 0
    prefix: Hashable | None = None

    @property
    def length(self) -> int:
        """Tokens of the prompt and of the answer so far."""
        return self.ask.prompt + self.written

    @property
    def missing(self) -> int:
        """Of those, how many are not read yet; of one that is writing, its last."""
        return self.length - self.read

    @property
    def group(self) -> Hashable:
        """With whom it may share a step: an adapter is set for a whole step."""
        return ("alone", self.ask.request_id) if self.ask.alone else ("adapter", self.ask.adapter)


class Scheduler:
    """Requests in front of one model and in it.

    `slots`: how many sequences there are. `context`: the most tokens that one may hold; `cells`: that all together may
    hold. `budget`: the most tokens in a step; `stride`: of prompts, before each step it can be set to less.
    """

    def __init__(self, *, slots: int = 1, context: int = 4096, cells: int = 0, budget: int = 128) -> None:
        self._cells = cells or slots * context
        if budget < slots or self._cells < context or slots < 1:
            raise ValueError("a step must have room for each sequence, and the memory for one request")
        self._context = context
        self._budget = self.stride = budget
        self._free = list(range(slots))
        self._waiting: OrderedDict[str, Held] = OrderedDict()
        self._running: OrderedDict[str, Held] = OrderedDict()
        self._embeds: OrderedDict[str, None] = OrderedDict()
        self._known: set[Hashable] = set()
        self._turns = Turns()
        self._embedded_last = False
        self._places = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running) + len(self._embeds)

    def __contains__(self, request_id: str) -> bool:
        return any(request_id in group for group in (self._waiting, self._running, self._embeds))

    def add(self, ask: Ask) -> None:
        """Puts a request at the end of the queue.

        Errors: ValueError when its id is in use, it wants nothing, or it is longer than a sequence may be.
        """
        if ask.request_id in self:
            raise ValueError(f"request {ask.request_id} is already here")
        if ask.prompt < 1 or ask.wanted < 1 or ask.prompt + ask.wanted > self._context:
            raise ValueError(f"request {ask.request_id} does not fit into {self._context} tokens")
        self._places += 1
        shares = ask.prefix is not None and 0 < ask.shared < ask.prompt
        self._waiting[ask.request_id] = Held(ask, self._places, prefix=ask.prefix if shares else None)

    def add_embedding(self, request_id: str) -> None:
        """Puts a list of texts among those that are read by turns. Errors: ValueError when its id is in use."""
        if request_id in self:
            raise ValueError(f"request {request_id} is already here")
        self._embeds[request_id] = None

    def finish(self, request_id: str) -> Freed | None:
        """Takes a request out, done or cancelled; returns the sequence that it held."""
        self._waiting.pop(request_id, None)
        self._embeds.pop(request_id, None)
        held = self._running.pop(request_id, None)
        return None if held is None else self._release(held)

    def admit(self) -> None:
        """Gives sequences to those who wait, in order of arrival, while one is free and there is room."""
        taken = sum(held.length for held in self._running.values())
        while self._waiting and self._free:
            held = next(iter(self._waiting.values()))
            taken += held.length + 1
            if self._running and taken > self._cells:
                return
            del self._waiting[held.ask.request_id]
            self._free.sort()
            held.slot = self._free.pop(0)
            self._running[held.ask.request_id] = held
            self._turns.join(held.group)

    def restorable(self) -> list[tuple[str, int, Hashable]]:
        """Whose prefix is known and not in their sequence yet: the request, its sequence, and the prefix."""
        return [
            (held.ask.request_id, held.slot, held.prefix)
            for held in self._running.values()
            if held.read == 0 and held.prefix is not None and held.prefix in self._known
        ]

    def restored(self, request_id: str, *, worked: bool) -> None:
        """The prefix was put into its sequence, or could not be: then it is read like the rest."""
        held = self._running[request_id]
        if worked:
            held.read = held.ask.shared
        else:
            held.prefix = None

    def know(self, prefix: Hashable) -> None:
        """What stands after `Slice.saves` can be restored from now on."""
        self._known.add(prefix)

    def forget(self, prefix: Hashable) -> None:
        """It cannot be restored any more, or ever: those who wait for it read it themselves."""
        self._known.discard(prefix)
        for held in (*self._waiting.values(), *self._running.values()):
            if held.prefix == prefix:
                held.prefix = None

    def plan(self, guesses: Mapping[str, int] | None = None) -> Plan:
        """What the next step works on; empty when there is nothing to do.

        Changes nothing but who holds a sequence, and whose turn it is.
        `guesses`: how many tokens beyond its last could be tried for each who writes.
        """
        if self._embeds and not (self._embedded_last and self._running):
            self._embedded_last = True
            # By turns: a question's vector does not wait behind a long list.
            request_id, _ = self._embeds.popitem(last=False)
            self._embeds[request_id] = None
            return Plan(embeds=request_id)
        self._embedded_last = False
        preempted: list[Freed] = []
        while members := self._whose_turn():
            slices = self._slices(members)
            if slices:
                slices = self._guessing(slices, guesses or {})
                self._turns.served(members[0].group)
                in_order = tuple(sorted(slices, key=lambda one: one.slot))
                return Plan(in_order, members[0].ask.adapter, preempted=tuple(preempted))
            freed = self.preempt()
            if freed is None:
                break
            preempted.append(freed)
        return Plan(preempted=tuple(preempted))

    def done(self, plan: Plan) -> None:
        """The step was carried out: its tokens are in their sequences. A guess does not count until it proves right."""
        for one in plan.slices:
            self._running[one.request_id].read += one.count - one.guesses

    def wrote(self, request_id: str, right: int = 0) -> None:
        """The model chose one more token for this request, and before it so many that had been guessed right."""
        held = self._running[request_id]
        held.read += right
        held.written += right + 1

    def preempt(self) -> Freed | None:
        """Sends the youngest back to the front of the queue, to be read again with all it has written.

        None when it would be the only one: then there is nobody to make room for.
        """
        held = max(self._running.values(), key=lambda one: one.place, default=None)
        if held is None or len(self._running) == 1:
            return None
        del self._running[held.ask.request_id]
        freed = self._release(held)
        held.slot, held.read = -1, 0
        self._waiting[held.ask.request_id] = held
        self._waiting.move_to_end(held.ask.request_id, last=False)
        return freed

    def _whose_turn(self) -> list[Held]:
        """The group that has waited longest, but for those that only wait until others have read their prefix."""
        reading = self._being_read()
        for group in self._turns.order():
            members = [held for held in self._running.values() if held.group == group]
            if any(self._may_read(held, reading) for held in members):
                return members
        return []

    def _slices(self, members: list[Held]) -> list[Slice]:
        """The slices of a step for these; none when they have no room. Reserves nothing."""
        room = self._cells - sum(held.read for held in self._running.values())
        writing = [held for held in members if held.missing == 1]
        if len(writing) > min(self._budget, room):
            return []
        left = min(self.stride, min(self._budget, room) - len(writing))
        slices = [self._slice(held, 1) for held in writing]
        reading = self._being_read()
        for held in members:
            if held.missing == 1 or left <= 0 or not self._may_read(held, reading):
                continue
            count = min(held.missing, left)
            if held.prefix is not None and held.read < held.ask.shared:
                count = min(count, held.ask.shared - held.read)
                reading[held.prefix] = held.ask.request_id
            slices.append(self._slice(held, count))
            left -= count
        return slices

    def _guessing(self, slices: list[Slice], guesses: Mapping[str, int]) -> list[Slice]:
        """The same slices, with guesses where the budget, the room and the length of the answer leave any."""
        taken = sum(one.count for one in slices)
        left = min(self._budget, self._cells - sum(held.read for held in self._running.values())) - taken
        guessing = []
        for one in slices:
            held = self._running[one.request_id]
            count = min(guesses.get(one.request_id, 0), left, held.ask.wanted - held.written - 1)
            if held.written and one.ends and one.count == 1 and count > 0:
                guessing.append(replace(one, count=1 + count, guesses=count))
                left -= count
            else:
                guessing.append(one)
        return guessing

    def _being_read(self) -> dict[Hashable, str]:
        """Prefixes that somebody has begun to read for all, and who."""
        return {
            held.prefix: held.ask.request_id
            for held in self._running.values()
            if held.prefix is not None and 0 < held.read < held.ask.shared
        }

    def _may_read(self, held: Held, reading: dict[Hashable, str]) -> bool:
        """Whether this one reads now, rather than waits until another has read the prefix of both."""
        if held.prefix is None or held.read >= held.ask.shared:
            return True
        return reading.get(held.prefix, held.ask.request_id) == held.ask.request_id

    def _slice(self, held: Held, count: int) -> Slice:
        end = held.read + count
        saves = held.prefix is not None and held.prefix not in self._known and end == held.ask.shared
        return Slice(held.ask.request_id, held.slot, held.read, count, end == held.length, saves)

    def _release(self, held: Held) -> Freed:
        self._free.append(held.slot)
        if all(held.group != other.group for other in self._running.values()):
            self._turns.leave(held.group)
        return Freed(held.ask.request_id, held.slot)
