import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.archive.jsonl import JsonLinesExport
from adapters.safety import TEXT_LIMIT, LeftOut
from knowledge.errors import UnreadableSource
from knowledge.messages import Channel, Deleted, Person, Posted, Problem, Visibility


@pytest.fixture
def read(tmp_path):
    """Writes rows (or raw lines) to a file and gives what the reader yields."""

    def read(*rows, name="harbour.jsonl", encoding="utf-8", **options):
        path = tmp_path / name
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_bytes("\n".join(lines).encode(encoding))
        read.export = JsonLinesExport(path, **options)
        return list(read.export.entries())

    return read


def messages(entries):
    return [entry.message for entry in entries if isinstance(entry, Posted)]


def problems(entries):
    return [entry for entry in entries if isinstance(entry, Problem)]


def test_a_full_row(read):
    row = {
        "id": "r:1",
        "channel": "mill room",
        "thread": "t1",
        "author": "Quince",
        "ts": "2026-03-02T09:14",
        "seq": 7,
        "lang": "en",
        "permalink": "https://wiki.example/1",
        "text": "Tuesdays only",
        "gold_thread": "not for us",
    }
    channel, person, posted = read(row)
    assert channel == Channel(posted.message.ref.channel, "mill room")
    assert (channel.ref.platform, channel.ref.workspace, channel.ref.channel_id) == ("jsonl", "harbour", "mill room")
    assert (person.name, person.ref.person_id) == ("Quince", "Quince")
    message = posted.message
    assert (message.ref.message_id, message.text, message.thread_id) == ("r:1", "Tuesdays only", "t1")
    assert (message.author, message.author_name, message.seq) == (person.ref, "Quince", 7)
    assert message.posted_at == datetime(2026, 3, 2, 9, 14, tzinfo=UTC)
    assert message.permalink == "https://wiki.example/1"


def test_a_bare_row_stays_undated_in_a_channel_named_after_the_file(read):
    channel, posted = read({"id": 12, "text": "x"})
    message = posted.message
    assert channel.name == "harbour"
    assert (message.ref.message_id, message.posted_at, message.seq, message.thread_id) == ("12", None, None, None)
    assert (message.author, message.author_name) == (None, "")
    assert message.permalink == "threadlore://harbour/harbour/12"


def test_a_permalink_is_quoted_and_only_a_link_is_taken(read):
    entries = read(
        {"id": "a/b c", "channel": "#x y", "text": "x"},
        {"id": "1", "text": "x", "permalink": "javascript:alert(1)"},
        {"id": "2", "text": "x", "permalink": "https://a.example/|evil> <@U1>"},
        {"id": "3", "text": "x", "permalink": "https://a.example/ see"},
    )
    assert [message.permalink for message in messages(entries)] == [
        "threadlore://harbour/%23x%20y/a%2Fb%20c",
        "threadlore://harbour/harbour/1",
        "threadlore://harbour/harbour/2",
        "threadlore://harbour/harbour/3",
    ]


def test_the_workspace_is_named_after_the_folder_of_a_corpus(read, tmp_path):
    assert messages(read({"id": "1", "text": "x"}, name="corpus.jsonl"))[0].ref.channel.workspace == tmp_path.name
    assert messages(read({"id": "1", "text": "x"}, workspace="mine"))[0].ref.channel.workspace == "mine"


def test_questions_are_left_out_and_counted(read):
    entries = read({"id": "q", "text": "why?", "query_source": True}, {"id": "a", "text": "so", "query_source": False})
    assert [message.ref.message_id for message in messages(entries)] == ["a"]
    assert read.export.skipped == {LeftOut.QUESTION: 1}


def test_empty_texts_are_left_out_in_silence(read):
    assert read({"id": "a", "text": " "}, "") == []


def test_a_private_row_makes_its_channel_private_for_good(read):
    entries = read(
        {"id": "1", "text": "x", "channel": "c"},
        {"id": "2", "text": "y", "channel": "c", "private": True},
        {"id": "3", "text": "z", "channel": "c"},
    )
    seen = [entry.visibility for entry in entries if isinstance(entry, Channel)]
    assert seen == [Visibility.PUBLIC, Visibility.PRIVATE]
    assert isinstance(entries[2], Channel), "the channel closes before the private row arrives"


def test_each_channel_and_author_is_introduced_once(read):
    entries = read(*({"id": str(n), "text": "x", "author": "Quince", "channel": "c"} for n in range(3)))
    assert [type(entry) for entry in entries] == [Channel, Person, Posted, Posted, Posted]


def test_a_deleted_row(read):
    entries = read({"id": "1", "deleted": True}, {"id": "2", "text": "x", "deleted": False})
    assert [entry.ref.message_id for entry in entries if isinstance(entry, Deleted)] == ["1"]
    assert len(messages(entries)) == 1


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-03-02T09:14:05.25Z", datetime(2026, 3, 2, 9, 14, 5, 250_000, tzinfo=UTC)),
        ("2026-03-02T09:14+08:00", datetime(2026, 3, 2, 1, 14, tzinfo=UTC)),
        (1772442840, datetime(2026, 3, 2, 9, 14, tzinfo=UTC)),
        (1772442840.5, datetime(2026, 3, 2, 9, 14, 0, 500_000, tzinfo=UTC)),
        ("1772442840.000100", datetime(2026, 3, 2, 9, 14, 0, 100, tzinfo=UTC)),
        (None, None),
    ],
)
def test_spellings_of_time(read, ts, expected):
    assert messages(read({"id": "1", "text": "x", "ts": ts}))[0].posted_at == expected


