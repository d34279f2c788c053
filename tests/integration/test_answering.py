"""From a delivery to one visible answer, on a real PostgreSQL: redelivered, stopped, overtaken, refused, unheard."""

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from uuid import uuid4

import pytest
import structlog

import bot.outbox
from bot import worker_pool
from bot.answering import Answering
from bot.conversation import Citation, Delivery, Outcome, Request, Task
from bot.errors import AnswerFailed, KnowledgeDown, ModelUnavailable, QueueFull
from bot.inbox import PostgresInbox
from bot.outbox import Outbox
from bot.queue import FairQueue
from bot.requests import answer_id_of
from bot.worker_pool import MOST_CLAIMS
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.database import Database
from knowledge.errors import KnowledgeUnavailable, SourceUnavailable
from knowledge.messages import ChannelRef, MessageRef, PersonRef
from knowledge.passages import Line
from tests.fakes.answerer import FakeAnswerer, answer_to
from tests.fakes.platform import PLACEHOLDER, FakePlatform
from tests.fakes.ratelimit import FakeLimiter
from tests.proxy import fault_proxy
from tests.talk import deleted, described, said


def request(number=1, text="why did we drop Kafka?", *, who="quince", where="general", **more):
    answer_id = answer_id_of("slack", "tidepool", where, f"{number}.5", Task.ANSWER)
    channel, asker = ChannelRef("slack", "tidepool", where), PersonRef("slack", "tidepool", who)
    return Request(answer_id, channel, text, asker, f"{number}.5", **more)


@pytest.fixture(autouse=True)
def logs(monkeypatch):
    monkeypatch.setattr(worker_pool, "POLL_SECONDS", 0.05)
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def outbox(database):
    return Outbox(database, lease_seconds=20)


@pytest.fixture
def platform():
    return FakePlatform()


@pytest.fixture
def answerer():
    return FakeAnswerer()


@pytest.fixture
def answering(outbox, answerer, platform):
    return over(outbox, answerer, platform)


def over(outbox, answerer, platform, *, slots=2, limiter=None, patience_seconds=900.0, **queue):
    return Answering(
        outbox,
        answerer,
        FairQueue(lambda: slots, **queue),
        {"slack": platform},
        limiter or FakeLimiter(),
        workers=96,
        retry_seconds=(0.01, 0.01),
        patience_seconds=patience_seconds,
    )


@asynccontextmanager
async def running(*services):
    """Runs services for the block, then stops them as the process would."""
    tasks = [asyncio.create_task(service) for service in services]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.01)


async def settled(outbox, seconds=30):
    deadline = time.monotonic() + seconds
    while await outbox.waiting():
        assert time.monotonic() < deadline, "some question is still waiting"
        await asyncio.sleep(0.02)


# ---- one question -------------------------------------------------------------------------------------------------


async def test_a_question_gets_a_sign_at_once_then_its_text_and_then_its_answer(outbox, answering, answerer, platform):
    one = request()
    answerer.delay_seconds = 0.1
    async with running(answering.run()):
        await outbox.open(one)
        answering.wake()
        await settled(outbox)
    calls = platform.calls[one.answer_id]
    assert calls[:2] == [("reply_to", False), ("waiting", 0)]
    assert calls[2] == ("write", "You ")
    assert [name for name, _ in calls[2:]] == ["write"] * 7 + ["finish"]
    assert platform.shown(one.answer_id) == ["You asked: why did we drop Kafka?"]
    kept = await outbox.get(one.answer_id)
    assert (kept.outcome, kept.state, kept.places) == ("answered", "posted", tuple(platform.messages))


async def test_a_new_question_wakes_the_worker_at_once(outbox, answering, platform, monkeypatch):
    monkeypatch.setattr(worker_pool, "POLL_SECONDS", 30)
    async with running(answering.run()):
        await asyncio.sleep(0.2)
        await outbox.open(request())
        answering.wake()
        await until(lambda: platform.messages, seconds=2)


async def test_the_answer_tells_how_long_it_waited_in_the_queue(outbox, answering, answerer, platform):
    answerer.delay_seconds = 0.2
    async with running(over(outbox, answerer, platform, slots=1).run()):
        for number in (1, 2):
            await outbox.open(request(number))
        await settled(outbox)
    queued = sorted(dict(calls)["finish"].timings.queue for calls in platform.calls.values())
    assert queued[0] < 150 < queued[1]


