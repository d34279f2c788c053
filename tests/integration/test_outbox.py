"""The answer table on a real PostgreSQL."""

import asyncio
from datetime import UTC, datetime

import pytest

from bot.channel_config import ChannelConfigs
from bot.conversation import Request, Task
from bot.outbox import Outbox
from bot.requests import answer_id_of
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.messages import Channel, ChannelRef, Deleted, MessageRef, PersonRef, Visibility
from tests.talk import deleted, described, said

CANARY = "canary of the deep"


def request(number=1, text="why did we drop Kafka?", *, where="general", who="quince", **more):
    place = ChannelRef("slack", "tidepool", where)
    asker = None if who is None else PersonRef("slack", "tidepool", who)
    task = more.get("task", Task.ANSWER)
    answer_id = answer_id_of("slack", "tidepool", where, f"{number}.0", task)
    return Request(answer_id, place, text, asker, f"{number}.0", **more)


@pytest.fixture
def outbox(database):
    return Outbox(database)


async def claim_one(outbox):
    (claimed,) = await outbox.claim(["slack"], 1)
    return claimed


async def answer(outbox, one, *, outcome="answered", places=("9.1",), sources=()):
    """Takes a question through its whole life."""
    assert await outbox.open(one)
    claimed = await claim_one(outbox)
    assert claimed.request == one
    assert await outbox.posted(one.answer_id, claimed.fence, outcome, places, sources)


async def expire(database):
    await database.execute("UPDATE answer SET lease_until = now() - interval '1 s'")


# ---- from question to answer --------------------------------------------------------------------------------------


async def test_a_question_is_kept_once_and_comes_back_whole(outbox):
    one = request(
        text='NUL \x00, half \ud83d, "quotes" 因为',
        thread_id="0.5",
        since=datetime(2026, 3, 2, tzinfo=UTC),
        reply_to={"response_url": "https://tidepool.example"},
    )
    assert await outbox.open(one) is True
    assert await outbox.open(one) is False
    claimed = await claim_one(outbox)
    assert (claimed.request, claimed.fence, claimed.places, claimed.tries) == (one, 1, (), 1)
    assert await outbox.waiting() == 1


async def test_one_message_may_ask_for_an_answer_and_a_summary(outbox):
    assert await outbox.open(request(1))
    assert await outbox.open(request(1, task=Task.SUMMARY))
    assert await outbox.waiting() == 2


async def test_the_oldest_are_claimed_first_and_only_of_the_platforms_named(outbox):
    for number in (1, 2, 3):
        await outbox.open(request(number))
    assert await outbox.claim(["discord"], 10) == []
    assert [one.request.message_id for one in await outbox.claim(["slack", "discord"], 2)] == ["1.0", "2.0"]
    assert [one.request.message_id for one in await outbox.claim(["slack"], 2)] == ["3.0"]
    assert await outbox.claim(["slack"], 2) == []


async def test_two_that_claim_at_once_never_get_the_same(outbox):
    for number in range(40):
        await outbox.open(request(number))
    claimed = await asyncio.gather(*(outbox.claim(["slack"], 7) for _ in range(8)))
    found = [one.request.answer_id for batch in claimed for one in batch]
    assert len(found) == len(set(found)) == 40


async def test_a_lease_that_ended_goes_to_another_and_the_fence_refuses_the_late(database, outbox):
    await outbox.open(request())
    late = await claim_one(outbox)
    answer_id = late.request.answer_id
    assert await outbox.place(answer_id, late.fence, ["9.1"])
    await expire(database)
    now = await claim_one(outbox)
    assert (now.fence, now.places, now.tries) == (2, ("9.1",), 2)
    assert await outbox.renew(answer_id, late.fence) is False
    assert await outbox.place(answer_id, late.fence, ["8.1"]) is False
    assert await outbox.posting(answer_id, late.fence) is False
    assert await outbox.release(answer_id, late.fence) is False
    assert await outbox.release(answer_id, late.fence, pause_seconds=1) is False
    assert await outbox.posted(answer_id, late.fence, "answered", ["8.1"], [(1, 1, 1)]) is False
    assert await outbox.sources(answer_id) == []
    assert await outbox.posting(answer_id, now.fence) is True
    assert await outbox.posted(answer_id, now.fence, "answered", ["9.1"], [(1, 7, 2)]) is True
    assert await outbox.sources(answer_id) == [(1, 7, 2)]
    kept = await outbox.get(answer_id)
    assert (kept.request, kept.places, kept.outcome, kept.state) == (request(), ("9.1",), "answered", "posted")


