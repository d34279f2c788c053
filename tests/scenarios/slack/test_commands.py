"""`/lore …`: what admins may order, what everybody may order for themselves, and what nobody else may."""

import pytest

from tests.scenarios.slack.scene import (
    caught_up,
    link,
    message,
    order,
    quiet,
    rows,
)

REFUSED = "Only admins of this workspace"
ADMIN_ORDERS = (
    "status",
    "gaps",
    "reindex #harvest",
    "cancel 1",
    "config #harvest",
    "config #harvest bot off",
    "forget #harvest",
    "forget @tamarind",
)


@pytest.fixture
def people(slack):
    return slack.add_user("quince"), slack.add_user("tamarind")


@pytest.fixture
def pear(slack):
    return slack.add_user("pear", admin=True)


@pytest.fixture
def harvest(slack, people, pear):
    return slack.add_channel("harvest", members=[*people, pear])


async def audited(app):
    return await rows(app, "SELECT person_id, action, allowed FROM audit ORDER BY audit_pk")


# ---- who may ------------------------------------------------------------------------------------------------------


async def test_no_order_of_an_admin_is_carried_out_for_anybody_else_and_each_try_is_noted(slack, bot, people, harvest):
    quince, tamarind = people
    guest = slack.add_user("juniper", guest=True)
    gone = slack.add_user("medlar", admin=True, deleted=True)
    slack.channels[harvest].members |= {guest: None}
    async with bot() as app:
        await caught_up(app, slack)
        ts = slack.post(harvest, tamarind, "The gate is green")
        await quiet(app, slack)
        orders = (*ADMIN_ORDERS, f"forget {link(slack, harvest, ts)}")
        tries = [(guest, harvest), (gone, harvest), (quince, slack.open_im(quince))]
        said = [await order(app, slack, who, where, text) for who, where in tries for text in orders]
        assert all(REFUSED in one for one in said), said
        assert [allowed for _, _, allowed in await audited(app)] == [False] * len(said)
        assert (await message(app, ts))[0] == "The gate is green"
        assert await rows(app, "SELECT 1 FROM channel_config") == []
        assert await rows(app, "SELECT count(*) FROM job") == [(1,)]


async def test_while_slack_does_not_say_who_is_an_admin_nobody_is(slack, bot, people, pear, harvest):
    async with bot() as app:
        await caught_up(app, slack)
        slack.faults.on("users.info", times=None, status=503)
        assert REFUSED in await order(app, slack, pear, harvest, "status")
        slack.faults.clear()
        slack.change_user(pear, admin=False, silent=True)
        assert REFUSED in await order(app, slack, pear, harvest, "status")


MISTYPED = {
    "statsu": "did you mean `/lore status`",
    "reindex": "Say which channel",
    "reindex #nowhere": "no channel called nowhere",
    "reindex #harvest since never": "I do not know that day",
    "cancel": "Say which job",
    "forget": "Say what to forget",
    "forget something": "Say what to forget",
    "config colour red": "There is no setting colour",
    "config bot maybe": "bot can be on or off",
    "config language klingon-language": "language can be auto",
    "config model big": "default only",
    "status please": "`status` stands alone",
}
"""What is typed, and what the sentence says."""


async def test_what_is_mistyped_is_answered_by_a_sentence(slack, bot, pear, harvest):
    async with bot() as app:
        await caught_up(app, slack)
        for typed, says in MISTYPED.items():
            answer = await order(app, slack, pear, harvest, typed)
            assert says in answer, typed
            assert "\n" not in answer, typed
        assert await rows(app, "SELECT 1 FROM channel_config") == []


# ---- settings and gaps --------------------------------------------------------------------------------------------


async def test_a_channel_is_set_from_a_direct_conversation_when_it_is_named(slack, bot, pear, harvest):
    async with bot() as app:
        await caught_up(app, slack)
        talk = slack.open_im(pear)
        assert "replies: private" in await order(app, slack, pear, talk, "config #harvest replies private")
        assert "direct conversation" in await order(app, slack, pear, talk, "config replies public")


async def test_an_admin_of_one_workspace_sees_nothing_of_another(slack, bot, people, pear, harvest):
    other = slack.add_workspace("lagoon")
    medlar = other.add_user("medlar", admin=True)
    place = other.add_channel("secret-harbour", members=[medlar])
    tokens = {"bot_token": other.bot_token, "app_token": other.app_token, "signing_secret": other.signing_secret}
    async with bot(workspaces=[tokens]) as app:
        await caught_up(app, slack)
        other.post(place, medlar, f"<@{other.bot_user_id}> who repairs the zephyr turbine?")
        await quiet(app, slack)
        status = await order(app, slack, pear, harvest, "status")
        assert "#harvest" in status
        assert "secret-harbour" not in status
        assert "No question was left open" in await order(app, slack, pear, harvest, "gaps")
        history = slack.faults.on("conversations.history", hold=True)
        other.slash_command(medlar, place, "/lore", "reindex #secret-harbour")
        await history.reached.wait()
        ((job,),) = await rows(app, "SELECT job_pk FROM job WHERE state = 'running'")
        assert "is not running" in await order(app, slack, pear, harvest, f"cancel {job}")
        assert await rows(app, "SELECT job_pk FROM job WHERE state = 'running'") == [(job,)]
        history.release()
        typed = other.slash_command(medlar, place, "/lore", "gaps")
        await quiet(app, slack)
        assert "zephyr" in typed.posts[-1]["text"]
