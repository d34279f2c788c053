"""What is written becomes searchable, changes and goes, while the bot listens."""

import pytest

from adapters.slack import directory
from tests.scenarios.slack.scene import NOTICE, REMOVED, ago, ask, caught_up, kept, message, quiet, rows, texts


@pytest.fixture
def people(slack):
    return slack.add_user("quince"), slack.add_user("tamarind")


@pytest.fixture
def harvest(slack, people):
    return slack.add_channel("harvest", members=people)


# ---- live ---------------------------------------------------------------------------------------------------------


async def test_a_message_is_found_by_its_words_at_once_an_edit_replaces_it_and_a_deletion_takes_it_back(
    slack, bot, people, harvest
):
    quince, tamarind = people
    question = "when does the cider press come back from repair?"
    async with bot() as app:
        await caught_up(app, slack)
        ts = slack.post(harvest, tamarind, "The cider press comes back from repair on Thursday")
        await quiet(app, slack)
        assert "Thursday" in await ask(app, slack, quince, harvest, question)

        slack.edit(harvest, ts, "The cider press comes back from repair on Saturday")
        await quiet(app, slack)
        assert await kept(app, "Thursday") == []
        asked = slack.clock.ts()
        answer = await ask(app, slack, quince, harvest, question)
        assert "Saturday" in answer
        assert "Thursday" not in answer
        follow_up = await ask(app, slack, quince, harvest, "and on which day exactly?", thread=thread_of(slack, asked))
        assert "Saturday" in follow_up
        assert any("turns" in key for key in await kept(app, "Saturday"))

        slack.delete(harvest, ts)
        await quiet(app, slack)
        assert await kept(app, "Saturday") == []
        answers = [one.text for one in slack.bot_messages(harvest) if one.thread_ts]
        assert len(answers) == 3
        assert all(REMOVED in text for text in answers)
        assert "did not find" in await ask(app, slack, quince, harvest, question)


def thread_of(slack, after):
    """The thread that began after a moment."""
    return next(one.ts for channel in slack.channels for one in slack.transcript(channel) if one.ts > after)


async def test_a_late_reply_to_an_old_thread_is_found(slack, bot, people, harvest):
    quince, tamarind = people
    (root,) = slack.seed(harvest, [(quince, "Which barrels do we keep for the vinegar?", ago(90))])
    async with bot() as app:
        await caught_up(app, slack)
        slack.post(harvest, tamarind, "The chestnut barrels from the lower cellar", thread_ts=root)
        await quiet(app, slack)
        answer = await ask(app, slack, quince, harvest, "which chestnut barrels from which cellar?")
        assert "lower cellar" in answer


async def test_reactions_are_counted_whatever_the_skin_and_uncounted(slack, bot, people, harvest):
    quince, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        ts = slack.post(harvest, tamarind, "We plant two rows of medlar")
        slack.react(harvest, ts, quince, "+1")
        slack.react(harvest, ts, tamarind, "+1::skin-tone-4")
        slack.react(harvest, ts, quince, "tada")
        await quiet(app, slack)
        slack.react(harvest, ts, quince, "tada", removed=True)
        await quiet(app, slack)
        assert (await message(app, ts))[2] == {"+1": 2}


async def test_a_renamed_channel_and_person_are_shown_by_their_new_names(slack, bot, people, harvest):
    quince, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        slack.post(harvest, tamarind, "The juice keeps for two weeks in the cold store")
        await quiet(app, slack)
        slack.rename_channel(harvest, "orchard-news")
        slack.change_user(tamarind, name="sorbus")
        await quiet(app, slack)
        answer = await ask(app, slack, quince, harvest, "how long does the juice keep in the cold store?")
        assert "#orchard-news" in answer
        assert "*sorbus*" in answer
        assert "tamarind" not in answer


async def test_a_change_that_changes_nothing_and_a_preview_leave_a_message_as_it_is(slack, bot, people, harvest):
    quince, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        ts = slack.post(harvest, tamarind, "The map is at https://wiki.example/page")
        slack.post(harvest, quince, "Thanks", thread_ts=ts)
        await quiet(app, slack)
        before = await rows(app, "SELECT * FROM message WHERE message_id = %(ts)s", ts=ts)
        slack.recount(harvest, ts)
        slack.unfurl(harvest, ts)
        await quiet(app, slack)
        assert await rows(app, "SELECT * FROM message WHERE message_id = %(ts)s", ts=ts) == before


