import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.archive.discord_json import DiscordExport
from adapters.safety import LeftOut
from knowledge.errors import UnreadableSource
from knowledge.messages import Channel, Person, Posted, Problem, Visibility

EXPORTS = Path(__file__).resolve().parents[2] / "payloads" / "exports"
CHANNEL = json.loads((EXPORTS / "discord-channel.json").read_text(encoding="utf-8"))
THREAD = json.loads((EXPORTS / "discord-thread.json").read_text(encoding="utf-8"))


@pytest.fixture
def read(tmp_path):
    """Writes one file and gives what the reader yields."""

    def read(content, **options):
        path = tmp_path / "mill.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, indent=2).encode())
        read.export = DiscordExport(path, **options)
        return list(read.export.entries())

    return read


def messages(entries):
    return [entry.message for entry in entries if isinstance(entry, Posted)]


def problems(entries):
    return [entry for entry in entries if isinstance(entry, Problem)]


def with_messages(*rows, head=CHANNEL):
    usual = {"type": "Default", "timestamp": "2026-03-02T09:14:00+00:00", "author": {"id": "1", "name": "quince_"}}
    return head | {"messages": [usual | row if isinstance(row, dict) else row for row in rows]}


def test_a_channel(read):
    entries = read(CHANNEL)
    (channel,) = [entry for entry in entries if isinstance(entry, Channel)]
    assert (channel.name, channel.visibility) == ("mill", Visibility.PUBLIC)
    assert channel.ref.workspace == "900000000000000001", "the server's id, as a live bot knows it"
    found = messages(entries)
    assert [message.text for message in found] == [
        "@Fennel and @920000000000000009 see #mill @bakers :loaf: 2026-03-02 09:14 UTC\n[file: plan.pdf]",
        "yes",
        "Tide table\nhigh at 1970-01-01 00:00 UTC",
        "[sticker: wave]",
    ]
    first, reply = found[:2]
    assert first.posted_at == datetime(2026, 3, 2, 9, 14, 0, 123_000, tzinfo=UTC)
    assert first.version.edited_ts == Decimal("1772443200.5")
    assert first.reactions == {"thumbsup": 3, "loaf": 2}
    assert (first.author_name, first.author.person_id) == ("Quince", "920000000000000001")
    assert first.permalink == "https://discord.com/channels/900000000000000001/900000000000000010/910000000000000001"
    assert reply.posted_at == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    assert reply.thread_id is None, "a reply is not a thread"
    assert read.export.skipped == {LeftOut.HOUSEKEEPING: 4, LeftOut.BOT: 1, LeftOut.EMPTY: 1}
    assert problems(entries) == []
    assert read.export.bytes_read == read.export.bytes_total


def test_people_are_introduced_before_they_speak(read):
    kinds = [(type(entry).__name__, getattr(entry, "name", "")) for entry in read(CHANNEL)]
    assert kinds[1:4] == [("Person", "Quince"), ("Posted", ""), ("Person", "fennel_")]
    assert [kind for kind, _ in kinds].count("Person") == 2


def test_an_open_thread_belongs_to_its_parent(read):
    entries = read(THREAD)
    (channel,) = [entry for entry in entries if isinstance(entry, Channel)]
    assert (channel.ref.channel_id, channel.name) == ("900000000000000010", "mill")
    (message,) = messages(entries)
    assert (message.ref.channel, message.thread_id) == (channel.ref, "910000000000000001")
    assert message.permalink.endswith("/910000000000000001/910000000000000101")


def test_a_private_thread_is_a_private_channel_of_its_own(read):
    entries = read(THREAD | {"channel": THREAD["channel"] | {"type": "GuildPrivateThread"}})
    (channel,) = [entry for entry in entries if isinstance(entry, Channel)]
    assert (channel.ref.channel_id, channel.visibility) == ("910000000000000001", Visibility.PRIVATE)
    assert channel.name == "about that plan"
    assert messages(entries)[0].ref.channel == channel.ref


