import json
import stat
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.archive.folders import Limits
from adapters.archive.slack_zip import SlackExport
from adapters.safety import TEXT_LIMIT, LeftOut
from knowledge.errors import UnreadableSource
from knowledge.messages import Channel, Deleted, Members, Person, PersonKind, Posted, Problem, Visibility

DAY = (Path(__file__).resolve().parents[2] / "payloads" / "exports" / "slack-day.json").read_text(encoding="utf-8")
USERS = [
    {"id": "U0QUINCE", "name": "quince_", "profile": {"display_name": "Quince", "real_name": "Q. Uince"}},
    {
        "id": "U0FENNEL",
        "name": "fennel_",
        "profile": {"display_name": "", "real_name": "Fennel"},
        "is_restricted": True,
    },
    {"id": "U0GONE", "name": "medlar_", "deleted": True, "is_ultra_restricted": True},
    {"id": "U0OTHER", "name": "o", "is_stranger": True},
    {"id": "U0BOT", "name": "tide", "is_bot": True},
    {"id": "USLACKBOT", "name": "slackbot"},
]
MILL = {"id": "C0MILL", "name": "mill", "members": ["U0QUINCE", "U0FENNEL", "U0UNKNOWN", 7]}
DAY_NAME = "mill/2026-03-02.json"


def said(text, ts="1772442840.000100", **more):
    return {"type": "message", "user": "U0QUINCE", "text": text, "ts": ts} | more


@pytest.fixture
def write(tmp_path):
    """Writes a zip; content is bytes, text, or anything that becomes JSON."""

    def write(files, name="harbour.zip"):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry, content in files.items():
                archive.writestr(entry, content if isinstance(content, str | bytes) else json.dumps(content))
        return path

    return write


@pytest.fixture
def read(write):
    """Writes a zip with the usual lists and gives what the reader yields."""

    def read(files, *, lists=None, **options):
        usual = {"users.json": USERS, "channels.json": [MILL]}
        read.export = SlackExport(write((usual if lists is None else lists) | files), **options)
        return list(read.export.entries())

    return read


def messages(entries):
    return {entry.message.ref.message_id: entry.message for entry in entries if isinstance(entry, Posted)}


def problems(entries):
    return [entry for entry in entries if isinstance(entry, Problem)]


def test_people_come_first_with_the_name_colleagues_see(read):
    people = [entry for entry in read({}) if isinstance(entry, Person)]
    assert [(person.name, person.kind, person.active) for person in people] == [
        ("Quince", PersonKind.MEMBER, True),
        ("Fennel", PersonKind.GUEST, True),
        ("medlar_", PersonKind.GUEST, False),
        ("o", PersonKind.EXTERNAL, True),
        ("tide", PersonKind.BOT, True),
        ("slackbot", PersonKind.BOT, True),
    ]
    assert people[0].ref.workspace == "harbour"


def test_channels_and_members(read):
    private = {"id": "G1", "name": "till", "is_archived": True, "members": []}
    shared = {"id": "C2", "name": "pier", "is_ext_shared": True}
    hidden = {"id": "C3", "name": "safe", "is_private": True}
    entries = read({"channels.json": [MILL, shared, hidden], "groups.json": [private]})
    channels = [entry for entry in entries if isinstance(entry, Channel)]
    assert [(c.name, c.visibility, c.shared, c.archived) for c in channels] == [
        ("mill", Visibility.PUBLIC, False, False),
        ("pier", Visibility.PUBLIC, True, False),
        ("safe", Visibility.PRIVATE, False, False),
        ("till", Visibility.PRIVATE, False, True),
    ]
    members = {m.channel.channel_id: [p.person_id for p in m.people] for m in entries if isinstance(m, Members)}
    assert members == {"C0MILL": ["U0QUINCE", "U0FENNEL", "U0UNKNOWN"], "G1": []}
    kinds = [type(entry) for entry in entries]
    assert kinds.index(Person) < kinds.index(Channel)


