"""Who is told what: every channel holds a word of its own, and every word the bot shows is traced to its readers."""

import json

import pytest

from tests.scenarios.slack.house import QUESTION, House
from tests.scenarios.slack.scene import ask, ask_directly, kept, quiet, shown


@pytest.fixture
def house(slack, bot):
    return House(slack, bot)


# ---- who asks where -----------------------------------------------------------------------------------------------


async def test_with_a_guest_in_a_channel_it_hears_of_itself_alone(slack, house):
    garden = house.room("garden", "elder", members=[house.quince, house.juniper])
    async with house.at_home() as app:
        assert house.told(await ask(app, slack, house.quince, garden, QUESTION)) == {garden}
        assert house.told(await ask(app, slack, house.juniper, garden, QUESTION)) == {garden}
        assert house.told(await ask_directly(app, slack, house.juniper, QUESTION)) == {garden}
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) >= {house.harvest, garden}


async def test_a_channel_shared_with_another_company_is_answered_in_private_and_from_itself(slack, house):
    fair = house.room("fair", "fir", members=[house.quince, house.stranger], ext_shared=True)
    async with house.at_home() as app:
        before = len(slack.visible_payloads())
        assert house.told(await ask(app, slack, house.quince, fair, QUESTION)) >= {fair}
        assert {reader for sent in slack.visible_payloads()[before:] for reader in sent.audience} == {house.quince}
        assert house.told(await ask(app, slack, house.stranger, fair, QUESTION)) == {fair}
        answer = await ask(app, slack, house.tamarind, house.harvest, QUESTION)
        assert house.told(answer) == {house.harvest, house.market}
        slack.share(house.market)
        await quiet(app, slack)
        assert house.told(await ask(app, slack, house.tamarind, house.harvest, QUESTION)) == {house.harvest}


async def test_a_channel_shared_inside_the_organisation_is_answered_openly_from_itself(slack, house):
    fair = house.room("fair", "fir", members=[house.quince], org_shared=True)
    async with house.at_home() as app:
        assert house.told(await ask(app, slack, house.quince, fair, QUESTION)) == {fair}
        assert house.tamarind in shown(slack, "fir")
        # Whoever reads a public channel need not be in it.
        assert house.told(await ask(app, slack, house.tamarind, house.market, QUESTION)) == {
            house.harvest,
            house.market,
        }
        answer = await ask(app, slack, house.tamarind, house.harvest, QUESTION)
        assert house.told(answer) == {house.harvest, house.market}


async def test_a_group_of_people_in_direct_talk_is_answered_to_the_asker_alone(slack, house):
    group = slack.add_channel("", mpim=True, members=[house.quince, house.tamarind])
    async with house.at_home() as app:
        answer = await ask(app, slack, house.quince, group, QUESTION)
        assert house.board in house.told(answer)
        assert shown(slack, "cedar") == {house.quince}


# ---- more than one workspace --------------------------------------------------------------------------------------


async def test_two_workspaces_know_nothing_of_each_other(slack, house):
    other = slack.add_workspace("lagoon")
    medlar = other.add_user("medlar")
    harvest = other.add_channel("harvest", members=[medlar])
    other.seed(harvest, [(medlar, "In lagoon the code word of the cellar door is willow")])
    tokens = {"bot_token": other.bot_token, "app_token": other.app_token, "signing_secret": other.signing_secret}
    async with house.at_home(workspaces=[tokens]) as app:
        ts = other.post(harvest, medlar, f"<@{other.bot_user_id}> {QUESTION}")
        await quiet(app, slack)
        answers = [one.text for one in other.bot_messages(harvest) if one.ts > ts]
        assert "willow" in answers[-1]
        assert house.told(answers[-1]) == set()
        assert house.told(await ask(app, slack, house.quince, house.harvest, QUESTION)) == {house.harvest, house.market}
        assert house.told(await ask_directly(app, slack, house.quince, QUESTION)) == set(house.words)
        assert all("willow" not in json.dumps(sent.payload) for sent in slack.visible_payloads())


async def test_events_of_a_workspace_that_is_not_ours_are_acknowledged_and_dropped(slack, house):
    async with house.at_home() as app:
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