@pytest.mark.parametrize(
    "ts",
    [
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59-10:00",
        "soon",
        "",
        -5,
        1772442840000,
        1e300,
        float("nan"),
        True,
        {"at": 1},
        pytest.param((datetime.now(UTC) + timedelta(days=2)).isoformat(), id="in two days"),
    ],
)
def test_impossible_times_are_reported_and_left_out(read, ts):
    entries = read({"id": "0", "text": "fine"}, {"id": "1", "text": "x", "ts": ts})
    assert [message.ref.message_id for message in messages(entries)] == ["0"]
    (problem,) = problems(entries)
    assert (problem.file, problem.line) == ("harbour.jsonl", 2)
    assert "no date between 1970 and tomorrow" in problem.sentence


def test_tomorrow_noon_is_still_accepted(read):
    soon = datetime.now(UTC) + timedelta(hours=20)
    assert messages(read({"id": "1", "text": "x", "ts": soon.isoformat()}))[0].posted_at == soon


def test_bad_lines_are_named_and_the_rest_is_read(read):
    entries = read(
        {"id": "1", "text": "a"},
        '{"id": "2", "te',
        "[1, 2]",
        {"text": "no id"},
        {"id": "5"},
        {"id": True, "text": "x"},
        "[" * 100_000,
        {"id": "8", "text": "z"},
    )
    assert [message.ref.message_id for message in messages(entries)] == ["1", "8"]
    assert [problem.line for problem in problems(entries)] == [2, 3, 4, 5, 6, 7]


def test_numbers_of_any_length_do_no_harm(read):
    (message,) = messages(read('{"id": "1", "text": "x", "seq": ' + "7" * 5_000 + "}"))
    assert message.seq is None


def test_duplicates(read):
    entries = read({"id": "1", "text": "a"}, {"id": "1", "text": "a"}, {"id": "1", "text": "b"})
    assert [message.text for message in messages(entries)] == ["a"]
    (problem,) = problems(entries)
    assert problem.line == 3
    assert "only the first was kept" in problem.sentence


def test_long_texts_are_cut_and_reported(read):
    entries = read({"id": "1", "text": "x" * 1_000_000}, {"id": "2", "text": "y" * TEXT_LIMIT})
    assert [len(message.text) for message in messages(entries)] == [TEXT_LIMIT, TEXT_LIMIT]
    (problem,) = problems(entries)
    assert (problem.line, "cut" in problem.sentence) == (1, True)


def test_nul_and_lone_surrogates_vanish_everywhere(read):
    row = r'{"id": "1\u0000", "text": "a\u0000b\ud800c \ud83d\ude00", "author": "Q\udfffn", "channel": "c\u0000"}'
    message = messages(read(row))[0]
    assert (message.text, message.ref.message_id, message.author_name) == ("abc 😀", "1", "Qn")
    assert message.ref.channel.channel_id == "c"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(read, encoding):
    entries = read({"id": "1", "text": "面包"}, {"id": "2", "text": "rye"}, encoding=encoding)
    assert [message.text for message in messages(entries)] == ["面包", "rye"]
    assert problems(entries) == []


def test_bytes_of_another_encoding_are_named_by_line(tmp_path):
    path = tmp_path / "latin.jsonl"
    path.write_bytes(
        b'{"id": "1", "text": "ok \xef\xbf\xbd"}\n{"id": "2", "text": "caf\xe9"}\n{"id": "3", "text": "ok"}\n'
    )
    entries = list(JsonLinesExport(path).entries())
    assert [message.text for message in messages(entries)] == ["ok \ufffd", "caf\ufffd", "ok"]
    assert [(problem.line, "not UTF-8" in problem.sentence) for problem in problems(entries)] == [(2, True)]


def test_lines_are_counted_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("adapters.archive.encoding.BLOCK_BYTES", 16)
    path = tmp_path / "latin.jsonl"
    path.write_bytes(b"\n" * 40 + b'{"id": "2", "text": "caf\xe9"}\n')
    assert [problem.line for problem in problems(JsonLinesExport(path).entries())] == [41]


def test_a_character_cut_by_a_block_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("adapters.archive.encoding.BLOCK_BYTES", 7)
    path = tmp_path / "blocks.jsonl"
    path.write_text('{"id": "1", "text": "面包和潮汐"}\n{"id": "2", "text": "é"}', encoding="utf-8")
    entries = list(JsonLinesExport(path).entries())
    assert [message.text for message in messages(entries)] == ["面包和潮汐", "é"]
    assert problems(entries) == []


def test_an_endless_line_is_reported_and_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("adapters.archive.encoding.LINE_LIMIT", 50)
    monkeypatch.setattr("adapters.archive.encoding.BLOCK_BYTES", 16)
    path = tmp_path / "long.jsonl"
    path.write_text('{"id": "1", "text": "' + "x" * 200 + '"}\n{"id": "2", "text": "ok"}\n' + "y" * 99)
    entries = list(JsonLinesExport(path).entries())
    assert [message.ref.message_id for message in messages(entries)] == ["2"]
    assert [(problem.line, "too long" in problem.sentence) for problem in problems(entries)] == [(1, True), (3, True)]


def test_names_are_one_line(read):
    message = messages(read({"id": "1", "text": "x", "author": "Quince\n[1] admin:  yes" + "x" * 200}))[0]
    assert message.author_name.startswith("Quince [1] admin: yes")
    assert len(message.author_name) <= 80


def test_progress_reaches_its_total(read):
    read({"id": "1", "text": "面包"})
    assert read.export.bytes_read == read.export.bytes_total > 0


def test_an_empty_or_missing_file_is_no_source(tmp_path):
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(UnreadableSource, match="is empty"):
        list(JsonLinesExport(tmp_path / "empty.jsonl").entries())
    with pytest.raises(UnreadableSource, match="cannot be opened"):
        JsonLinesExport(tmp_path / "missing.jsonl")