async def test_who_must_wait_is_told_how_many_are_before_him(outbox, answerer, platform):
    answerer.delay_seconds = 0.3
    async with running(over(outbox, answerer, platform, slots=1).run()):
        for number in range(3):
            await outbox.open(request(number, who=f"asker {number}"))
        await settled(outbox)
    told = sorted([place for name, place in calls if name == "waiting"] for calls in platform.calls.values())
    assert told == [[0], [1, 0], [2, 1, 0]]


async def test_no_place_is_shown_any_more_once_there_is_text(outbox, answerer, platform):
    platform.post_seconds = 0.3  # the second is still being told its place when its turn has come
    async with running(over(outbox, answerer, platform, slots=1).run()):
        for number in (1, 2):
            await outbox.open(request(number))
        await settled(outbox)
    told = [[name for name, _ in calls if name in {"waiting", "write"}] for calls in platform.calls.values()]
    assert all(names == sorted(names) for names in told)
    assert all(platform.times(answer_id, "waiting") == 1 for answer_id in platform.calls)


async def test_the_place_of_the_placeholder_is_kept_while_the_answer_is_written(outbox, answering, answerer, platform):
    answerer.delay_seconds = 60
    async with running(answering.run()):
        await outbox.open(request())
        await until(lambda: answerer.now and platform.messages)
        await asyncio.sleep(0.1)
        assert (await outbox.get(request().answer_id)).places == tuple(platform.messages)


async def test_what_an_answer_rests_on_is_kept_with_it(database, outbox, answerer, answering):
    def line(message_pk):
        ref = MessageRef(ChannelRef("slack", "tidepool", "general"), str(message_pk))
        return Line(message_pk, 3, ref, 1, "general", "quince", "text", None, "")

    answerer.make = lambda one: answer_to(
        one.text,
        citations=(Citation(1, line(70), "t"), Citation(4, line(71), "t")),
        nearest=(line(72), line(73)),
        drawn_from=("74:5", "asked:[]"),
    )
    async with running(answering.run()):
        await outbox.open(request())
        await settled(outbox)
    assert await outbox.sources(request().answer_id) == [(1, 70, 3), (4, 71, 3)]
    kept = await database.fetch("SELECT n, message_pk, rev FROM answer_source ORDER BY message_pk")
    assert kept == [(1, 70, 3), (4, 71, 3), (0, 72, 3), (-1, 73, 3), (-2, 74, 5)]


async def test_who_may_see_more_is_told_so_after_a_public_answer(outbox, answerer, answering, platform):
    answerer.has_more_privately = True
    questions = [request(1), request(2, private=True), request(3, direct=True)]
    async with running(answering.run()):
        for one in questions:
            await outbox.open(one)
        await settled(outbox)
        await until(lambda: platform.offered)
        await asyncio.sleep(0.1)
    assert platform.offered == [questions[0].answer_id]


async def test_an_offer_that_fails_costs_nothing(outbox, answerer, answering, platform, logs):
    async def broken(*_):
        raise ZeroDivisionError

    answerer.knows_more_privately = broken
    async with running(answering.run()):
        await outbox.open(request())
        await settled(outbox)
        await until(lambda: [entry for entry in logs if entry["event"] == "afterthought_failed"])
    assert (await outbox.get(request().answer_id)).outcome == "answered"


async def test_an_answer_whose_source_was_deleted_while_it_was_posted_is_withdrawn(
    database, outbox, answerer, answering, platform
):
    await Access(database).record_channels([described("general")])
    archive = Archive(database)
    await archive.record([said("1", "we drop Kafka")])
    ((message_pk,),) = await database.fetch("SELECT message_pk FROM message")
    ref = MessageRef(request().channel, "1")
    line = Line(message_pk, 1, ref, 1, "general", "quince", "we drop Kafka", None, "")
    answerer.make = lambda one: answer_to(one.text, citations=(Citation(1, line, "t"),))
    finish = platform.post

    async def delete_first(answer_id, text):
        await archive.record([deleted("1")])
        return await finish(answer_id, text)

    platform.post = delete_first
    async with running(answering.run()):
        await outbox.open(request())
        await until(lambda: platform.withdrawn)
        await asyncio.sleep(0.1)
    assert platform.withdrawn == [(request().answer_id, tuple(platform.messages))]
    assert (await outbox.get(request().answer_id)).state == "removed"


