"""Who is told what: every channel holds a word of its own, and every word the bot shows is traced to its readers."""

import json
from contextlib import asynccontextmanager

import pytest

from knowledge import access, freshness
from tests.scenarios.slack.scene import (
    ask,
    ask_directly,
    caught_up,
    eventually,
    every_source,
    kept,
    order,
    quiet,
    rows,
    shown,
)

QUESTION = "what is the code word of the cellar door?"


class House:
    """A workspace in which each channel holds its own code word, and nobody may learn that of a channel not theirs.

    quince is in every channel, sorrel not in #market, tamarind in #harvest alone; juniper is a guest.
    """

    def __init__(self, slack):
        self.slack = slack
        self.quince, self.tamarind, self.sorrel = (slack.add_user(name) for name in ("quince", "tamarind", "sorrel"))
        self.juniper = slack.add_user("juniper", guest=True)
        self.stranger = slack.add_user("sloe", stranger=True)
        members = [self.quince, self.tamarind, self.sorrel]
        self.words = {}
        self.harvest = self.room("harvest", "alder", members=members)
        self.market = self.room("market", "birch", members=[self.quince])
        self.board = self.room("board", "cedar", members=[self.quince, self.sorrel], private=True)
        self.hiring = self.room("hiring", "dogwood", members=[self.quince, self.sorrel], private=True)
        self.prompts = []
        self.leaks = set()
        self._show, slack.show = slack.show, self.show

    def show(self, payload, method, channel, ts, *, only=""):
        """Whatever the bot shows passes here: nobody may see a word of a channel that they cannot read now."""
        readers = {only} if only or channel is None else self.slack.audience_of(channel)
        for place in self.told(json.dumps(payload, ensure_ascii=False)):
            source = self.slack.channels[place]
            self.leaks |= {(self.words[place], who) for who in readers if not self.slack.may_read(who, source)}
        self._show(payload, method, channel, ts, only=only)

    def room(self, name, word, **more):
        place = self.slack.add_channel(name, **more)
        self.words[place] = word
        says = f"In {name} the code word of the cellar door is {word}"
        self.slack.seed(place, [(next(iter(more["members"])), says)])
        return place

    def script(self, prompt):
        self.prompts.append(prompt)
        return every_source(prompt)

    def told(self, text):
        """The channels whose word is in a text."""
        return {place for place, word in self.words.items() if word in text}


@pytest.fixture
def house(slack):
    return House(slack)


@pytest.fixture
def at_home(bot, slack, house):
    @asynccontextmanager
    async def start(**more):
        async with bot(house.script, **more) as app:
            await caught_up(app, slack)
            yield app
            assert house.leaks == set()

    return start


@pytest.fixture
def short_trust(monkeypatch):
    """What was read of members counts for a moment only."""

    def shorten(seconds=1.0):
        monkeypatch.setattr(access, "FRESH_SECONDS", seconds)
        monkeypatch.setattr(freshness, "READ_AGAIN_SECONDS", seconds / 2)

    return shorten


# ---- who asks where -----------------------------------------------------------------------------------------------


async def test_an_answer_in_public_draws_from_public_channels_a_private_one_also_from_itself(slack, house, at_home):
    async with at_home() as app:
        public = {house.harvest, house.market}
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == public
        assert house.told(await ask(app, slack, house.tamarind, house.market, QUESTION)) == public
        assert house.told(await ask(app, slack, house.quince, house.board, QUESTION)) == public | {house.board}
        assert house.told(await ask(app, slack, house.sorrel, house.hiring, QUESTION)) == public | {house.hiring}
        assert all("cedar" not in prompt or "dogwood" not in prompt for prompt in house.prompts)


async def test_in_private_everybody_hears_from_what_is_theirs(slack, house, at_home):
    async with at_home() as app:
        public, closed = {house.harvest, house.market}, {house.board, house.hiring}
        assert house.told(await ask_directly(app, slack, house.quince, QUESTION)) == public | closed
        assert house.told(await ask_directly(app, slack, house.tamarind, QUESTION)) == public
        assert house.told(await order(app, slack, house.quince, house.harvest, f"ask {QUESTION}")) == public | closed
        assert house.told(await order(app, slack, house.tamarind, house.harvest, f"ask {QUESTION}")) == public
        assert shown(slack, "cedar") == shown(slack, "dogwood") == {house.quince}