@pytest.mark.parametrize("late", [1, 2])
async def test_whatever_order_events_come_in_the_last_word_counts(slack, bot, people, harvest, late):
    _, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        slack.faults.on_event("message", where=lambda event: not event.get("subtype"), times=None, reorder=late)
        edited = slack.post(harvest, tamarind, "The gate code is medlar")
        slack.edit(harvest, edited, "The gate code is on the notice board")
        deleted = slack.post(harvest, tamarind, "The alarm code is damson")
        slack.delete(harvest, deleted)
        both = slack.post(harvest, tamarind, "The safe code is bullace")
        slack.edit(harvest, both, "The safe code is sloe")
        slack.delete(harvest, both)
        await quiet(app, slack)
        assert (await message(app, edited))[:2] == ("The gate code is on the notice board", False)
        assert (await message(app, deleted))[:2] == (None, True)
        assert (await message(app, both))[:2] == (None, True)
        assert [await kept(app, word) for word in ("medlar", "damson", "bullace", "sloe")] == [[], [], [], []]


async def test_an_event_that_comes_twice_is_handled_once(slack, bot, people, harvest):
    _, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        slack.faults.on_event("message", times=None, duplicate=2)
        slack.faults.on_event("reaction_added", times=None, duplicate=2)
        ts = slack.post(harvest, tamarind, "We graft on Monday")
        slack.react(harvest, ts, tamarind, "seedling")
        await quiet(app, slack)
        assert (await message(app, ts))[2] == {"seedling": 1}
        assert await rows(app, "SELECT count(*) FROM message") == [(1,)]


async def test_messages_are_learnt_while_slack_does_not_describe_their_channel(
    slack, bot, people, harvest, monkeypatch
):
    monkeypatch.setattr(directory, "CHANNEL_SECONDS", 0.0)
    quince, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        asked = len(slack.calls_of("conversations.info"))
        first = slack.post(harvest, tamarind, "The gate is green")
        await quiet(app, slack)
        assert len(slack.calls_of("conversations.info")) == asked
        monkeypatch.setattr(directory, "KNOWN_SECONDS", 0.0)
        slack.faults.on("conversations.info", times=None, retry_after=30)
        second = slack.post(harvest, quince, "The gate is blue")
        await quiet(app, slack)
        assert [(await message(app, ts))[0] for ts in (first, second)] == ["The gate is green", "The gate is blue"]


# ---- what is nobody's knowledge -----------------------------------------------------------------------------------


async def test_questions_bots_and_private_talks_are_never_kept(slack, bot, people, harvest):
    quince, tamarind = people
    robot = slack.add_user("ticker", bot=True)
    group = slack.add_channel("", mpim=True, members=people)
    talk = slack.open_im(quince)
    async with bot() as app:
        await caught_up(app, slack)
        mention = slack.post(harvest, quince, f"<@{slack.bot_user_id}> is the zephyr word safe?")
        slack.edit(harvest, mention, f"<@{slack.bot_user_id}> is the zephyr phrase safe?")
        slack.post(harvest, robot, "zephyr build passed")
        slack.post(harvest, None, "zephyr hook", subtype="bot_message", bot_id="B00009999")
        slack.post(group, tamarind, "zephyr in a group")
        direct = slack.post(talk, quince, "zephyr in a direct talk")
        slack.edit(group, slack.post(group, tamarind, "zephyr"), "zephyr again")
        slack.delete(talk, direct)
        await quiet(app, slack)
        assert "message" not in await kept(app, "zephyr")
        assert await rows(app, "SELECT body FROM message WHERE body <> ''") == []
        assert await rows(app, "SELECT 1 FROM channel WHERE visibility = 'direct' OR channel_id LIKE 'D%%'") == []
        assert group not in {channel_id for (channel_id,) in await rows(app, "SELECT channel_id FROM channel")}


async def test_a_message_that_becomes_a_question_is_known_no_longer(slack, bot, people, harvest):
    _, tamarind = people
    async with bot() as app:
        await caught_up(app, slack)
        ts = slack.post(harvest, tamarind, "The zephyr pump is broken")
        await quiet(app, slack)
        slack.edit(harvest, ts, f"<@{slack.bot_user_id}> is the zephyr pump broken?")
        await quiet(app, slack)
        assert "message" not in await kept(app, "zephyr")


# ---- invited ------------------------------------------------------------------------------------------------------


async def test_an_invited_bot_says_so_once_and_learns_the_past_with_its_threads(slack, bot, people):
    quince, tamarind = people
    cellar = slack.add_channel("cellar", members=people, bot_in=False)
    (root, *_) = slack.seed(cellar, [(quince, f"Talk number {n} about racks", ago(60 - n)) for n in range(30)])
    slack.seed(cellar, [(tamarind, "The oak racks hold forty bottles each", ago(10), root)])
    async with bot() as app:
        await caught_up(app, slack)
        assert await rows(app, "SELECT 1 FROM message") == []
        slack.join(cellar, slack.bot_user_id, inviter=quince)
        await quiet(app, slack)
        await caught_up(app, slack)
        assert await rows(app, "SELECT count(*) FROM message") == [(31,)]
        assert "forty bottles" in await ask(app, slack, quince, cellar, "how many bottles do the oak racks hold?")
    async with bot() as app:
        await caught_up(app, slack)
        assert sum(NOTICE in text for text in texts(slack, cellar)) == 1