# ---- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ModelUnavailable(), ModelUnavailable().sentence),
        (KnowledgeUnavailable("10.0.0.7 refused"), KnowledgeDown().sentence),
        (ZeroDivisionError("canary"), AnswerFailed().sentence),
        (SourceUnavailable("canary"), AnswerFailed().sentence),
    ],
)
async def test_whatever_goes_wrong_the_asker_hears_a_sentence_once(
    outbox, answerer, answering, platform, error, sentence
):
    def make(_):
        raise error

    answerer.make = make
    async with running(answering.run()):
        await outbox.open(request())
        await settled(outbox)
    assert platform.shown(request().answer_id) == [sentence]
    assert answerer.generations[request().answer_id] == 1
    assert (await outbox.get(request().answer_id)).outcome == "failed"


async def test_a_generation_without_an_answer_is_a_failure(outbox, answerer, answering, platform):
    async def nothing(one, question):
        return
        yield

    answerer.respond = nothing
    async with running(answering.run()):
        await outbox.open(request())
        await settled(outbox)
    assert platform.shown(request().answer_id) == [AnswerFailed().sentence]


async def test_a_question_too_many_is_refused_with_a_sentence(outbox, answerer, platform):
    answerer.delay_seconds = 0.5
    async with running(over(outbox, answerer, platform, slots=1, most_waiting=2).run()):
        for number in range(5):
            await outbox.open(request(number))
        await settled(outbox)
    shown = Counter(message.text for message in platform.messages.values())
    assert shown == {"You asked: why did we drop Kafka?": 3, QueueFull().sentence: 2}
    outcomes = Counter([(await outbox.get(request(number).answer_id)).outcome for number in range(5)])
    assert outcomes == {"answered": 3, Outcome.REFUSED_LIMIT: 2}


async def test_when_not_even_a_failure_can_be_told_it_is_tried_three_times(
    outbox, answerer, answering, platform, logs, monkeypatch
):
    async def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(platform, "reply_to", broken)
    async with running(answering.run()):
        await outbox.open(request())
        await settled(outbox)
    assert [entry["event"] for entry in logs] == ["reply_failed"] * 3 + ["answer_given_up"]
    assert (await outbox.get(request().answer_id)).outcome == "failed"


async def test_a_platform_that_is_away_too_long_is_given_up(database, outbox, answerer, platform, logs):
    platform.is_down = True
    async with running(over(outbox, answerer, platform, patience_seconds=1.5).run()):
        await outbox.open(request())
        await settled(outbox)
    events = [entry["event"] for entry in logs]
    assert events[-1] == "answer_given_up"
    assert set(events[:-1]) == {"reply_waits"}
    assert await database.fetch("SELECT outcome, tries FROM answer") == [("failed", 1)]


async def test_a_platform_that_is_away_for_longer_than_the_tries_last_gets_the_answer(
    outbox, answerer, answering, platform
):
    platform.is_down = True
    async with running(answering.run()):
        await outbox.open(request())
        await asyncio.sleep(1.5)
        platform.is_down = False
        await settled(outbox)
    assert platform.shown(request().answer_id) == ["You asked: why did we drop Kafka?"]


async def test_a_database_that_is_away_more_often_than_the_tries_last_costs_no_answer(
    outbox, answerer, answering, platform, monkeypatch
):
    sound, asked = platform.reply_to, []

    async def cut(*args, **more):
        asked.append(args)
        if len(asked) <= 5:
            raise KnowledgeUnavailable("the connection was cut")
        return await sound(*args, **more)

    monkeypatch.setattr(platform, "reply_to", cut)
    monkeypatch.setattr("bot.outbox.POSTPONE", bot.outbox.POSTPONE.replace("interval '1 s'", "interval '0.01 s'"))
    async with running(answering.run()):
        await outbox.open(request())
        await settled(outbox)
    assert platform.shown(request().answer_id) == ["You asked: why did we drop Kafka?"]