async def test_what_only_the_asker_may_see_is_offered_to_the_asker_alone(slack, house, at_home):
    slack.seed(house.board, [(house.quince, "The zephyr merger closes in May")])
    async with at_home() as app:
        answer = await ask(app, slack, house.quince, house.harvest, "when does the zephyr merger close?")
        assert "Nothing found" in answer
        offer = await slack.until(lambda: offers(slack, house.harvest, house.quince), timeout=20)
        assert offers(slack, house.harvest, house.tamarind) == []
        slack.click(house.quince, offer[0].ts, "lore_private")
        await quiet(app, slack)
        assert shown(slack, "merger closes in May") == {house.quince}
        value = offer[0].blocks[-1]["elements"][0]["value"]
        slack.click(house.tamarind, offer[0].ts, "lore_private", value=value, forged=True)
        await quiet(app, slack)
        assert shown(slack, "merger closes in May") == {house.quince}


def offers(slack, channel, viewer):
    return [one for one in slack.bot_messages(channel, viewer) if "only you may see" in one.text]


async def test_with_a_guest_in_a_channel_it_hears_of_itself_alone(slack, house, at_home):
    garden = house.room("garden", "elder", members=[house.quince, house.juniper])
    async with at_home() as app:
        assert house.told(await ask(app, slack, house.quince, garden, QUESTION)) == {garden}
        assert house.told(await ask(app, slack, house.juniper, garden, QUESTION)) == {garden}
        assert house.told(await ask_directly(app, slack, house.juniper, QUESTION)) == {garden}
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) >= {house.harvest, garden}


async def test_a_guest_who_joins_narrows_a_channel_at_once_and_who_leaves_widens_it(slack, house, at_home):
    public = {house.harvest, house.market}
    async with at_home() as app:
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == public
        slack.join(house.harvest, house.juniper)
        await quiet(app, slack)
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == {house.harvest}
        slack.leave(house.harvest, house.juniper)
        await quiet(app, slack)
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == public


async def test_a_channel_shared_with_another_company_is_answered_in_private_and_from_itself(slack, house, at_home):
    fair = house.room("fair", "fir", members=[house.quince, house.stranger], ext_shared=True)
    async with at_home() as app:
        before = len(slack.visible_payloads())
        assert house.told(await ask(app, slack, house.quince, fair, QUESTION)) >= {fair}
        assert {reader for sent in slack.visible_payloads()[before:] for reader in sent.audience} == {house.quince}
        assert house.told(await ask(app, slack, house.stranger, fair, QUESTION)) == {fair}
        answer = await ask(app, slack, house.tamarind, house.harvest, QUESTION)
        assert house.told(answer) == {house.harvest, house.market}
        slack.share(house.market)
        await quiet(app, slack)
        assert house.told(await ask(app, slack, house.tamarind, house.harvest, QUESTION)) == {house.harvest}


async def test_a_channel_shared_inside_the_organisation_is_answered_openly_from_itself(slack, house, at_home):
    fair = house.room("fair", "fir", members=[house.quince], org_shared=True)
    async with at_home() as app:
        assert house.told(await ask(app, slack, house.quince, fair, QUESTION)) == {fair}
        assert house.tamarind in shown(slack, "fir")
        answer = await ask(app, slack, house.tamarind, house.harvest, QUESTION)
        assert house.told(answer) == {house.harvest, house.market}


async def test_a_group_of_people_in_direct_talk_is_answered_to_the_asker_alone(slack, house, at_home):
    group = slack.add_channel("", mpim=True, members=[house.quince, house.tamarind])
    async with at_home() as app:
        answer = await ask(app, slack, house.quince, group, QUESTION)
        assert house.board in house.told(answer)
        assert shown(slack, "cedar") == {house.quince}


# ---- what changes -------------------------------------------------------------------------------------------------


async def test_who_is_taken_out_of_a_private_channel_hears_nothing_of_it_any_more(slack, house, at_home):
    async with at_home() as app:
        assert house.board in house.told(await ask_directly(app, slack, house.sorrel, QUESTION))
        slack.leave(house.board, house.sorrel)
        await quiet(app, slack)
        answer = await ask_directly(app, slack, house.sorrel, QUESTION)
        assert house.told(answer) == {house.harvest, house.market, house.hiring}
        slack.join(house.board, house.sorrel)
        await quiet(app, slack)
        assert house.board in house.told(await ask_directly(app, slack, house.sorrel, QUESTION))


async def test_nor_when_slack_never_said_so_after_a_minute_at_the_latest(slack, house, at_home, short_trust):
    slack.faults.on_event("member_left_channel", times=None, drop=True)
    async with at_home() as app:
        assert house.board in house.told(await ask_directly(app, slack, house.sorrel, QUESTION))
        short_trust()
        slack.leave(house.board, house.sorrel)
        await quiet(app, slack)
        await eventually(lambda: stale(app, house.board))
        answer = await ask_directly(app, slack, house.sorrel, QUESTION)
        assert house.told(answer) == {house.harvest, house.market, house.hiring}


async def stale(app, channel, seconds=0.6):
    statement = """
    SELECT 1 FROM channel WHERE channel_id = %(id)s AND members_at < now() - make_interval(secs => %(seconds)s)"""
    return await rows(app, statement, id=channel, seconds=seconds)


