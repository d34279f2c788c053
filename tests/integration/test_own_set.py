"""A question set made of a team's own talk, on a real PostgreSQL: what is in it, what never is, and that it works."""

import json
import stat
from importlib.resources import as_file, files

import pytest

from bot.conversation import Request, Task
from bot.errors import StartupError, UsageProblem
from bot.evaluation import own_set
from bot.evaluation.laboratory import stocked_with
from bot.evaluation.own_set import NothingToLabel, check_folder, label_talk
from bot.outbox import Outbox
from bot.requests import answer_id_of
from bot.wiring import open_export
from knowledge.access import Access
from knowledge.archive import Archive
from knowledge.embeddings import ModelEmbeddings
from knowledge.evaluation.datasets import read_question_set
from knowledge.evaluation.run import WHOLE, evaluate_retrieval
from knowledge.importer import Importer
from knowledge.messages import Channel, ChannelRef, MessageRef, PersonRef, Posted, SourceMessage, Version, Visibility
from tests.fakes.models import WordEmbedding
from tests.talk import channel, deleted, described, said

QUESTION = "How do I refresh staging from the backup?"


def silent(*_):
    pass


async def labelled(database, folder, *, named=None, since=None, limit=1000):
    return await label_talk(database, folder, named=named, since=since, limit=limit, on_progress=silent)


def rows(folder, name="corpus.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def judged(folder):
    return [line.split("\t") for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]]


def thread(number, where="general", asker="quince", helper="medlar", text=QUESTION):
    """A question and the reply that was accepted, in a thread of its own."""
    start = number * 10
    return [
        said(f"{number}.q", f"{text} ({number})", where=where, who=asker, minute=start),
        said(f"{number}.a", f"Run it, {number}", where=where, who=helper, minute=start + 1, thread=f"{number}.q"),
        said(f"{number}.t", "thanks", where=where, who=asker, minute=start + 2, thread=f"{number}.q"),
    ]


@pytest.fixture
async def archive(database):
    await Access(database).record_channels([
        described("general"),
        described("random"),
        described("cellar", Visibility.PRIVATE),
        described("between us", Visibility.DIRECT),
    ])  # fmt: skip
    return Archive(database)


async def answered(database, number, *, cites, helpful=True, text="why did we drop Kafka?", **more):
    """A question to the bot, its answer and what somebody thought of it."""
    outbox, place = Outbox(database), channel(more.pop("where", "general"))
    asker = PersonRef("test", "tidepool", more.pop("who", "quince"))
    answer_id = answer_id_of("test", "tidepool", place.channel_id, str(number), Task.ANSWER)
    await outbox.open(Request(answer_id, place, text, asker, str(number), **more))
    (claimed,) = await outbox.claim(["test"], 1)
    known = dict(
        await database.fetch("SELECT message_id, message_pk FROM message WHERE message_id = ANY(%(i)s)", {"i": cites})
    )
    sources = [(n, known[one], 1) for n, one in enumerate(cites, start=1)]
    await outbox.posted(answer_id, claimed.fence, "answered", ["9"], sources)
    if helpful is not None:
        await outbox.feedback(answer_id, "medlar", helpful)
    return answer_id


# ---- the whole way ------------------------------------------------------------------------------------------------


async def test_what_was_labelled_can_be_measured(database, server_url, tmp_path):
    with as_file(files("bot") / "sample" / "sample-workspace.zip") as path:
        await Importer(Access(database), Archive(database)).run(open_export(path, workspace="tidepool"))
    made = await labelled(database, tmp_path / "ours")
    assert made["from_threads"] == made["questions"] >= 3
    questions = read_question_set(tmp_path / "ours")
    assert len(questions.queries) == made["questions"]
    async with stocked_with(server_url, questions, ModelEmbeddings(WordEmbedding())) as bench:
        entry = await evaluate_retrieval(bench.library, questions, "words", WHOLE, silent)
    assert entry["queries"] == made["questions"]
    assert entry["messages"] == made["messages"] - made["questions"]
    assert 0 < entry["unit"]["hit@10"] <= 1
    asked = {one["id"] for one in rows(tmp_path / "ours") if one.get("query_source")}
    assert len(asked) == made["questions"]
    assert not asked & {key for query in questions.queries for key in query.relevant}


