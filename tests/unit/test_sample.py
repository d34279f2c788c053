"""The sample workspace is what its sources say, and holds what the README and the demo promise."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from adapters.archive.detect import open_export
from knowledge.messages import Channel, Deleted, Members, Person, PersonKind, Posted, Problem, Visibility

ROOT = Path(__file__).resolve().parents[2]
PACKED = ROOT / "bot" / "sample" / "sample-workspace.zip"


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location("build_sample", ROOT / "tools" / "build_sample.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def entries():
    return list(open_export(PACKED).entries())


@pytest.fixture(scope="module")
def messages(entries):
    return [entry.message for entry in entries if isinstance(entry, Posted)]


@pytest.fixture(scope="module")
def questions():
    lines = (ROOT / "sample" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_zip_equals_a_fresh_build_byte_for_byte(builder):
    assert PACKED.read_bytes() == builder.build(), "run: python tools/build_sample.py"


def test_a_line_that_is_not_understood_is_named(builder, tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("channel: bad\nid: C1\n2026-03-02 09:00 quince: hi\nsomething else\n")
    with pytest.raises(ValueError, match=r"bad\.txt:4"):
        builder.read_channel(bad, ["quince"])


def test_everything_in_it_is_readable(entries):
    assert [entry for entry in entries if isinstance(entry, Problem)] == []


def test_it_is_as_large_and_as_varied_as_promised(entries, messages):
    channels = [entry for entry in entries if isinstance(entry, Channel)]
    people = [entry for entry in entries if isinstance(entry, Person)]
    assert len(messages) >= 220
    assert len(channels) >= 8
    assert sorted(channel.name for channel in channels if channel.visibility is Visibility.PRIVATE) == [
        "hiring",
        "leadership-budget",
    ]
    assert len([person for person in people if person.active and person.kind is PersonKind.MEMBER]) >= 10
    assert [person.name for person in people if person.kind is PersonKind.GUEST] == ["Damson"]
    assert [person.name for person in people if not person.active] == ["Medlar"]
    assert [person.name for person in people if person.kind is PersonKind.BOT] == ["tidewatch"]
    assert len([entry for entry in entries if isinstance(entry, Deleted)]) == 1
    assert any(message.version.edited_ts for message in messages)
    assert any(message.reactions for message in messages)
    assert any("[file: " in message.text for message in messages)
    assert sum("\u4e00" <= message.text[0] <= "\u9fff" for message in messages) >= 20


def test_late_replies_come_weeks_after_their_thread_began(messages):
    began = {(message.ref.channel, message.ref.message_id): message.posted_at for message in messages}
    gaps = [
        message.posted_at - began[message.ref.channel, message.thread_id]
        for message in messages
        if message.thread_id not in {None, message.ref.message_id}
    ]
    assert len(gaps) > 100
    assert sum(gap.days >= 14 for gap in gaps) >= 5


def test_only_members_speak_in_a_channel(entries, messages):
    members = {entry.channel: set(entry.people) for entry in entries if isinstance(entry, Members)}
    gone = {entry.ref for entry in entries if isinstance(entry, Person) and not entry.active}
    strangers = [m for m in messages if m.author not in members[m.ref.channel] and m.author not in gone]
    assert strangers == []


def test_the_direct_conversation_stays_out(messages, entries):
    assert not any("lemon cake" in message.text for message in messages)
    assert not any(isinstance(entry, Channel) and entry.ref.channel_id.startswith("D") for entry in entries)


def test_the_deleted_password_is_nowhere_in_the_zip():
    assert b"whiteboard" not in PACKED.read_bytes()


def test_an_id_alone_names_a_message(messages):
    assert len({message.ref.message_id for message in messages}) == len(messages)


def test_each_question_is_answered_by_the_messages_it_names(questions, messages, entries):
    by_id = {message.ref.message_id: message for message in messages}
    names = {entry.ref: entry.name for entry in entries if isinstance(entry, Channel)}
    private = {entry.ref for entry in entries if isinstance(entry, Channel) and entry.visibility is Visibility.PRIVATE}
    for question in questions:
        gold = [by_id[message_id] for message_id in question["message_ids"]]
        assert bool(gold) == question["answerable"], question["text"]
        said = "\n".join(message.text for message in gold)
        assert all(words in said for words in question.get("expect", [])), question["text"]
        for message in gold:
            if message.ref.channel in private:
                assert question["channel"] == names[message.ref.channel], question["text"]


def test_the_questions_are_mixed(questions):
    chinese = [question for question in questions if "\u4e00" <= question["text"][0] <= "\u9fff"]
    assert len(questions) >= 25
    assert len([question for question in questions if not question["answerable"]]) == 6
    assert len([question for question in chinese if question["answerable"]]) == 3