def test_a_day_of_messages(read):
    entries = read({DAY_NAME: DAY})
    assert problems(entries) == []
    found = messages(entries)
    assert [message.text for message in found.values()] == [
        "@Quince is 1 < 2 in #mill? see the wiki (https://wiki.example/a)\n[file: plan.pdf]",
        "yes it is",
        "also in the channel",
        "a person speaks through an app",
        "[file: crust.jpg]",
        "waves",
        "hello from next door",
        "old export, no thread_ts",
    ]
    root = found["1772442840.000100"]
    assert root.posted_at == datetime(2026, 3, 2, 9, 14, 0, 100, tzinfo=UTC)
    assert root.version.edited_ts == Decimal("1772442999.000000")
    assert root.reactions == {"+1": 2, "bread": 2}
    assert (root.author.person_id, root.author_name, root.ref.channel.channel_id) == ("U0FENNEL", "Fennel", "C0MILL")
    assert found["1772443016.000100"].author_name == "Neighbour"
    assert [entry.ref.message_id for entry in entries if isinstance(entry, Deleted)] == [
        "1772443009.000100",
        "1772443010.000100",
    ]
    assert read.export.skipped == {LeftOut.HOUSEKEEPING: 6, LeftOut.BOT: 2, LeftOut.EMPTY: 2}


def test_threads(read):
    found = messages(read({DAY_NAME: DAY}))
    threads = {message_id: message.thread_id for message_id, message in found.items()}
    assert threads["1772442840.000100"] == "1772442840.000100", "a first message carries its own thread"
    assert threads["1772442900.000100"] == "1772442840.000100"
    assert threads["1772442960.000100"] == "1772442840.000100", "also when it is shown in the channel"
    assert threads["1772443008.000100"] is None
    assert threads["1772443017.000100"] == "1772443017.000100", "old exports only count the replies"


def test_bots_may_be_included(read):
    found = messages(read({DAY_NAME: DAY}, include_bots=True))
    assert (found["1772443006.000100"].text, found["1772443006.000100"].author_name) == ("high tide at noon", "tide")
    assert found["1772443007.000100"].text == "a modern bot speaks"


@pytest.mark.parametrize(
    ("more", "options", "expected"),
    [
        ({}, {"workspace_url": "https://acme.slack.com/"}, "https://acme.slack.com"),
        (
            {"files": [{"name": "a", "permalink": "https://own.slack.com/files/U0QUINCE/F1/a"}]},
            {},
            "https://own.slack.com",
        ),
        ({"text": "<https://own.slack.com/archives/C0MILL/p1772442840000100>"}, {}, "https://own.slack.com"),
        ({"text": "<https://other.slack.com/archives/C0ELSE/p1772442840000100>"}, {}, "https://slack.com"),
        ({"text": '"permalink": "https://other.slack.com/files/U1/F1/a"'}, {}, "https://slack.com"),
    ],
    ids=["given", "file", "own message", "message of another workspace", "only quoted"],
)
def test_permalinks(read, more, options, expected):
    (message,) = messages(read({DAY_NAME: [said("x") | more]}, **options)).values()
    assert message.permalink == f"{expected}/archives/C0MILL/p1772442840000100"


def test_direct_conversations_are_never_read(read):
    secret = [said("secret <https://own.slack.com/archives/C0MILL/p1772442840000100>")]
    entries = read(
        {
            "dms.json": [{"id": "D0ABCDEF", "members": ["U0QUINCE", "U0GONE"]}],
            "mpims.json": [{"id": "G9", "name": "mpdm-a--b-1", "members": ["U0QUINCE"]}],
            "D0ABCDEF/2026-03-02.json": secret,
            "mpdm-a--b-1/2026-03-02.json": secret,
            "D0UNLISTED/2026-03-02.json": secret,
            DAY_NAME: [said("open")],
        }
    )
    (message,) = messages(entries).values()
    assert message.text == "open"
    assert message.permalink.startswith("https://slack.com/"), "not even for the workspace's address"
    assert [entry.ref.channel_id for entry in entries if isinstance(entry, Channel)] == ["C0MILL"]
    assert problems(entries) == []
    assert read.export.skipped[LeftOut.DIRECT] == 2


def test_private_channels_alone_are_enough(read):
    entries = read({"groups.json": [MILL], DAY_NAME: [said("x")]}, lists={})
    assert [entry.visibility for entry in entries if isinstance(entry, Channel)] == [Visibility.PRIVATE]
    assert len(messages(entries)) == 1


def test_a_folder_that_no_list_names_is_left_out(read):
    entries = read({"secret/2026-03-02.json": [said("x")], DAY_NAME: [said("y")]})
    assert [message.text for message in messages(entries).values()] == ["y"]
    assert [problem.file for problem in problems(entries)] == ["secret"]