async def test_a_renewed_lease_lasts(database, outbox):
    await outbox.open(request())
    claimed = await claim_one(outbox)
    await database.execute("UPDATE answer SET lease_until = now() + interval '0.2 s'")
    assert await outbox.renew(claimed.request.answer_id, claimed.fence) is True
    await asyncio.sleep(0.3)
    assert await outbox.claim(["slack"], 1) == []


async def test_a_posted_answer_is_claimed_no_more_and_posted_once(database, outbox):
    await answer(outbox, request())
    await expire(database)
    assert await outbox.claim(["slack"], 1) == []
    assert await outbox.posted(request().answer_id, 1, "declined", [], []) is False
    assert await outbox.open(request()) is False
    assert await outbox.waiting() == 0


async def test_one_that_died_while_posting_is_claimed_again(database, outbox):
    await outbox.open(request())
    claimed = await claim_one(outbox)
    await outbox.posting(claimed.request.answer_id, claimed.fence)
    await expire(database)
    assert (await claim_one(outbox)).fence == 2


async def test_what_is_given_back_is_there_at_once_and_the_try_does_not_count(outbox):
    await outbox.open(request())
    for fence in (1, 2, 3):
        claimed = await claim_one(outbox)
        assert (claimed.fence, claimed.tries) == (fence, 1)
        assert await outbox.release(claimed.request.answer_id, claimed.fence)


async def test_what_failed_waits_for_its_pause_and_the_try_counts(outbox):
    await outbox.open(request())
    claimed = await claim_one(outbox)
    assert await outbox.release(claimed.request.answer_id, claimed.fence, pause_seconds=0.3)
    assert await outbox.claim(["slack"], 1) == []
    await asyncio.sleep(0.4)
    assert (await claim_one(outbox)).tries == 2


async def test_a_request_that_cannot_be_read_is_left_and_holds_up_nobody(database, outbox):
    await outbox.open(request(1))
    await database.execute("""UPDATE answer SET request = '{"text": "from a newer version"}'""")
    await outbox.open(request(2))
    assert [one.request.message_id for one in await outbox.claim(["slack"], 10)] == ["2.0"]
    assert await outbox.get(request(1).answer_id) is None


# ---- found again --------------------------------------------------------------------------------------------------


async def test_an_answer_is_found_by_any_of_its_messages_in_its_own_channel(outbox):
    await answer(outbox, request(1), places=("9.1", "9.2"))
    await answer(outbox, request(2, where="random"), places=("9.1",))
    for place in ("9.1", "9.2"):
        assert (await outbox.find_by_place("slack", "tidepool", "general", place)).request == request(1)
    assert (await outbox.find_by_place("slack", "tidepool", "random", "9.1")).request == request(2, where="random")
    assert await outbox.find_by_place("slack", "tidepool", "general", "9.3") is None
    assert await outbox.find_by_place("slack", "reef", "general", "9.1") is None


@pytest.mark.parametrize("answer_id", ["", "x", "'; --", "0" * 32, "\x00", "11655f59-812c-4a9e-a8b7-23c697c007f9"])
async def test_what_is_no_id_finds_nothing(outbox, answer_id):
    assert await outbox.get(answer_id) is None
    assert await outbox.sources(answer_id) == []
    assert await outbox.feedback(answer_id, "quince", True) is False
    await outbox.removed(answer_id)


async def test_a_thread_knows_who_asked_in_it_and_how_many_of_them_were_bots(outbox):
    await answer(outbox, request(1, who="quince"))  # its message begins the thread
    await answer(outbox, request(2, who="juniper", thread_id="1.0"))
    await outbox.open(request(3, who="robot", thread_id="1.0", by_bot=True))
    await outbox.open(request(4, who=None, thread_id="1.0", by_bot=True))
    await outbox.open(request(5, who="tamarind", thread_id="5.0"))
    await outbox.open(request(6, who="tamarind", thread_id="1.0", where="random"))
    here = ChannelRef("slack", "tidepool", "general")
    assert await outbox.in_thread(here, "1.0") == (["robot", "juniper", "quince"], 2)
    assert await outbox.in_thread(here, "7.0") == ([], 0)
    await outbox.removed(request(2).answer_id)
    assert await outbox.in_thread(here, "1.0") == (["robot", "quince"], 2)