async def test_a_platform_that_comes_back_gets_the_answer(outbox, answerer, answering, platform):
    platform.is_down = True

    async def mend(one, places, *, resumed):
        platform.is_down = False
        raise SourceUnavailable("for the last time")

    real, platform_reply = FakePlatform.reply_to, mend
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FakePlatform, "reply_to", lambda self, *a, **k: platform_reply(*a, **k))
        async with running(answering.run()):
            await outbox.open(request())
            await until(lambda: not platform.is_down)
            patched.setattr(FakePlatform, "reply_to", real)
            await settled(outbox)
    assert platform.shown(request().answer_id) == ["You asked: why did we drop Kafka?"]


async def test_a_conversation_that_is_gone_ends_quietly(outbox, answerer, answering, platform, logs):
    platform.gone.add("general")
    async with running(answering.run()):
        await outbox.open(request())
        await settled(outbox)
    assert [entry["event"] for entry in logs] == ["answer_lost"]
    assert not answerer.generations


async def test_a_conversation_that_goes_while_the_answer_is_written_stops_the_generation(
    outbox, answerer, answering, platform
):
    answerer.delay_seconds = 0.2
    async with running(answering.run()):
        await outbox.open(request())
        await until(lambda: answerer.now)
        platform.gone.add("general")
        await settled(outbox)
    assert answerer.stopped == 1
    assert (await outbox.get(request().answer_id)).outcome == "lost"


async def test_a_question_that_kills_whoever_answers_it_is_given_up_with_a_sentence(
    database, outbox, answerer, answering, platform
):
    await outbox.open(request())
    await database.execute("UPDATE answer SET tries = %(tries)s, fence = 3", {"tries": MOST_CLAIMS})
    async with running(answering.run()):
        await settled(outbox)
    assert platform.shown(request().answer_id) == [AnswerFailed().sentence]
    assert not answerer.generations


async def test_the_asker_hears_within_three_seconds_that_the_database_is_silent(database_url, tmp_path, platform):
    async with fault_proxy(database_url, tmp_path) as proxy, Database(proxy.url, size=4) as database:
        outbox, answerer = Outbox(database, lease_seconds=30), FakeAnswerer(delay_seconds=0.3)

        async def needs_the_database(one, question):
            await asyncio.sleep(0.3)
            raise KnowledgeUnavailable
            yield

        answerer.respond = needs_the_database
        async with running(over(outbox, answerer, platform).run()):
            await outbox.open(request())
            await until(lambda: platform.messages)
            await asyncio.sleep(0.1)
            proxy.swallow()
            start = time.monotonic()
            await until(lambda: platform.shown(request().answer_id) == [KnowledgeDown().sentence])
            assert time.monotonic() - start < 3
            proxy.restore()


# ---- never two ----------------------------------------------------------------------------------------------------


async def redelivered(database_url, outbox_of, *, questions=100, times=4):
    """Each question comes several times, as two kinds of events, to two processes. Returns what came of it."""
    platform, answerers = FakePlatform(), [FakeAnswerer(delay_seconds=0.005) for _ in range(2)]
    async with Database(database_url, size=4) as one, Database(database_url, size=4) as other:
        parts = []
        for database, answerer in zip((one, other), answerers, strict=True):
            outbox = outbox_of(database)
            answering = over(outbox, answerer, platform, slots=8, most_waiting=1000, per_asker=8)
            parts.append((PostgresInbox(database), outbox, answering))

        def handler_of(outbox, answering):
            async def handle(delivery):
                if await outbox.open(request(delivery.payload["ts"], who=f"asker {delivery.payload['ts']}")):
                    answering.wake()

            return {"slack": handle}

        services = [
            service
            for inbox, outbox, answering in parts
            for service in (inbox.run(handler_of(outbox, answering)), answering.run())
        ]
        async with running(*services):
            for repeat in range(times):
                events = [
                    Delivery("slack", "tidepool", f"Ev-{kind}-{ts}", kind, {"ts": ts})
                    for ts in range(questions)
                    for kind in ("app_mention", "message")
                ]
                await asyncio.gather(*(parts[(n + repeat) % 2][0].accept(one) for n, one in enumerate(events)))
            deadline = time.monotonic() + 60
            while await parts[0][0].waiting() or await parts[0][1].waiting():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
    generations = sum((answerer.generations for answerer in answerers), Counter())
    return generations, platform