async def test_a_question_from_a_thread_and_one_from_feedback(database, archive, tmp_path):
    await archive.record([*thread(1), said("5", "We drop Kafka: three outages"), said("7", "why did we drop Kafka?")])
    answer_id = await answered(database, 7, cites=["5"])
    made = await labelled(database, tmp_path / "ours")
    assert (made["from_feedback"], made["from_threads"], made["unhelpful"], made["messages"]) == (1, 1, 0, 5)
    by_id = {one["id"]: one for one in rows(tmp_path / "ours")}
    pk = next(iter(by_id)).partition("-")[0]
    assert {key for key, one in by_id.items() if one.get("query_source")} == {f"{pk}-1.q", f"{pk}-7"}
    assert by_id[f"{pk}-1.a"] == {
        "id": f"{pk}-1.a",
        "text": "Run it, 1",
        "channel": "general",
        "author": "medlar",
        "ts": "2026-03-02T09:11:00+00:00",
        "thread": f"{pk}-1.q",
        "permalink": "https://tidepool.example/general/1.a",
    }
    assert judged(tmp_path / "ours") == [
        [f"answer:{answer_id}", f"{pk}-5", "2"],
        [f"thread:{pk}-1.q", f"{pk}-1.a", "2"],
    ]
    helped, threaded = rows(tmp_path / "ours", "queries.jsonl")
    assert (helped["text"], helped["answers"], helped["category"]) == ("why did we drop Kafka?", None, "feedback")
    assert (threaded["text"], threaded["answers"], threaded["category"]) == (f"{QUESTION} (1)", ["Run it, 1"], "thread")


async def test_a_reaction_accepts_in_the_archive_too(database, archive, tmp_path):
    await archive.record(thread(1)[:2])
    with pytest.raises(NothingToLabel):
        await labelled(database, tmp_path / "before")
    await archive.react(MessageRef(channel("general"), "1.a"), "white_check_mark", 1)
    assert (await labelled(database, tmp_path / "after"))["questions"] == 1
    assert not (tmp_path / "before").exists()


# ---- who is never in it -------------------------------------------------------------------------------------------


async def test_private_and_direct_channels_are_left_out_unless_a_private_one_is_named(database, archive, tmp_path):
    await archive.record([*thread(1), *thread(2, "cellar"), *thread(3, "between us")])
    await labelled(database, tmp_path / "public")
    assert {one["channel"] for one in rows(tmp_path / "public")} == {"general"}
    await labelled(database, tmp_path / "cellar", named=[channel("cellar")])
    assert {(one["channel"], one["private"]) for one in rows(tmp_path / "cellar")} == {("cellar", True)}
    with pytest.raises(UsageProblem, match="closed"):
        await labelled(database, tmp_path / "direct", named=[channel("between us")])


@pytest.mark.parametrize("closed", ["removed_at", "hidden_at", "quarantined_at"])
async def test_closed_channels_are_left_out(database, archive, tmp_path, closed):
    await archive.record([*thread(1), *thread(2, "random")])
    shut = {
        "removed_at": "UPDATE channel SET removed_at = now() WHERE channel_id = 'random'",
        "hidden_at": "UPDATE channel SET hidden_at = now() WHERE channel_id = 'random'",
        "quarantined_at": "UPDATE channel SET quarantined_at = now() WHERE channel_id = 'random'",
    }
    await database.execute(shut[closed])
    await labelled(database, tmp_path / "ours")
    assert {one["channel"] for one in rows(tmp_path / "ours")} == {"general"}
    with pytest.raises(UsageProblem, match="closed"):
        await labelled(database, tmp_path / "named", named=[channel("random")])


async def test_a_restored_database_gives_nothing(database, archive, tmp_path):
    await archive.record(thread(1))
    await database.execute("DELETE FROM residence")
    with pytest.raises(NothingToLabel):
        await labelled(database, tmp_path / "ours")


@pytest.mark.parametrize("gone", ["1.q", "1.a"])
async def test_what_was_deleted_is_in_no_question_and_in_no_corpus(database, archive, tmp_path, gone):
    await archive.record([*thread(1), *thread(2), deleted(gone)])
    made = await labelled(database, tmp_path / "ours")
    assert (made["questions"], made["messages"]) == (1, 5)
    assert not any(one["id"].endswith(gone) for one in rows(tmp_path / "ours"))


@pytest.mark.parametrize("who", ["quince", "medlar"])
async def test_who_wants_nothing_kept_is_in_no_question_and_in_no_corpus(database, archive, tmp_path, who):
    await archive.record([*thread(1), *thread(2, asker="damson", helper="kumquat"), said("5", "Kafka: three outages")])
    await answered(database, 7, cites=["5"], who=who)
    await database.execute("UPDATE person SET opted_out = true WHERE name = %(who)s", {"who": who})
    made = await labelled(database, tmp_path / "ours")
    assert {one["author"] for one in rows(tmp_path / "ours")}.isdisjoint({who})
    assert made["from_threads"] == 1
    assert made["from_feedback"] == 0


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ({}, 1),
        ({"helpful": False}, 0),
        ({"helpful": None}, 0),
        ({"private": True}, 0),
        ({"direct": True}, 0),
        ({"where": "cellar"}, 0),
        ({"cites": []}, 0),
        ({"text": "why?"}, 0),
    ],
    ids=str,
)
async def test_feedback_counts_where_it_is_everybodys_and_helped(database, archive, tmp_path, question, found):
    await archive.record([*thread(1), said("5", "Kafka: three outages", who="medlar")])
    await answered(database, 7, **{"cites": ["5"], **question})
    made = await labelled(database, tmp_path / "ours")
    assert made["from_feedback"] == found
    assert made["unhelpful"] == (question.get("helpful", True) is False)