async def test_answers_are_found_by_the_messages_they_cite_or_show(outbox):
    await answer(outbox, request(1), sources=[(1, 70, 1), (2, 71, 1)])
    await answer(outbox, request(2), sources=[(1, 71, 2), (0, 72, 1)])
    await answer(outbox, request(3), sources=[(1, 73, 1)])

    async def citing(*message_pks):
        return [posted.request.message_id for posted in await outbox.citing(message_pks)]

    assert await citing(70) == ["1.0"]
    assert await citing(71, 70) == ["1.0", "2.0"]
    assert await citing(72) == ["2.0"]
    assert await citing() == await citing(99) == []
    assert await outbox.sources(request(2).answer_id) == [(1, 71, 2)]
    await outbox.removed(request(1).answer_id)
    assert await citing(71, 70) == ["2.0"]
    assert (await outbox.get(request(1).answer_id)).state == "removed"


async def test_a_source_that_was_deleted_is_missed(database, outbox):
    await Access(database).record_channels([described("general")])
    archive = Archive(database)
    await archive.record([said("1", "we drop Kafka"), said("2", "fine")])
    rows = dict(await database.fetch("SELECT message_id, message_pk FROM message"))
    await answer(outbox, request(1), sources=[(1, rows["1"], 1)])
    await answer(outbox, request(2), sources=[(0, rows["2"], 1)])
    await answer(outbox, request(3))
    assert not any([await outbox.lost_source(request(number).answer_id) for number in (1, 2, 3)])
    await archive.record([deleted("1")])
    assert [await outbox.lost_source(request(number).answer_id) for number in (1, 2, 3)] == [True, False, False]
    await database.execute("DELETE FROM message WHERE message_id = '2'")  # its whole channel was forgotten
    assert [await outbox.lost_source(request(number).answer_id) for number in (1, 2, 3)] == [True, True, False]


# ---- feedback and gaps --------------------------------------------------------------------------------------------


@pytest.fixture
async def channels(database):
    kinds = {"general": Visibility.PUBLIC, "board": Visibility.PRIVATE, "dm": Visibility.DIRECT}
    places = [Channel(ChannelRef("slack", "tidepool", name), name, kind) for name, kind in kinds.items()]
    await Access(database).record_channels([*places, described("general")])


async def test_the_last_word_of_each_person_counts(database, outbox):
    await answer(outbox, request())
    assert await outbox.feedback(request().answer_id, "quince", False, "wrong", "no \x00 \ud83d")
    assert await outbox.feedback(request().answer_id, "juniper", True)
    assert await outbox.feedback(request().answer_id, "quince", True, "", "thanks")
    rows = await database.fetch("SELECT person_id, helpful, reason, note FROM feedback ORDER BY person_id")
    assert rows == [("juniper", True, "", ""), ("quince", True, "", "thanks")]


async def test_gaps_are_public_questions_declined_or_marked_unhelpful(channels, outbox):
    await answer(outbox, request(1, "How do I rotate the staging certificates?"), outcome="declined")
    await answer(outbox, request(2, "rotate staging certificate"))
    await outbox.feedback(request(2).answer_id, "juniper", False)
    await answer(outbox, request(3, "who owns billing"))
    await outbox.feedback(request(3).answer_id, "juniper", True)
    await answer(outbox, request(4, "what happened in this thread", task=Task.SUMMARY), outcome="declined")
    (gap,) = await outbox.gaps(10)
    assert (gap.text, gap.times, gap.why) == ("rotate staging certificate", 2, ("declined", "unhelpful"))
    assert await outbox.gaps(0) == []
    assert await outbox.gaps(10, platform="slack", workspace="tidepool") == [gap]
    assert await outbox.gaps(10, platform="slack", workspace="reef") == []


@pytest.mark.parametrize(
    "secret",
    [
        request(1, CANARY, private=True),
        request(1, CANARY, direct=True),
        request(1, CANARY, where="board"),
        request(1, CANARY, where="dm"),
        request(1, CANARY, where="a channel nobody described"),
    ],
)
async def test_what_was_not_asked_before_everybody_is_no_gap(channels, outbox, secret):
    await answer(outbox, secret, outcome="declined")
    await outbox.feedback(secret.answer_id, "quince", False, "", CANARY)
    assert await outbox.gaps(10) == []


# ---- forgetting ---------------------------------------------------------------------------------------------------


async def texts(database):
    rows = await database.fetch("SELECT request FROM answer UNION ALL SELECT note FROM feedback")
    return "\n".join(row[0] for row in rows)