def test_an_export_zipped_once_more_by_hand(write):
    path = write(
        {"export/channels.json": [MILL], f"export/{DAY_NAME}": [said("x")], "__MACOSX/export/._channels.json": b"\0"}
    )
    assert len(messages(SlackExport(path).entries())) == 1


def test_an_unpacked_export_reads_the_same(write, tmp_path):
    path = write({"channels.json": [MILL], "users.json": USERS, DAY_NAME: DAY})
    folder = tmp_path / "harbour"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    (folder / "mill" / "2026-03-03.json").symlink_to(folder / "users.json")
    unpacked = SlackExport(folder)
    entries = list(unpacked.entries())
    assert [problem.file for problem in problems(entries)] == ["mill/2026-03-03.json"]
    assert [entry for entry in entries if not isinstance(entry, Problem)] == list(SlackExport(path).entries())
    assert 0 < unpacked.bytes_read <= unpacked.bytes_total


def test_missing_lists(write):
    with pytest.raises(UnreadableSource, match=r"harbour\.zip has no channels\.json\. Give the zip"):
        list(SlackExport(write({"users.json": USERS, DAY_NAME: DAY})).entries())


@pytest.mark.parametrize("content", [b"PK\x03\x04 not really", b"", b"hello"])
def test_not_a_zip(tmp_path, content):
    path = tmp_path / "broken.zip"
    path.write_bytes(content)
    with pytest.raises(UnreadableSource, match=r"broken\.zip is not a complete zip"):
        list(SlackExport(path).entries())


def test_a_zip_cut_in_half(write):
    path = write({"channels.json": [MILL], DAY_NAME: DAY})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UnreadableSource, match="not a complete zip"):
        list(SlackExport(path).entries())


def test_a_damaged_entry_is_named_and_the_rest_is_read(write, tmp_path):
    path = tmp_path / "harbour.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("channels.json", json.dumps([MILL]))
        archive.writestr(DAY_NAME, json.dumps([said("breakable")]))
        archive.writestr("mill/2026-03-03.json", json.dumps([said("fine", ts="1772529240.000100")]))
    path.write_bytes(path.read_bytes().replace(b"breakable", b"BREAKABLE"))
    entries = list(SlackExport(path).entries())
    assert [message.text for message in messages(entries).values()] == ["fine"]
    assert [(p.file, "damaged" in p.sentence) for p in problems(entries)] == [(DAY_NAME, True)]


def test_a_zip_bomb_is_refused_entry_by_entry(read):
    limits = Limits(entry=1 << 20, ratio=50, ratio_from=10_000)
    entries = read(
        {DAY_NAME: b" " * 100_000, "mill/2026-03-03.json": b" " * (2 << 20), "mill/2026-03-04.json": [said("x")]},
        limits=limits,
    )
    assert len(messages(entries)) == 1
    assert [(problem.file, "bomb" in problem.sentence) for problem in problems(entries)] == [
        (DAY_NAME, True),
        ("mill/2026-03-03.json", False),
    ]


def test_a_zip_too_large_as_a_whole_is_refused(write):
    path = write({"channels.json": [MILL], DAY_NAME: [said("x" * 500)]})
    with pytest.raises(UnreadableSource, match="would unpack to more than"):
        list(SlackExport(path, limits=Limits(total=300)).entries())


@pytest.mark.parametrize(
    "name", ["../channels.json", "/channels.json", "mill/../../2026-03-02.json", "C:/channels.json"]
)
def test_paths_that_leave_the_archive_are_refused(read, name):
    entries = read({name: [MILL | {"id": "C0EVIL"}], DAY_NAME: [said("x")]})
    assert [entry.ref.channel_id for entry in entries if isinstance(entry, Channel)] == ["C0MILL"]
    assert [(p.file, "leads out of the archive" in p.sentence) for p in problems(entries)] == [(name, True)]


def test_links_inside_a_zip_are_refused(write, tmp_path):
    path = tmp_path / "harbour.zip"
    link = zipfile.ZipInfo(DAY_NAME)
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("channels.json", json.dumps([MILL]))
        archive.writestr(link, "/etc/hostname")
    entries = list(SlackExport(path).entries())
    assert [(p.file, "link" in p.sentence) for p in problems(entries)] == [(DAY_NAME, True)]