async def test_an_answer_whose_source_was_edited_or_forgotten_labels_nothing(database, archive, tmp_path):
    await archive.record([*thread(1), said("5", "Kafka: three outages"), said("6", "Kafka: never again")])
    await answered(database, 7, cites=["5"])
    await answered(database, 8, cites=["6"])
    await archive.record([said("5", "Lunch at twelve", edited=5), deleted("6")])
    assert (await labelled(database, tmp_path / "ours"))["from_feedback"] == 0


async def test_votes_of_several_people_are_counted(database, archive, tmp_path):
    await archive.record([*thread(1), said("5", "Kafka: three outages")])
    answer_id = await answered(database, 7, cites=["5"])
    await Outbox(database).feedback(answer_id, "damson", helpful=False)
    made = await labelled(database, tmp_path / "even")
    assert (made["from_feedback"], made["unhelpful"]) == (0, 1)
    await Outbox(database).feedback(answer_id, "kumquat", helpful=True)
    assert (await labelled(database, tmp_path / "more"))["from_feedback"] == 1


async def test_a_follow_up_brings_what_was_asked_before_it(database, archive, tmp_path):
    await archive.record([said("5", "Kafka: three outages")])
    await answered(database, 6, cites=["5"], helpful=None, thread_id="6", text="why did we drop Kafka?")
    await answered(database, 7, cites=["5"], thread_id="6", text="when were its brokers stopped?")
    await labelled(database, tmp_path / "ours")
    (query,) = read_question_set(tmp_path / "ours").queries
    assert [one.question for one in query.earlier] == ["why did we drop Kafka?"]


# ---- choosing and writing -----------------------------------------------------------------------------------------


async def test_no_more_questions_than_asked_for_and_the_same_each_time(database, archive, tmp_path):
    await archive.record([message for number in range(1, 31) for message in thread(number)])
    first, again = [await labelled(database, tmp_path / name, limit=7) for name in ("first", "again")]
    assert (first["questions"], first["found"], first["messages"]) == (7, 30, 90)
    assert rows(tmp_path / "first") == rows(tmp_path / "again")
    assert sum("query_source" in one for one in rows(tmp_path / "first")) == 7
    assert again["questions"] == 7


async def test_only_questions_since_a_day_but_everything_that_was_said(database, archive, tmp_path):
    await archive.record([*thread(1), *thread(2)])
    (asked_at,) = (await database.fetch("SELECT posted_at FROM message WHERE message_id = '2.q'"))[0]
    made = await labelled(database, tmp_path / "ours", since=asked_at)
    assert (made["questions"], made["messages"]) == (1, 6)


async def test_channels_of_one_name_and_messages_of_one_id_stay_apart(database, archive, tmp_path):
    twin = ChannelRef("test", "other", "general")
    await Access(database).record_channels([Channel(twin, "general")])
    ref = MessageRef(twin, "1.a")
    person = PersonRef("test", "other", "sorrel")
    await archive.record([*thread(1), Posted(SourceMessage(ref, "Elsewhere", person, "sorrel", version=Version()))])
    await labelled(database, tmp_path / "ours")
    said_there = rows(tmp_path / "ours")
    assert len({one["id"] for one in said_there}) == 4
    assert len({one["channel"] for one in said_there}) == 2
    assert [key.rpartition("-")[2] for _, key, _ in judged(tmp_path / "ours")] == ["1.a"]


async def test_no_text_breaks_a_line(database, archive, tmp_path, server_url):
    hard = 'How do I write \u2028 \u2029 \x85 \t "quotes" and \' and\nlines?'
    await archive.record(thread(1, text=hard))
    await labelled(database, tmp_path / "ours")
    (query,) = read_question_set(tmp_path / "ours").queries
    assert query.text == f"{hard} (1)"
    assert len(rows(tmp_path / "ours")) == 3


async def test_the_files_are_their_owners_alone(database, archive, tmp_path):
    await archive.record(thread(1))
    await labelled(database, tmp_path / "ours")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "ours").iterdir()} == {0o600}
    assert {file.name for file in (tmp_path / "ours").iterdir()} == set(own_set.FILES)


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    for folder in (tmp_path / "full", tmp_path / "full" / "notes", tmp_path / "none" / "ours"):
        with pytest.raises(UsageProblem, match="--out"):
            check_folder(folder)
    check_folder(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_folder(tmp_path / "empty")


async def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(database, archive, tmp_path):
    await archive.record(thread(1))
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "queries.jsonl").write_text("mine")
    with pytest.raises(StartupError, match="cannot be written"):
        await labelled(database, tmp_path / "ours")
    assert [file.name for file in (tmp_path / "ours").iterdir()] == ["queries.jsonl"]
    assert (tmp_path / "ours" / "queries.jsonl").read_text() == "mine"