async def test_while_slack_does_not_say_who_is_where_private_channels_stay_closed(slack, house, at_home, short_trust):
    async with at_home() as app:
        short_trust(4.0)
        slack.faults.on("conversations.members", times=None, status=503)
        await eventually(lambda: stale(app, house.board, 4.1))
        answer = await ask_directly(app, slack, house.quince, QUESTION)
        assert house.told(answer) == {house.harvest, house.market}
        slack.faults.clear()
        assert house.board in house.told(await ask_directly(app, slack, house.quince, QUESTION))


async def test_while_slack_does_not_say_who_the_asker_is_only_this_channel_answers(slack, house, at_home, short_trust):
    async with at_home() as app:
        short_trust()
        slack.faults.on("users.info", times=None, status=503)
        await eventually(lambda: stale(app, house.board, 1.1))
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == {house.harvest}
        assert house.told(await ask_directly(app, slack, house.tamarind, QUESTION)) == set()


async def test_a_bot_that_is_removed_forgets_to_quote_the_channel_at_once(slack, house, at_home):
    async with at_home() as app:
        slack.leave(house.market, slack.bot_user_id)
        slack.archive(house.board)
        await quiet(app, slack)
        answer = await ask_directly(app, slack, house.quince, QUESTION)
        assert house.told(answer) == {house.harvest, house.hiring}


async def test_a_public_channel_made_private_closes_at_once_to_who_is_not_in_it(slack, house, at_home):
    async with at_home() as app:
        assert house.market in house.told(await ask_directly(app, slack, house.tamarind, QUESTION))
        slack.convert_to_private(house.market)
        await quiet(app, slack)
        assert house.told(await ask_directly(app, slack, house.tamarind, QUESTION)) == {house.harvest}
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == {house.harvest}
        assert house.market in house.told(await ask_directly(app, slack, house.quince, QUESTION))


async def test_who_leaves_the_company_hears_nothing_and_who_becomes_a_guest_only_of_their_own(slack, house, at_home):
    async with at_home() as app:
        slack.change_user(house.tamarind, guest=True)
        await quiet(app, slack)
        assert house.told(await ask_directly(app, slack, house.tamarind, QUESTION)) == {house.harvest}
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == {house.harvest}
        slack.change_user(house.sorrel, deleted=True)
        await quiet(app, slack)
        assert house.told(await ask_directly(app, slack, house.sorrel, QUESTION)) == set()


async def test_somebody_nobody_knows_hears_of_the_channel_alone(slack, house, at_home):
    async with at_home() as app:
        nobody = slack.add_user("nobody")
        slack.channels[house.harvest].members[nobody] = None
        slack.faults.on("users.info", times=None, error="user_not_found")
        assert house.told(await ask(app, slack, nobody, house.harvest, QUESTION)) == {house.harvest}


# ---- more than one workspace --------------------------------------------------------------------------------------


async def test_two_workspaces_know_nothing_of_each_other(slack, house, at_home):
    other = slack.add_workspace("lagoon")
    medlar = other.add_user("medlar")
    harvest = other.add_channel("harvest", members=[medlar])
    other.seed(harvest, [(medlar, "In lagoon the code word of the cellar door is willow")])
    tokens = {"bot_token": other.bot_token, "app_token": other.app_token, "signing_secret": other.signing_secret}
    async with at_home(workspaces=[tokens]) as app:
        ts = other.post(harvest, medlar, f"<@{other.bot_user_id}> {QUESTION}")
        await quiet(app, slack)
        answers = [one.text for one in other.bot_messages(harvest) if one.ts > ts]
        assert "willow" in answers[-1]
        assert house.told(answers[-1]) == set()
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == {house.harvest, house.market}
        assert house.told(await ask_directly(app, slack, house.quince, QUESTION)) == set(house.words)
        assert all("willow" not in json.dumps(sent.payload) for sent in slack.visible_payloads())


async def test_events_of_a_workspace_that_is_not_ours_are_acknowledged_and_dropped(slack, house, at_home):
    async with at_home() as app:
        stranger = slack.add_workspace("lagoon", app_token=slack.app_token, app_id=slack.app_id)
        medlar = stranger.add_user("medlar")
        place = stranger.add_channel("harvest", members=[medlar])
        stranger.post(place, medlar, "a zephyr from elsewhere")
        stranger.post(place, medlar, f"<@{stranger.bot_user_id}> what of the zephyr?")
        typed = stranger.slash_command(medlar, place, "/lore", "ask what of the zephyr?")
        await typed.answer()
        await quiet(app, slack)
        assert {one.state for one in stranger.outbox.deliveries} == {"acked"}
        assert stranger.bot_messages(place) == []
        assert typed.posts == []
        assert await kept(app, "zephyr") == []
