"""The inbox: one suite over the fake and PostgreSQL, then what only PostgreSQL can get wrong."""

import asyncio
import json
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import worker_pool
from bot.conversation import Delivery
from bot.inbox import PostgresInbox
from bot.telemetry import keep_known_keys
from bot.worker_pool import MOST_CLAIMS
from knowledge.database import Database
from knowledge.errors import KnowledgeUnavailable, SourceUnavailable
from tests.fakes.inbox import FakeInbox
from tests.proxy import fault_proxy

QUICK = (0.01, 0.01, 0.01, 0.01)


def delivery(number, *, platform="slack", workspace="tidepool", **payload):
    return Delivery(platform, workspace, f"Ev{number}", "event", {"number": number, **payload})


@asynccontextmanager
async def running(inbox, **handlers):
    """Runs the inbox for the block, then stops it as the process would."""
    task = asyncio.create_task(inbox.run(handlers))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition, seconds=10):
    """Waits for what other tasks do, to a limit."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.01)


async def empty(inbox):
    async def is_empty():
        return await inbox.waiting() == 0

    await until(is_empty)


class Handler:
    """Keeps what it is given. `errors` are raised in turn, per delivery."""

    def __init__(self, *errors, delay_seconds=0.0):
        self.errors = errors
        self.delay_seconds = delay_seconds
        self.calls = []
        self.now = self.most = 0

    async def __call__(self, one):
        tries = Counter(call.delivery_id for call in self.calls)[one.delivery_id]
        self.calls.append(one)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.delay_seconds)
        finally:
            self.now -= 1
        if tries < len(self.errors):
            raise self.errors[tries]


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch):
    monkeypatch.setattr(worker_pool, "POLL_SECONDS", 0.05)


@pytest.fixture(autouse=True)
def logs():
    """Errors are logged in full by default, and drawing them takes longer than the test."""
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture(params=["fake", "postgres"])
def make(request):
    """Builds an inbox with given limits; all those of one test share one store."""
    if request.param == "fake":
        return FakeInbox
    database = request.getfixturevalue("database")
    return lambda **options: PostgresInbox(database, **options)


@pytest.fixture
def inbox(make):
    return make(retry_seconds=QUICK)


# ---- both ---------------------------------------------------------------------------------------------------------


async def test_a_delivery_is_kept_once_however_often_it_comes(inbox):
    assert await inbox.accept(delivery(1)) is True
    assert await inbox.accept(delivery(1)) is False
    assert await inbox.accept(delivery(1, again=True)) is False
    assert await inbox.waiting() == 1


async def test_the_same_id_of_another_workspace_or_platform_is_another_delivery(inbox):
    ways = [delivery(1), delivery(1, workspace="reef"), delivery(1, platform="discord")]
    assert [await inbox.accept(one) for one in ways] == [True] * 3


async def test_a_delivery_sent_again_after_it_was_handled_is_still_known(inbox):
    handler = Handler()
    await inbox.accept(delivery(1))
    async with running(inbox, slack=handler):
        await empty(inbox)
        assert await inbox.accept(delivery(1)) is False
        await asyncio.sleep(0.1)
    assert len(handler.calls) == 1


async def test_the_handler_gets_the_delivery_whole(inbox):
    one = delivery(1, text='NUL \x00, half \ud83d, "quotes" \\ 因为 🎉', nested={"list": [1, 2.5, None, True]})
    handler = Handler()
    await inbox.accept(one)
    async with running(inbox, slack=handler):
        await empty(inbox)
    assert handler.calls == [one]


async def test_what_was_accepted_before_the_runner_started_is_handled_oldest_first(make):
    inbox = make(workers=1)
    for number in range(5):
        await inbox.accept(delivery(number))
    handler = Handler()
    async with running(inbox, slack=handler):
        await empty(inbox)
    assert [one.payload["number"] for one in handler.calls] == [0, 1, 2, 3, 4]


async def test_a_new_delivery_wakes_the_runner_at_once(inbox, monkeypatch):
    monkeypatch.setattr(worker_pool, "POLL_SECONDS", 30)
    handled = asyncio.Event()

    async def handler(one):
        handled.set()

    async with running(inbox, slack=handler):
        await asyncio.sleep(0.1)  # now it waits
        start = time.monotonic()
        await inbox.accept(delivery(1))
        await handled.wait()
        assert time.monotonic() - start < 0.5  # not when it looks by itself


async def test_no_more_run_at_once_than_there_are_workers(make):
    inbox = make(workers=3)
    for number in range(12):
        await inbox.accept(delivery(number))
    handler = Handler(delay_seconds=0.02)
    async with running(inbox, slack=handler):
        await empty(inbox)
    assert handler.most == 3
    assert len(handler.calls) == 12


async def test_a_slow_handler_delays_none_but_its_own(make):
    inbox = make(workers=2)
    quick = Handler()

    async def handler(one):
        await (asyncio.sleep(60) if one.payload["number"] == 0 else quick(one))

    for number in range(6):
        await inbox.accept(delivery(number))
    async with running(inbox, slack=handler):

        async def all_but_one():
            return await inbox.waiting() == 1

        await until(all_but_one)
    assert len(quick.calls) == 5


async def test_a_handler_that_fails_is_tried_again(inbox):
    handler = Handler(ValueError("once"), ValueError("twice"))
    await inbox.accept(delivery(1))
    async with running(inbox, slack=handler):
        await empty(inbox)
    assert len(handler.calls) == 3


async def test_a_poison_delivery_is_given_up_after_five_tries_and_blocks_nobody(make):
    inbox = make(workers=2, retry_seconds=QUICK)
    good, bad = Handler(), Handler(*[ValueError("always")] * 100)

    async def handler(one):
        await (bad if one.payload["number"] == 0 else good)(one)

    for number in range(30):
        await inbox.accept(delivery(number))
    async with running(inbox, slack=handler):
        await empty(inbox)
    assert len(good.calls) == 29
    assert len(bad.calls) == 5
    assert await inbox.accept(delivery(0)) is False


@pytest.mark.parametrize("error", [KnowledgeUnavailable("away"), SourceUnavailable("away")])
async def test_a_dependency_that_is_away_costs_no_try(make, error):
    inbox = make(retry_seconds=())  # one try only
    handler = Handler(error, error)
    await inbox.accept(delivery(1))
    async with running(inbox, slack=handler):
        await empty(inbox)
    assert len(handler.calls) == 3


async def test_only_platforms_with_a_handler_are_touched(make):
    inbox = make(retry_seconds=())  # one try only: to be taken up by the wrong one would be the end of it
    await inbox.accept(delivery(1, platform="discord"))
    await inbox.accept(delivery(2))
    handler, other = Handler(), Handler()
    async with running(inbox, slack=handler):

        async def is_left():
            return await inbox.waiting() == 1

        await until(is_left)
        await asyncio.sleep(0.2)
    async with running(inbox, discord=other):
        await empty(inbox)
    assert [one.platform for one in (*handler.calls, *other.calls)] == ["slack", "discord"]


async def test_stopped_in_the_middle_it_resumes_at_once_and_the_try_does_not_count(make):
    inbox = make(retry_seconds=())
    begun = asyncio.Event()

    async def endless(one):
        begun.set()
        await asyncio.sleep(60)

    await inbox.accept(delivery(1))
    for _ in range(3):
        begun.clear()
        start = time.monotonic()
        async with running(inbox, slack=endless):
            await begun.wait()
        assert time.monotonic() - start < 1
    handler = Handler()
    async with running(inbox, slack=handler):
        await empty(inbox)
    assert len(handler.calls) == 1


async def test_the_lag_is_the_age_of_the_oldest_unhandled_delivery(inbox):
    assert await inbox.lag_seconds() == 0
    await inbox.accept(delivery(1))
    await asyncio.sleep(0.2)
    await inbox.accept(delivery(2))
    assert 0.2 <= await inbox.lag_seconds() < 5
    async with running(inbox, slack=Handler()):
        await empty(inbox)
    assert await inbox.lag_seconds() == 0


# ---- PostgreSQL only ----------------------------------------------------------------------------------------------


@pytest.fixture
def real(database):
    return PostgresInbox(database, retry_seconds=QUICK)


async def rows(database, columns="delivery_id"):
    return await database.fetch(f"SELECT {columns} FROM inbox ORDER BY inbox_pk")


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=())) | st.floats(allow_nan=False)))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_payload_of_any_text_is_stored_as_ascii_that_reads_back(payload):
    stored = json.dumps(payload)
    assert stored.isascii()
    assert "\0" not in stored
    again = json.loads(stored)
    assert json.dumps(again) == stored  # two halves of a pair side by side come back as the character they spell


async def test_a_handled_delivery_loses_its_text_and_keeps_its_key(database, real):
    await real.accept(delivery(1, text="canary"))
    async with running(real, slack=Handler()):
        await empty(real)
    assert await rows(database, "delivery_id, payload, reason, finished_at IS NOT NULL") == [("Ev1", None, None, True)]


async def test_a_delivery_given_up_keeps_the_reason_and_not_the_text(database, real):
    await real.accept(delivery(1, text="canary"))
    async with running(real, slack=Handler(*[ZeroDivisionError("canary")] * 9)):
        await empty(real)
    assert await rows(database, "payload, reason, tries") == [(None, "ZeroDivisionError", 5)]


async def test_a_handler_that_hangs_is_ended_and_its_delivery_given_up_like_any_poison(database):
    inbox = PostgresInbox(database, retry_seconds=(0.01,), handle_seconds=0.05)
    await inbox.accept(delivery(1))
    async with running(inbox, slack=Handler(delay_seconds=3600)):
        await empty(inbox)
    assert await rows(database, "reason, tries") == [("TimeoutError", 2)]


async def test_failures_are_logged_with_ids_only(logs, real):
    await real.accept(delivery(1, text="canary"))
    async with running(real, slack=Handler(*[ZeroDivisionError("canary")] * 9)):
        await empty(real)
    assert [entry["event"] for entry in logs] == ["delivery_failed"] * 5 + ["delivery_given_up"]
    for entry in logs:
        kept = keep_known_keys(None, "", dict(entry))
        assert (kept["platform"], kept["workspace"], kept["delivery_id"]) == ("slack", "tidepool", "Ev1")
        assert "canary" not in str(kept)


async def test_a_delivery_that_kills_whoever_takes_it_up_is_given_up(database, real):
    await real.accept(delivery(1))
    await database.execute("UPDATE inbox SET tries = %(tries)s", {"tries": MOST_CLAIMS})  # as many processes died of it
    handler = Handler()
    async with running(real, slack=handler):
        await empty(real)
    assert handler.calls == []
    assert await rows(database, "reason") == [("Abandoned",)]


async def test_two_processes_share_the_work_and_handle_each_delivery_once(database_url):
    async with Database(database_url, size=4) as one, Database(database_url, size=4) as other:
        inboxes = [PostgresInbox(one, workers=4), PostgresInbox(other, workers=4)]
        handlers = [Handler(delay_seconds=0.005), Handler(delay_seconds=0.005)]
        for number in range(100):
            await inboxes[0].accept(delivery(number))
        async with running(inboxes[0], slack=handlers[0]), running(inboxes[1], slack=handlers[1]):
            await empty(inboxes[0])
    handled = Counter(one.delivery_id for handler in handlers for one in handler.calls)
    assert handled == Counter(f"Ev{number}" for number in range(100))
    assert all(handler.calls for handler in handlers)


async def test_a_lease_lasts_as_long_as_the_handler_runs(database):
    first = PostgresInbox(database, lease_seconds=0.6)
    second = PostgresInbox(database, lease_seconds=0.6)
    slow, idle = Handler(delay_seconds=2.5), Handler()
    await first.accept(delivery(1))
    async with running(first, slack=slow):
        await asyncio.sleep(0.2)
        async with running(second, slack=idle):
            await empty(first)
    assert (len(slow.calls), len(idle.calls)) == (1, 0)


async def test_what_a_dead_process_held_is_taken_over_when_its_lease_ends(database, real):
    await real.accept(delivery(1))
    await database.execute("UPDATE inbox SET tries = 1, lease_until = now() + interval '0.5 s'")
    handler = Handler()
    start = time.monotonic()
    async with running(real, slack=handler):
        await empty(real)
    assert 0.4 < time.monotonic() - start < 4
    assert len(handler.calls) == 1


async def test_leases_go_by_the_clock_of_the_database(database, real, monkeypatch):
    await real.accept(delivery(1))
    handler = Handler()
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: 4e9)
        async with running(real, slack=handler):
            await empty(real)
    assert len(handler.calls) == 1


async def test_a_day_later_the_key_is_forgotten_too_and_the_unhandled_never(database, real):
    for number in range(3):
        await real.accept(delivery(number))
    await database.execute("UPDATE inbox SET finished_at = now() - interval '23 hours' WHERE delivery_id = 'Ev1'")
    await database.execute("UPDATE inbox SET finished_at = now() - interval '25 hours' WHERE delivery_id = 'Ev2'")
    await database.execute("UPDATE inbox SET received_at = now() - interval '9 days'")
    assert await real.sweep() == 1
    assert await rows(database) == [("Ev0",), ("Ev1",)]


async def test_a_handler_cancelled_from_within_is_not_lost(database):
    inbox = PostgresInbox(database, lease_seconds=0.5)
    await inbox.accept(delivery(1))
    handler = Handler(asyncio.CancelledError())
    async with running(inbox, slack=handler):
        await empty(inbox)
    assert len(handler.calls) == 2


# ---- outages ------------------------------------------------------------------------------------------------------


async def test_a_silent_database_is_given_up_within_two_seconds_and_used_again_afterwards(database_url, tmp_path):
    async with fault_proxy(database_url, tmp_path) as proxy, Database(proxy.url, size=4) as database:
        inbox = PostgresInbox(database)
        assert await inbox.accept(delivery(1))
        proxy.swallow()
        start = time.monotonic()
        with pytest.raises(KnowledgeUnavailable):
            await inbox.accept(delivery(2))
        assert 1.5 < time.monotonic() - start < 2.3
        proxy.restore()

        async def is_accepted():
            with suppress(KnowledgeUnavailable):
                await inbox.accept(delivery(3))
                return True
            return False

        await until(is_accepted)
        assert await inbox.waiting() >= 2


async def test_the_runner_outlives_an_outage(database_url, tmp_path):
    async with fault_proxy(database_url, tmp_path) as proxy, Database(proxy.url, size=4) as database:
        inbox = PostgresInbox(database, lease_seconds=2)
        handler = Handler()
        async with running(inbox, slack=handler) as task:
            await inbox.accept(delivery(1))
            await empty(inbox)
            proxy.refuse()
            with pytest.raises(KnowledgeUnavailable):
                await inbox.accept(delivery(2))
            await asyncio.sleep(1.5)
            proxy.restore()

            async def is_handled():
                with suppress(KnowledgeUnavailable):
                    await inbox.accept(delivery(2))
                return len(handler.calls) == 2

            await until(is_handled, seconds=20)
            assert not task.done()


async def test_the_fake_plays_an_outage_as_postgres_does():
    inbox = FakeInbox()
    inbox.is_away = True
    with pytest.raises(KnowledgeUnavailable):
        await inbox.accept(delivery(1))
    inbox.is_away = False
    assert await inbox.accept(delivery(1)) is True
