"""What Discord refuses, loses, limits and forgets, and what people send that is no plain message."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from adapters import progress
from adapters.discord import posting
from tests.scenarios.shared.on_discord import DiscordHouse
from tests.scenarios.slack.talk import KAFKA, PATIENCE, WHY_KAFKA, best_source

SEND, HISTORY, EMBED, VIEW = 1 << 11, 1 << 16, 1 << 14, 1 << 10
ANSWER = "SELECT coalesce(outcome, state), tries FROM answer"
KEPT = "SELECT body FROM message WHERE NOT deleted ORDER BY posted_at"
POST, EDIT = "POST /channels/*/messages", "PATCH /channels/*/messages/*"
CALLBACK, ORIGINAL = "POST /interactions/*", "PATCH /webhooks/*/messages/@original"


@pytest.fixture
def house(server, bot):
    return DiscordHouse(server, bot)


def is_an_answer(body):
    return bool(body.get("message_reference"))


def has_buttons(body):
    return bool(body.get("components"))


async def outcome(house):
    await house.settled()
    [(found, tries)] = await house.rows(ANSWER)
    return found, tries


# ---- what the bot may not do ---------------------------------------------------------------------------------------


async def test_where_the_bot_may_not_write_a_mention_makes_no_noise_and_no_loop(house):
    async with house.bot():
        house.discord.set_overwrites(house.harvest, {house.discord.bot_user_id: (0, SEND)})
        house.mention(WHY_KAFKA)
        assert await outcome(house) == ("lost", 1)
    assert house.seen() == []


async def test_where_the_bot_may_not_write_a_command_is_answered_all_the_same(house):
    async with house.bot():
        house.discord.set_overwrites(house.harvest, {house.discord.bot_user_id: (0, SEND)})
        assert KAFKA in "".join(await house.ask(WHY_KAFKA))


async def test_where_the_bot_may_not_embed_links_the_answer_still_comes(house):
    async with house.bot():
        house.discord.set_overwrites(house.harvest, {house.discord.bot_user_id: (0, EMBED)})
        answer = await house.answer(house.mention(WHY_KAFKA))
    assert KAFKA in answer.text


async def test_where_the_bot_may_not_read_the_past_a_command_is_answered_from_what_may_be_quoted(house):
    async with house.bot():
        house.discord.set_overwrites(house.harvest, {house.discord.bot_user_id: (0, HISTORY)})
        await house.settled()
        told = "".join(await house.ask(WHY_KAFKA))
    assert told
    assert KAFKA not in told


@pytest.mark.parametrize("code", [50001, 50013, 10003, 50083])
async def test_an_answer_that_is_refused_for_good_ends_quietly(house, code):
    house.discord.faults.on(POST, error=code, times=None, where=is_an_answer)
    async with house.bot():
        house.mention(WHY_KAFKA)
        assert await outcome(house) == ("lost", 1)
    assert house.seen() == []


@pytest.mark.parametrize("code", [50001, 50013, 10008, 10003])
async def test_a_last_edit_that_is_refused_for_good_ends_quietly(house, code):
    house.discord.faults.on(EDIT, error=code, times=None)
    async with house.bot():
        house.mention(WHY_KAFKA)
        assert await outcome(house) == ("lost", 1)
    assert len(house.prompts) <= 1


@pytest.mark.parametrize("lost", ["channel", "sign", "question", "guild", "access"])
async def test_what_is_taken_away_in_mid_answer_makes_no_noise_and_no_loop(house, lost):
    discord = house.discord
    async with house.bot(delay_seconds=0.3):
        asked = house.mention(WHY_KAFKA)
        sign = await house.appears("Decision:", asked)
        match lost:
            case "channel":
                discord.delete_channel(house.harvest)
            case "sign":
                discord.delete(house.harvest, sign.id)
            case "question":
                discord.delete(house.harvest, asked)
            case "guild":
                discord.remove_guild(house.guild)
            case "access":
                house.remove_bot(house.harvest)
        async with asyncio.timeout(PATIENCE):
            while not await house._is_idle():
                await asyncio.sleep(0.05)
        [(found, tries)] = await house.rows(ANSWER)
        assert found in ({"answered"} if lost == "question" else {"lost", "removed"})
        assert tries == 1
    assert len(house.prompts) == 1


# ---- interactions that Discord forgets -----------------------------------------------------------------------------


async def given(house, *, public=False, who=""):
    options = {"question": WHY_KAFKA, "private": not public}
    return house.discord.slash_command(who or house.quince, house.harvest, "ask", options)


async def test_a_command_that_discord_forgot_before_the_bot_could_defer_is_answered_directly(house):
    house.discord.faults.on(CALLBACK, error=10062)
    async with house.bot():
        await given(house)
        await house.settled()
        [answer] = house.seen(where=house.im())
        assert KAFKA in answer.text
        assert house.seen() == []


async def test_a_public_command_that_discord_forgot_is_answered_in_its_channel(house):
    house.discord.faults.on(CALLBACK, error=10062)
    async with house.bot():
        await given(house, public=True)
        await house.settled()
        [answer] = house.seen()
    assert KAFKA in answer.text


@pytest.mark.parametrize("public", [False, True])
async def test_a_token_that_ends_in_mid_answer_moves_the_answer_to_where_it_can_go(house, public):
    async with house.bot(delay_seconds=0.2):
        pending = await given(house, public=public)
        await pending.answer(PATIENCE)
        house.discord.clock.advance(15 * 60 + 1)
        await house.settled()
        found = house.seen() if public else house.seen(where=house.im())
    assert any(KAFKA in one.text and "helpful" in one.actions for one in found)


@pytest.mark.parametrize("public", [False, True])
async def test_an_answer_that_is_ready_after_the_life_of_the_token_does_not_even_try_it(house, monkeypatch, public):
    monkeypatch.setattr(posting, "TOKEN_LIFE", timedelta(0))
    async with house.bot():
        await given(house, public=public)
        await house.settled()
        [answer] = [one for one in house.seen(where="" if public else house.im()) if not one.is_working]
        assert house.discord.calls_of("PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original") == []
    assert KAFKA in answer.text


async def test_who_takes_no_direct_messages_is_told_nothing_and_nothing_is_tried_again(house, monkeypatch):
    monkeypatch.setattr(posting, "TOKEN_LIFE", timedelta(0))
    house.discord.refuse_dms(house.quince)
    async with house.bot():
        await given(house)
        assert await outcome(house) == ("lost", 1)
        assert house.seen(where=house.im()) == []
        assert [one for one in house.seen() if not one.is_working] == []
        sent = [one for one in house.discord.calls if one.params.get("channel_id") == house.im()]
    assert len(sent) == 1


async def test_an_order_whose_token_is_gone_is_confirmed_directly(house, monkeypatch):
    monkeypatch.setattr(posting, "TOKEN_LIFE", timedelta(0))
    async with house.bot():
        house.discord.slash_command(house.medlar, house.harvest, "lore", subcommand="status")
        await house.settled()
        assert house.seen(where=house.im(house.medlar))


async def test_of_a_job_that_outlives_its_token_only_the_end_is_told_and_directly(house, monkeypatch):
    monkeypatch.setattr(progress, "PROGRESS_SECONDS", 0.05)
    async with house.bot():
        house.hold_history()
        ordered = await house.order("reindex", channel=house.harvest)
    monkeypatch.setattr(posting, "TOKEN_LIFE", timedelta(0))
    async with house.bot(learned=False):
        await asyncio.sleep(0.5)
        assert house.seen(where=house.im(house.medlar)) == []
        house.mend()
        told = await house.appears("done", where=house.im(house.medlar))
        [only] = house.seen(where=house.im(house.medlar))
        assert only.id == told.id
    assert ordered.partition("\n")[0] in told.text


async def test_an_answer_that_discord_never_takes_is_not_sent_for_ever(house):
    broken = house.discord.faults.on(EDIT, error=50006, times=None, where=has_buttons)
    async with house.bot():
        house.mention(WHY_KAFKA)
        await house.discord.until(lambda: broken.hits, timeout=PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while not await house._is_idle():
                await asyncio.sleep(0.05)
        assert broken.hits < 20


# ---- what fails, is lost, or is limited ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503, "times": 2},
        {"drop": True},
        {"drop": True, "done": True},
        {"bad_json": True},
        {"retry_after": 0.5},
        {"retry_after": 0.5, "scope": "shared"},
        {"retry_after": 0.5, "scope": "global"},
    ],
    ids=str,
)
@pytest.mark.parametrize("call", [POST, EDIT, ORIGINAL])
async def test_an_answer_arrives_once_whatever_fails_for_a_while(house, call, fault):
    house.discord.faults.on(call, where=is_an_answer if call == POST else None, **fault)
    async with house.bot():
        if call == ORIGINAL:
            assert KAFKA in "".join(await house.ask(WHY_KAFKA))
            return
        answer = await house.answer(house.mention(WHY_KAFKA))
    assert KAFKA in answer.text
    assert "helpful" in answer.actions
    assert house.discord.invalid_requests < 3


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}, {"retry_after": 1.0}, {"bad_json": True}], ids=str)
async def test_the_past_is_read_to_its_end_whatever_fails_for_a_while(house, fault):
    house.discord.faults.on("GET /channels/*/messages", times=2, **fault)
    async with house.bot():
        assert (KAFKA,) in await house.rows(KEPT)


async def test_with_discords_own_limits_five_questions_at_once_are_all_answered(house):
    house.discord.rate_limits.switch_on()
    async with house.bot():
        asked = [house.mention(f"{WHY_KAFKA} {number}", who=house.sorrel) for number in range(5)]
        await house.settled()
        answered = {one.asked for one in house.seen() if KAFKA in one.text}
    assert answered == set(asked)
    assert house.discord.invalid_requests < 10


# ---- who and what else writes --------------------------------------------------------------------------------------


async def test_only_what_people_write_is_learnt_in_whatever_form(house):
    discord, harvest, quince = house.discord, house.harvest, house.quince
    photo = {"filename": "barrels.png", "title": "Barrels", "description": "the barrels in the red barn"}
    bird = discord.add_member(house.guild, discord.add_user("bird", bot=True))
    async with house.bot():
        discord.post(harvest, quince, "", attachments=[photo])
        discord.post(harvest, quince, "", attachments=["voice-message.ogg"], flags=1 << 13)
        discord.post(harvest, quince, "", stickers=["waving pear"])
        discord.post(harvest, quince, "", poll=poll("Which press?", "the old one", "the new one"))
        discord.forward(harvest, quince, harvest, house.decision)
        discord.post(harvest, "ticker", "the hook says hail", webhook=True)
        discord.post(harvest, bird, "the bird says frost")
        discord.post(harvest, quince, "a" * 2000, embeds=[{"title": "t" * 256, "description": "d" * 4096}] * 1)
        discord.post(harvest, quince, "", type=7)
        await house.settled()
        bodies = [body for (body,) in await house.rows(KEPT)]
    assert any("the barrels in the red barn" in body for body in bodies)
    assert any("Which press?" in body and "the new one" in body for body in bodies)
    assert sum(KAFKA in body for body in bodies) == 2
    assert not any("hook" in body or "frost" in body for body in bodies)


def poll(question, *answers):
    return {
        "question": {"text": question},
        "answers": [{"answer_id": number, "poll_media": {"text": text}} for number, text in enumerate(answers, 1)],
        "expiry": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        "allow_multiselect": False,
        "layout_type": 1,
        "results": {"is_finalized": False, "answer_counts": []},
    }


async def test_a_webhook_and_a_bot_may_ask(house):
    discord = house.discord
    bird = discord.add_member(house.guild, discord.add_user("bird", bot=True))
    async with house.bot():
        by_hook = discord.post(house.harvest, "ticker", f"<@{discord.bot_user_id}> {WHY_KAFKA}", webhook=True)
        by_bot = house.mention(WHY_KAFKA, who=bird)
        await house.settled()
        answered = [one.asked for one in house.seen() if KAFKA in one.text]
    assert sorted(answered) == sorted([by_hook, by_bot])


async def test_an_answer_of_a_thousand_words_stands_within_discords_limits(house):
    def wordy(prompt):
        return f"{best_source(prompt)}\n\n" + "The press wants oil, water and **patience**. " * 400

    async with house.bot(wordy):
        asked = house.mention(WHY_KAFKA)
        parts = await house.answers(asked)
    assert len(parts) > 2
    assert all(len(one.raw.content) <= 2000 for one in parts)


# ---- guilds that come and go ---------------------------------------------------------------------------------------


async def test_a_guild_that_the_bot_leaves_in_mid_backfill_is_ended_and_learnt_when_it_is_back(house):
    discord = house.discord
    other = discord.add_guild("orchard")
    damson = discord.add_member(other, "damson")
    there = discord.add_channel(other, "press")
    discord.seed(there, [(damson, f"barrel {number} is full") for number in range(250)])
    held = discord.faults.on(f"GET /channels/{there}/messages", hold=True, nth=2)
    async with house.bot(learned=False):
        await discord.until(held.reached.is_set, timeout=PATIENCE)
        discord.remove_guild(other)
        held.release()
        await house.learned()
        assert KAFKA in (await house.answer(house.mention(WHY_KAFKA))).text
        jobs = await house.rows("SELECT state FROM job")
    assert ("running",) not in jobs


async def test_a_guild_that_invites_the_bot_while_it_runs_is_learnt(house):
    discord = house.discord
    async with house.bot():
        with discord.silently():
            other = discord.add_guild("orchard")
            damson = discord.add_member(other, "damson")
            there = discord.add_channel(other, "press")
            discord.seed(there, [(damson, "We keep Kafka and are happy with it")])
        discord.tell("GUILD_CREATE", discord.guild_payload(other), other)
        await house._until(lambda: is_kept(house, "happy"))
        answer = await house.answer(house.mention("why Kafka?", who=damson, where=there), where=there)
    assert "happy" in answer.text


async def is_kept(house, words):
    return any(words in body for (body,) in await house.rows(KEPT))