def test_locked_entries(write):
    path = write({"channels.json": [MILL], DAY_NAME: [said("x")]})
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:  # the flag bits of each central directory entry
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    path.write_bytes(data)
    with pytest.raises(UnreadableSource, match="locked with a password"):
        list(SlackExport(path).entries())


def test_a_truncated_day_keeps_its_whole_messages(read):
    whole = json.dumps([said("one"), said("two", ts="1772442900.000100")], indent=4)
    entries = read({DAY_NAME: whole[: whole.index("1772442900") + 4]})
    assert [message.text for message in messages(entries).values()] == ["one"]
    (problem,) = problems(entries)
    assert (problem.file, problem.line) == (DAY_NAME, 8)
    assert "cut off" in problem.sentence


@pytest.mark.parametrize("content", ["{}", "null", '"x"', "", "[[1], 2, null]", "[" * 100_000, "[1 2]", "\x00"])
@pytest.mark.parametrize("where", ["users.json", "channels.json", "dms.json", DAY_NAME])
def test_wrong_json_is_named_and_never_fatal(read, where, content):
    entries = read({"mill/2026-03-03.json": [said("fine")], where: content})
    assert any(problem.file == where for problem in problems(entries))
    assert where == "channels.json" or len(messages(entries)) == 1


def test_problems_name_the_line_of_the_message(read):
    day = "[\n" + ",\n".join(json.dumps(m) for m in [said("a"), said("b", ts="soon"), said("c", ts=17), "d"]) + "\n]"
    entries = read({DAY_NAME: day})
    assert [problem.line for problem in problems(entries)] == [3, 4, 5]
    assert "'soon'" in problems(entries)[0].sentence


@pytest.mark.parametrize("ts", ["999999999999.000000", "99999999999.000100"])
def test_impossible_times_are_reported(read, ts):
    entries = read({DAY_NAME: [said("a", ts=ts), said("b")]})
    assert [message.text for message in messages(entries).values()] == ["b"]
    assert "no date between 1970 and tomorrow" in problems(entries)[0].sentence


def test_duplicates_within_a_channel(read):
    other = {"id": "C0OTHER", "name": "other"}
    entries = read(
        {
            "channels.json": [MILL, other],
            DAY_NAME: [said("a")],
            "mill/2026-03-03.json": [said("a"), said("b")],
            "other/2026-03-02.json": [said("elsewhere")],
        }
    )
    texts = [entry.message.text for entry in entries if isinstance(entry, Posted)]
    assert texts == ["a", "elsewhere"], "the same time in another channel is another message"
    assert [problem.file for problem in problems(entries)] == ["mill/2026-03-03.json"]


def test_a_megabyte_of_text_is_cut(read):
    entries = read({DAY_NAME: [said("x" * 1_000_000)]})
    assert [len(message.text) for message in messages(entries).values()] == [TEXT_LIMIT]
    assert len(problems(entries)) == 1


def test_text_no_database_stores_is_cleaned(read):
    entries = read({DAY_NAME: '[{"user": "U0QUINCE\\u0000", "ts": "1772442840.000100", "text": "a\\u0000\\ud800b"}]'})
    (message,) = messages(entries).values()
    assert (message.text, message.author.person_id) == ("ab", "U0QUINCE")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(read, encoding):
    day = json.dumps([said("面包")], ensure_ascii=False).encode(encoding)
    assert [message.text for message in messages(read({DAY_NAME: day})).values()] == ["面包"]


def test_bytes_of_another_encoding_are_named_by_line(read):
    day = b'[\n{"user": "U1", "ts": "1772442840.000100", "text": "caf\xe9"}\n]'
    entries = read({DAY_NAME: day})
    assert [message.text for message in messages(entries).values()] == ["caf\ufffd"]
    assert [(problem.file, problem.line) for problem in problems(entries)] == [(DAY_NAME, 2)]


def test_nothing_is_written_to_disk(read, tmp_path):
    read({DAY_NAME: DAY})
    assert [path.name for path in tmp_path.iterdir()] == ["harbour.zip"]


def test_progress_never_passes_its_total(write):
    export = SlackExport(write({"channels.json": [MILL], DAY_NAME: DAY}))
    seen = [export.bytes_read for _ in export.entries()]
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= export.bytes_total


def test_an_export_can_be_read_twice(write):
    export = SlackExport(write({"channels.json": [MILL], DAY_NAME: DAY}))
    assert list(export.entries()) == list(export.entries())
    assert export.skipped[LeftOut.EMPTY] == 2