async def test_a_person_forgotten_leaves_no_words_and_all_else_stays(database, outbox):
    for number in range(3):
        await answer(outbox, request(number, CANARY))
    await answer(outbox, request(7, "of another", who="juniper"))
    await outbox.feedback(request(7).answer_id, "quince", False, "wrong", CANARY)
    await outbox.feedback(request(7).answer_id, "juniper", False, "wrong", "a note of another")
    await outbox.open(request(8, CANARY))
    assert await outbox.forget_person("slack", "reef", "quince") == 0
    assert await outbox.forget_person("slack", "tidepool", "quince") == 4
    assert await outbox.forget_person("slack", "tidepool", "quince") == 0
    assert CANARY not in await texts(database)
    assert "of another" in await texts(database)
    assert "a note of another" in await texts(database)
    kept = await outbox.get(request(1).answer_id)
    assert (kept.request, kept.places, kept.state) == (request(1, ""), ("9.1",), "posted")
    assert await outbox.waiting() == 0
    assert await outbox.claim(["slack"], 1) == []


async def test_a_question_forgotten_while_it_is_answered_is_answered_no_more(outbox):
    await outbox.open(request())
    claimed = await claim_one(outbox)
    await outbox.forget_person("slack", "tidepool", "quince")
    assert await outbox.renew(request().answer_id, claimed.fence) is False
    assert await outbox.posting(request().answer_id, claimed.fence) is False


async def test_texts_are_erased_after_ninety_days_however_many_there_are(database, outbox):
    for number in range(1, 3):
        await answer(outbox, request(number, CANARY))
    await answer(outbox, request(3, "young"))
    await outbox.feedback(request(1).answer_id, "juniper", False, "", CANARY)
    await database.execute(
        "UPDATE answer SET created_at = now() - interval '91 days' WHERE answer_id <> %(id)s",
        {"id": request(3).answer_id},
    )
    await database.execute("UPDATE feedback SET given_at = now() - interval '91 days'")
    await database.execute(
        "INSERT INTO answer (answer_id, platform, workspace, channel_id, private, request, state, created_at) "
        "SELECT gen_random_uuid(), 'slack', 'tidepool', 'general', false, '{\"text\": \"' || %(text)s || '\"}', "
        "'posted', now() - interval '95 days' FROM generate_series(1, 700)",
        {"text": CANARY},
    )
    assert await outbox.sweep() == 702
    assert await outbox.sweep() == 0
    assert CANARY not in await texts(database)
    assert "young" in await texts(database)


async def test_where_messages_are_kept_for_less_than_ninety_days_so_are_texts(database):
    outbox = Outbox(database, keep_days=30)
    await ChannelConfigs(database).set(ChannelRef("slack", "tidepool", "general"), "keep", "7")
    for number, where in ((1, "general"), (2, "board")):
        one = request(number, CANARY, where=where)
        await answer(outbox, one)
        await outbox.feedback(one.answer_id, "juniper", False, "", CANARY)

    async def left(days):
        await database.execute("UPDATE answer SET created_at = now() - %(age)s::interval", {"age": f"{days} days"})
        await database.execute("UPDATE feedback SET given_at = now() - %(age)s::interval", {"age": f"{days} days"})
        await outbox.sweep()
        return (await texts(database)).count(CANARY)

    assert [await left(days) for days in (6, 8, 29, 31)] == [4, 2, 2, 0]


async def test_the_text_of_a_question_whose_message_is_deleted_is_kept_until_it_is_answered(outbox, database):
    one, where = request(7, CANARY), ChannelRef("slack", "tidepool", "general")
    await Access(database).record_channels([Channel(where, "general", Visibility.PUBLIC)])
    assert await outbox.open(one)
    claimed = await claim_one(outbox)
    await Archive(database).record([Deleted(MessageRef(where, "7.0"))])
    assert await outbox.forget_asked(where, ["7.0"]) == 0
    assert (await outbox.get(one.answer_id)).request.text == CANARY
    assert await outbox.posted(one.answer_id, claimed.fence, "answered", ["9.1"])
    assert (await outbox.get(one.answer_id)).request.text == ""


async def test_the_text_of_an_answered_question_goes_with_its_message_and_no_other_does(outbox):
    for number in (1, 2):
        await answer(outbox, request(number, CANARY), places=(f"9.{number}",))
    await answer(outbox, request(1, CANARY, where="board"), places=("9.3",))
    assert await outbox.forget_asked(ChannelRef("slack", "tidepool", "general"), ["1.0", "3.0", ""]) == 1
    texts = [
        (await outbox.get(request(*one, where=where).answer_id)).request.text
        for *one, where in [(1, "general"), (2, "general"), (1, "board")]
    ]
    assert texts == ["", CANARY, CANARY]