@pytest.mark.parametrize("kind", ["DirectTextChat", "DirectGroupTextChat"])
def test_direct_messages_are_never_read(read, tmp_path, kind):
    direct = CHANNEL | {"channel": CHANNEL["channel"] | {"type": kind}}
    with pytest.raises(UnreadableSource, match="never indexed"):
        read(direct)
    (tmp_path / "thread.json").write_text(json.dumps(THREAD))
    entries = list(DiscordExport(tmp_path).entries())
    assert [message.ref.message_id for message in messages(entries)] == ["910000000000000101"]
    assert [(problem.file, "never indexed" in problem.sentence) for problem in problems(entries)] == [
        ("mill.json", True)
    ]


def test_a_folder_names_channels_across_files(tmp_path):
    (tmp_path / "a-thread.json").write_text(json.dumps(THREAD))
    (tmp_path / "b-channel.json").write_text(json.dumps(CHANNEL))
    (tmp_path / "b-channel-again.json").write_text(json.dumps(CHANNEL))
    (tmp_path / "c-other.json").write_text("[1, 2]")
    (tmp_path / "b-channel.json_Files").mkdir()
    (tmp_path / "b-channel.json_Files" / "x.json").write_text("{}")
    export = DiscordExport(tmp_path)
    entries = list(export.entries())
    assert [entry.name for entry in entries if isinstance(entry, Channel)] == ["mill"]
    assert len(messages(entries)) == 5, "a message exported twice is one message"
    assert messages(entries)[0].text == "late reply, see #mill"
    assert [problem.file for problem in problems(entries)] == ["c-other.json"]
    assert len({entry.ref for entry in entries if isinstance(entry, Person)}) == 2


def test_the_head_may_follow_the_messages(read):
    turned = {"messages": CHANNEL["messages"], "channel": CHANNEL["channel"], "guild": CHANNEL["guild"]}
    assert len(messages(read(turned))) == 4


def test_a_truncated_file_keeps_its_whole_messages(read):
    text = json.dumps(CHANNEL, indent=2)
    entries = read(text[: text.index("910000000000000008")].encode())
    assert len(messages(entries)) == 2
    (problem,) = problems(entries)
    assert problem.file == "mill.json"
    assert text.splitlines()[problem.line - 1].strip() == "{", "the line where the cut message begins"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"guild": {}}', b'{"guild": 1, "channel": 2, "messages": 3}', b"{" * 99]
)
def test_other_json_is_no_export(read, content):
    with pytest.raises(UnreadableSource, match="not a JSON file of DiscordChatExporter"):
        read(content)


def test_bad_messages_are_named_by_line(read):
    entries = read(
        with_messages(
            7,
            {"id": "1", "content": "year one", "timestamp": "0001-01-01T00:00:00+00:00"},
            {"id": "2", "content": "no time", "timestamp": None},
            {"content": "no id"},
            {
                "id": "3",
                "content": "fine",
                "reactions": [3],
                "attachments": {},
                "mentions": "x",
                "timestampEdited": "never",
            },
            {"id": "3", "content": "another"},
        )
    )
    assert [message.text for message in messages(entries)] == ["fine"]
    lines = [problem.line for problem in problems(entries)]
    assert len(lines) == 5
    assert lines == sorted(set(lines))


def test_text_no_database_stores_is_cleaned(read):
    assert messages(read(with_messages({"id": "1", "content": "a\x00\ud800b"})))[0].text == "ab"


def test_bytes_of_another_encoding_are_named(read):
    text = json.dumps(with_messages({"id": "1", "content": "CAFE"}), indent=2).encode().replace(b"CAFE", b"caf\xe9")
    entries = read(text)
    assert messages(entries)[0].text == "caf\ufffd"
    assert text.split(b"\n")[problems(entries)[0].line - 1].strip() == b'"content": "caf\xe9"'


def test_large_files_are_read_in_pieces(read, monkeypatch):
    monkeypatch.setattr("adapters.archive.encoding.BLOCK_BYTES", 64)
    assert len(messages(read(CHANNEL))) == 4


def test_impossible_timestamps_in_text_stay(read):
    text = "<t:999999999999> <t:-1:R>"
    assert (
        messages(read(with_messages({"id": "1", "content": text})))[0].text == "<t:999999999999> 1969-12-31 23:59 UTC"
    )


def test_an_export_can_be_read_twice(read):
    entries = read(CHANNEL)
    assert list(read.export.entries()) == entries