async def test_a_hundred_questions_sent_four_times_to_two_processes_are_a_hundred_answers(database_url):
    generations, platform = await redelivered(database_url, Outbox)
    expected = {request(ts).answer_id for ts in range(100)}
    assert generations == Counter(expected)
    assert {message.answer_id for message in platform.messages.values()} == expected
    assert len(platform.messages) == 100
    assert all(message.is_final for message in platform.messages.values())
    assert all(platform.times(answer_id, "finish") == 1 for answer_id in expected)


class ForgetfulOutbox(Outbox):
    """The mutant: it remembers in the process which questions it has seen."""

    def __init__(self, database):
        super().__init__(database)
        self.seen = set()

    async def open(self, one):
        if one.answer_id in self.seen:
            return False
        self.seen.add(one.answer_id)
        return await super().open(replace(one, answer_id=str(uuid4())))


async def test_remembering_repeats_in_the_process_would_be_caught(database_url):
    generations, platform = await redelivered(database_url, ForgetfulOutbox, questions=20)
    assert sum(generations.values()) > 20
    assert len(platform.messages) > 20


async def test_one_stopped_in_the_middle_is_resumed_at_once_in_the_same_place(database, platform):
    slow, quick = FakeAnswerer(delay_seconds=60), FakeAnswerer()
    outbox = Outbox(database, lease_seconds=60)
    questions = [request(number, who=f"asker {number}") for number in range(4)]
    async with running(over(outbox, slow, platform).run()):
        for one in questions:
            await outbox.open(one)
        await until(lambda: slow.now == 2 and len(platform.messages) == 4)
        start = time.monotonic()
    assert slow.stopped == 2
    async with running(over(Outbox(database), quick, platform).run()):
        await settled(outbox)
    assert time.monotonic() - start < 5
    for one in questions:
        assert platform.shown(one.answer_id) == ["You asked: why did we drop Kafka?"]
        assert ("reply_to", True) in platform.calls[one.answer_id]


async def test_one_that_is_frozen_and_overtaken_shows_nothing_more(database, platform):
    frozen, lively = FakeAnswerer(delay_seconds=1.0), FakeAnswerer()
    outbox = Outbox(database, lease_seconds=60)  # it asks for its lease only after 20 s
    async with running(over(outbox, frozen, platform).run()):
        await outbox.open(request())
        await until(lambda: frozen.now)
        await database.execute("UPDATE answer SET lease_until = now() - interval '1 s'")
        async with running(over(Outbox(database), lively, platform).run()):
            await settled(outbox)
        await asyncio.sleep(2.5)
        assert frozen.now == 0
    assert platform.times(request().answer_id, "finish") == 1
    assert len(platform.messages) == 1


async def test_one_that_lost_its_lease_stops_generating(database, platform, answerer):
    answerer.delay_seconds = 60
    outbox = Outbox(database, lease_seconds=0.9)
    async with running(over(outbox, answerer, platform).run()):
        await outbox.open(request())
        await until(lambda: answerer.now)
        await database.execute("UPDATE answer SET fence = fence + 1, lease_until = 'infinity'")
        await until(lambda: answerer.stopped == 1, seconds=3)
    assert platform.times(request().answer_id, "fail") == 0


async def test_a_lease_is_kept_for_as_long_as_it_takes(database, platform):
    slow, idle = FakeAnswerer(delay_seconds=1.5), FakeAnswerer()
    outbox = Outbox(database, lease_seconds=0.6)
    async with running(over(outbox, slow, platform).run()):
        await outbox.open(request())
        await until(lambda: slow.now)
        async with running(over(Outbox(database, lease_seconds=0.6), idle, platform).run()):
            await settled(outbox)
    assert (sum(slow.generations.values()), sum(idle.generations.values())) == (1, 0)


async def test_a_post_whose_id_was_lost_is_found_and_taken_over_by_the_next_try(outbox, answering, platform):
    platform.lose_replies = 1
    outages = iter([True, True])

    async def down_after_the_post(one):
        if platform.messages and next(outages, False):
            raise SourceUnavailable("just now")
        await asyncio.sleep(0)

    platform._reach = down_after_the_post
    async with running(answering.run()):
        await outbox.open(request())
        await settled(outbox)
    assert ("reply_to", True) in platform.calls[request().answer_id]
    assert [message.is_final for message in platform.messages.values()] == [True]


