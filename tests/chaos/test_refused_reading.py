"""While a platform refuses to show the past, questions are answered as ever; reading goes on as soon as it may."""

import asyncio

import pytest
from discord.http import HTTPClient

from adapters.slack import calls
from tests.load.processes import UNLIMITED
from tests.scenarios.slack.talk import WHY_KAFKA

GROVES = 3
LIVE_SECONDS = 2.0
# What two readers send at the same moment.
UNDER_WAY_SECONDS = 0.05
"""So soon an answer is begun, 95 times in a hundred; and so soon reading goes on after its pause."""
GRACE_SECONDS = 3.0
SLACK_NAME, DISCORD_NAME = "conversations.history", "GET /channels/{}/messages"


class Refusing:
    """A house with a long past, on a platform that refuses to show it: the first two calls, then three in ten."""

    def __init__(self, house, messages, seconds):
        self.house, self.seconds = house, seconds
        told = [(house.tamarind, f"row {number} of the grove was pruned") for number in range(messages)]
        self.groves = [house.add_channel(f"grove-{number}") for number in range(GROVES)]
        for grove in self.groves:
            house.seed(grove, told)
        self._platform = getattr(house, house.platform)
        # After five refusals in a row discord.py gives a call up, and the channel is left alone for a minute.
        self._patience = 5 if house.platform == "discord" else 10**9
        for name in self._names():
            self._platform.faults.on(name, retry_after=seconds, times=2)
            self._platform.faults.on(name, retry_after=seconds, chance=0.3, times=None)
        self.asked = {}

    async def ask(self, seconds, pause):
        """Somebody asks again and again while the past is refused."""
        house, now = self.house, asyncio.get_running_loop().time
        await house._until(self._is_refused)
        ends = now() + seconds
        while now() < ends:
            self.asked[house.mention(f"{WHY_KAFKA} ({len(self.asked)})")] = now()
            await asyncio.sleep(pause)
        await asyncio.sleep(GRACE_SECONDS)

    def delays(self):
        """How long each asker waited for a sign of the bot, in order."""
        posted = {}
        for call in self._platform.calls:
            if (answered := self._answers(call)) in self.asked:
                posted.setdefault(answered, call.ended)
        return sorted(posted.get(one, float("inf")) - at for one, at in self.asked.items())

    def pauses(self):
        """How much later than allowed each refused call was followed by the next of its kind; below zero: too early."""
        for name in self._names():
            in_a_row = 0
            calls = [call for call in self._platform.calls if self._name(call) == name]
            for place, call in enumerate(calls):
                in_a_row = in_a_row + 1 if call.outcome == "ratelimited" else 0
                following = next((one for one in calls[place + 1 :] if not self._was_under_way(call, one)), None)
                if following is not None and in_a_row and in_a_row % self._patience:
                    yield following.at - call.ended - self.seconds

    def _was_under_way(self, call, other):
        """Whether a call for another channel was sent before anybody could hear that this one was refused."""
        if self.house.platform != "slack" or other.args.get("channel") == call.args.get("channel"):
            return False
        return other.at - call.ended < UNDER_WAY_SECONDS

    async def _is_refused(self):
        return any(call.outcome == "ratelimited" for call in self._platform.calls)

    def _names(self):
        if self.house.platform == "slack":
            return [SLACK_NAME]
        return [DISCORD_NAME.format(grove) for grove in self.groves]

    def _name(self, call):
        return call.method if self.house.platform == "slack" else call.name

    def _answers(self, call):
        """Which message a call of the bot answers."""
        if self.house.platform == "slack":
            is_post = call.method == "chat.postMessage"
            return (call.args.get("thread_ts") if is_post else None) or None
        reference = (call.json or {}).get("message_reference") if call.method == "POST" else None
        return (reference or {}).get("message_id")


async def watched(house, *, seconds, refused, messages, pause):
    """How long askers waited, sorted, and by how much reading came late, after refusals of so many seconds."""
    refusing = Refusing(house, messages, refused)
    async with house.bot(learned=False, limits=UNLIMITED):
        await refusing.ask(seconds, pause)
    return refusing.delays(), list(refusing.pauses())


@pytest.fixture
def watching(house, size):
    """At either size, with more of a past than can be read meanwhile."""
    messages = {"slack": size(6_000, 40_000), "discord": size(1_000, 8_000)}[house.platform]
    sizes = {"seconds": size(7, 600), "refused": size(3, 30), "messages": messages, "pause": size(0.2, 1.0)}
    return lambda: watched(house, **sizes)


def p95(delays):
    return delays[min(int(0.95 * len(delays)), len(delays) - 1)]


@pytest.mark.timeout(1800)
async def test_a_past_that_is_refused_holds_nobody_up_and_goes_on_in_time(watching, house, report):
    delays, pauses = await watching()
    report(
        "refused reading", platform=house.platform, questions=len(delays), refusals=len(pauses),
        p50_ms=round(delays[len(delays) // 2] * 1000), p95_ms=round(p95(delays) * 1000),
        max_ms=round(delays[-1] * 1000), goes_on_after_ms=[round(min(pauses) * 1000), round(max(pauses) * 1000)],
    )  # fmt: skip
    assert len(pauses) >= 2
    assert min(pauses) >= -0.05
    assert max(pauses) <= LIVE_SECONDS
    assert p95(delays) <= LIVE_SECONDS


# ---- each promise broken --------------------------------------------------------------------------------------------


def one_queue(monkeypatch, platform):
    """Whoever waits for the platform makes everybody wait: the past goes before the living."""
    if platform == "discord":
        line, request = asyncio.Lock(), HTTPClient.request

        async def in_line(client, route, **more):
            async with line:
                return await request(client, route, **more)

        monkeypatch.setattr(HTTPClient, "request", in_line)
        return
    turn, limited = calls.Calls._turn, calls.Calls._limited
    monkeypatch.setattr(calls.Calls, "_turn", lambda one, _, lane, patience: turn(one, "all", lane, patience))
    monkeypatch.setattr(calls.Calls, "_limited", lambda one, _, seconds: limited(one, "all", seconds))


async def test_one_queue_for_the_past_and_the_living_would_be_noticed(watching, house, monkeypatch):
    one_queue(monkeypatch, house.platform)
    delays, _ = await watching()
    assert p95(delays) > LIVE_SECONDS


@pytest.mark.parametrize("house", ["slack"], indirect=True)
async def test_a_reader_that_waits_longer_than_it_is_told_would_be_noticed(watching, monkeypatch):
    monkeypatch.setattr(calls, "_retry_after", lambda _: 6.0)
    _, pauses = await watching()
    assert max(pauses) > LIVE_SECONDS
