import asyncio

import pytest
import structlog

from bot.errors import QueueFull
from bot.queue import FairQueue


@pytest.fixture(autouse=True)
def logs():
    with structlog.testing.capture_logs() as captured:
        yield captured


class Asker:
    """One question in the queue: the places it was told, when it began, and how to end it."""

    def __init__(self, queue, name, *, cost=1.0, tell_seconds=0.0):
        self.name = name
        self.told = []
        self.begun = asyncio.Event()
        self.end = asyncio.Event()
        self.tell_seconds = tell_seconds
        self.task = asyncio.create_task(self._ask(queue, cost))

    async def _ask(self, queue, cost):
        async with queue.turn(self.name, cost=cost, on_place=self._tell):
            self.begun.set()
            await self.end.wait()

    async def _tell(self, place):
        self.told.append(place)
        await asyncio.sleep(self.tell_seconds)


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def ask(queue, *names, **options):
    askers = [Asker(queue, name, **options) for name in names]
    await settle()
    return askers


async def finish(*askers):
    for asker in askers:
        asker.end.set()
    await asyncio.gather(*(asker.task for asker in askers))
    await settle()


async def test_an_empty_queue_begins_at_once_and_says_so():
    (one,) = await ask(FairQueue(lambda: 1), "quince")
    assert one.begun.is_set()
    await finish(one)
    assert one.told == [0]


async def test_places_are_told_at_once_and_whenever_they_change():
    queue = FairQueue(lambda: 1)
    first, second, third = await ask(queue, "quince", "juniper", "tamarind")
    assert [one.told for one in (first, second, third)] == [[0], [1], [2]]
    await finish(first)
    assert [one.told for one in (second, third)] == [[1, 0], [2, 1]]
    await finish(second, third)
    assert third.told == [2, 1, 0]


async def test_a_newcomer_goes_before_the_second_question_of_one_who_was_served():
    queue = FairQueue(lambda: 1)
    running, waiting = await ask(queue, "quince", "quince")
    (newcomer,) = await ask(queue, "juniper")
    assert (waiting.told, newcomer.told) == ([1, 2], [1])
    await finish(running)
    assert newcomer.begun.is_set()
    assert not waiting.begun.is_set()
    await finish(newcomer, waiting)


async def test_one_asker_has_two_questions_in_service_at_most():
    queue = FairQueue(lambda: 4)
    mine = await ask(queue, "quince", "quince", "quince")
    (other,) = await ask(queue, "juniper")
    assert [one.begun.is_set() for one in (*mine, other)] == [True, True, False, True]
    await finish(mine[0])
    assert mine[2].begun.is_set()
    await finish(*mine[1:], other)


async def test_a_model_that_turns_out_to_answer_more_at_once_is_given_more():
    slots = [1]
    queue = FairQueue(lambda: slots[0])
    first, second, third = await ask(queue, "quince", "juniper", "tamarind")
    slots[0] = 2
    await finish(first)
    assert second.begun.is_set()
    assert third.begun.is_set()
    slots[0] = 1
    (fourth,) = await ask(queue, "quince")
    await finish(second)
    assert not fourth.begun.is_set()
    await finish(third, fourth)


async def test_who_used_more_tokens_waits_for_the_others():
    queue = FairQueue(lambda: 1)
    quince, again, juniper = await ask(queue, "quince", "quince", "juniper")
    await finish(quince)
    queue.charge("juniper", 100)
    await settle()
    assert juniper.begun.is_set()
    (juniper_again,) = await ask(queue, "juniper")
    await finish(juniper)
    assert again.begun.is_set()
    await finish(again, juniper_again)


async def test_a_charge_changes_the_places_at_once():
    queue = FairQueue(lambda: 1)
    running, mine, other = await ask(queue, "tamarind", "quince", "juniper")
    assert (mine.told, other.told) == ([1], [2])
    queue.charge("quince", 10)
    await settle()
    assert (mine.told, other.told) == ([1, 2], [2, 1])
    await finish(running, other, mine)


async def test_too_many_are_refused_with_a_sentence_and_the_newest_of_the_greediest_goes():
    queue = FairQueue(lambda: 1, most_waiting=3)
    running, *waiting = await ask(queue, "quince", "quince", "quince", "quince")
    (polite,) = await ask(queue, "juniper")
    assert [one.task.done() for one in waiting] == [False, False, True]
    with pytest.raises(QueueFull, match="too many questions"):
        await waiting[2].task
    assert not polite.task.done()
    (greedy,) = await ask(queue, "quince")
    with pytest.raises(QueueFull):
        await greedy.task
    assert greedy.told == []
    await finish(running, polite, *waiting[:2])


async def test_who_gives_up_waiting_makes_room():
    queue = FairQueue(lambda: 1)
    running, impatient, patient = await ask(queue, "quince", "juniper", "tamarind")
    impatient.task.cancel()
    await settle()
    assert patient.told == [2, 1]
    await finish(running)
    assert patient.begun.is_set()
    await finish(patient)


async def test_who_is_cancelled_in_service_makes_room():
    queue = FairQueue(lambda: 1)
    running, waiting = await ask(queue, "quince", "juniper")
    running.task.cancel()
    await settle()
    assert waiting.begun.is_set()
    await finish(waiting)


async def test_an_error_in_service_makes_room_and_comes_through():
    queue = FairQueue(lambda: 1)
    with pytest.raises(ZeroDivisionError):
        async with queue.turn("quince"):
            raise ZeroDivisionError
    (next_one,) = await ask(queue, "juniper")
    assert next_one.begun.is_set()
    await finish(next_one)


async def test_a_slow_place_holds_up_nobody_and_only_the_latest_is_told():
    queue = FairQueue(lambda: 1)
    first = Asker(queue, "quince")
    second, third = Asker(queue, "juniper"), Asker(queue, "tamarind", tell_seconds=0.05)
    await settle()
    await finish(first)
    assert second.begun.is_set()
    await finish(second)
    assert third.begun.is_set()  # while it is still being told that two are before it
    assert third.told == [2]
    await asyncio.sleep(0.06)
    assert third.told == [2, 0]
    await finish(third)


async def test_the_last_place_has_been_told_when_the_turn_ends():
    queue = FairQueue(lambda: 1)
    ended = []

    async def slow(place):
        await asyncio.sleep(0.02)
        ended.append(place)

    async with queue.turn("quince", on_place=slow):
        pass
    assert ended == [0]


async def test_a_place_that_cannot_be_told_costs_nothing(logs):
    async def broken(place):
        raise ZeroDivisionError

    async with FairQueue(lambda: 1).turn("quince", on_place=broken):
        pass
    assert [entry["event"] for entry in logs] == ["place_untold"]


async def test_nothing_is_kept_of_who_has_gone():
    queue = FairQueue(lambda: 2)
    for number in range(50):
        async with queue.turn(f"asker {number}"):
            queue.charge(f"asker {number}", 7)
    assert len(queue._order.served) == 1
    assert not queue._turns
    assert not queue._order.waiting
    assert not queue._order.serving
