import asyncio
import time

import pytest
import structlog

from bot import timing
from bot.timing import every, until_back, within
from knowledge.errors import KnowledgeUnavailable


@pytest.fixture(autouse=True)
def logs(monkeypatch):
    monkeypatch.setattr(timing, "PAUSE_SECONDS", 0.01)
    with structlog.testing.capture_logs() as captured:
        yield captured


async def stubborn(ended):
    """Work that takes its time to stop, as a driver does whose server is silent."""
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.4)
        ended.set()


async def test_work_in_time_gives_its_result_or_its_error():
    async def quick(error=None):
        if error:
            raise error
        return 7

    assert await within(1, quick()) == 7
    with pytest.raises(ZeroDivisionError):
        await within(1, quick(ZeroDivisionError()))


async def test_work_that_will_not_stop_is_left_behind_in_time_and_told_to_stop():
    ended = asyncio.Event()
    start = time.monotonic()
    with pytest.raises(KnowledgeUnavailable, match=r"0\.1 s"):
        await within(0.1, stubborn(ended))
    assert time.monotonic() - start < 0.35
    await asyncio.wait_for(ended.wait(), 2)


async def test_who_stops_waiting_stops_the_work():
    ended = asyncio.Event()
    task = asyncio.create_task(within(60, stubborn(ended)))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 2)


async def test_nothing_is_kept_of_abandoned_work():
    async def fails_late():
        try:
            await asyncio.sleep(60)
        finally:
            raise ZeroDivisionError  # nobody hears of it, and nobody complains that nobody did

    with pytest.raises(KnowledgeUnavailable):
        await within(0.02, fails_late())
    await asyncio.sleep(0.01)
    assert not timing._abandoned


async def test_an_action_is_tried_until_the_database_is_back():
    errors = [KnowledgeUnavailable("away")] * 3

    async def action():
        if errors:
            raise errors.pop()
        return 7

    assert await until_back(action) == 7


async def test_another_error_is_not_waited_out():
    async def action():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until_back(action)


async def test_an_action_recurs_whatever_it_raises_and_ends_with_its_block(logs):
    times = []

    async def action():
        times.append(1)
        if len(times) == 2:
            raise ZeroDivisionError

    async with every(0.01, action):
        await asyncio.sleep(0.1)
    count = len(times)
    assert count > 3
    await asyncio.sleep(0.05)
    assert len(times) == count
    assert [entry["event"] for entry in logs] == ["recurring_work_failed"]