async def killed_after_a_dropped_reply(database, one, *, delay_seconds):
    """A process dies right after a post whose reply was dropped, another goes on. Returns what everybody sees."""
    platform = FakePlatform(lose_replies=1)
    outbox = Outbox(database, lease_seconds=60)
    answering = over(outbox, FakeAnswerer(delay_seconds=delay_seconds), platform)
    task = asyncio.create_task(answering.run())
    await outbox.open(one)
    await until(lambda: platform.messages)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(answering._pool, "_release", lambda *_: asyncio.sleep(0))  # the dead give nothing back
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await database.execute("UPDATE answer SET lease_until = now() - interval '1 s' WHERE state <> 'posted'")
    async with running(over(Outbox(database), FakeAnswerer(), platform).run()):
        await settled(outbox)
    return platform.shown(one.answer_id)


async def test_killed_after_a_post_whose_reply_was_dropped_there_is_one_visible_answer(database):
    for trial in range(20):
        shown = await killed_after_a_dropped_reply(database, request(trial), delay_seconds=0.001 * trial)
        assert shown == ["You asked: why did we drop Kafka?"]


async def test_posting_again_without_looking_would_be_caught(database, monkeypatch):
    monkeypatch.setattr(FakePlatform, "find", lambda *_: [])
    shown = await killed_after_a_dropped_reply(database, request(), delay_seconds=1)
    assert shown == [PLACEHOLDER, "You asked: why did we drop Kafka?"]


# ---- fairness -----------------------------------------------------------------------------------------------------


async def test_one_who_floods_delays_the_others_by_little_and_nobody_waits_without_a_sign(outbox, platform):
    answerer = FakeAnswerer(delay_seconds=0.02)
    flood = [request(number, who="flooder") for number in range(60)]
    others = [request(100 + number, who=f"asker {number}") for number in range(5)]
    async with running(over(outbox, answerer, platform, slots=1).run()):
        for one in flood:
            await outbox.open(one)
        await until(lambda: len(answerer.order) >= 3)
        begun = len(answerer.order)
        for one in others:
            await outbox.open(one)
        await settled(outbox)
    last = max(answerer.order.index(one.answer_id) for one in others)
    assert last - begun < 12  # of sixty; the others are claimed a moment after they ask
    assert all(platform.times(one.answer_id, "waiting") for one in (*flood, *others))


# ---- limits -------------------------------------------------------------------------------------------------------


async def test_one_who_floods_is_told_once_and_the_rest_is_left_out_in_silence(outbox, answerer, platform):
    async with running(over(outbox, answerer, platform, limiter=FakeLimiter(user="3/minute")).run()):
        for number in range(30):
            await outbox.open(request(number))
        await outbox.open(request(99, who="tamarind"))
        await settled(outbox)
    shown = Counter(message.text.split(" in ")[0] for message in platform.messages.values())
    assert shown == {"You asked: why did we drop Kafka?": 4, "You have asked me a lot": 1}
    assert sum(answerer.generations.values()) == 4
    kept = [(await outbox.get(request(number).answer_id)).outcome for number in range(30)]
    assert Counter(kept) == {"answered": 3, Outcome.REFUSED_LIMIT: 27}


async def test_where_an_answer_is_awaited_no_refusal_is_silent(outbox, answerer, platform):
    async with running(over(outbox, answerer, platform, limiter=FakeLimiter(user="1/minute")).run()):
        for number in range(5):
            await outbox.open(request(number, awaited=True))
        await settled(outbox)
    assert len(platform.messages) == 5
    assert [message.text for message in platform.messages.values()].count("You asked: why did we drop Kafka?") == 1


async def test_a_question_that_is_taken_up_again_counts_once(outbox, answerer, platform):
    answerer.delay_seconds = 0.3
    limiter = FakeLimiter(user="1/minute")
    await outbox.open(request())
    async with running(over(outbox, answerer, platform, limiter=limiter).run()):
        await until(lambda: answerer.generations)
    async with running(over(outbox, answerer, platform, limiter=limiter).run()):
        await settled(outbox)
    assert limiter.hits == 1
    assert platform.shown(request().answer_id) == ["You asked: why did we drop Kafka?"]
