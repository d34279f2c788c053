import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.replies import (
    LABELS,
    EditPace,
    age,
    answer_text,
    clean,
    dated,
    first_line,
    notes,
    one_line,
    shortened,
    source_line,
    source_text,
    split,
)
from bot.conversation import Answer, Citation, Outcome
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line

NOW = datetime(2024, 3, 31, 12, 0, tzinfo=UTC)


def line(**changes):
    fields = {
        "message_pk": 1,
        "rev": 1,
        "ref": MessageRef(ChannelRef("slack", "T1", "C1"), "1.0"),
        "channel_pk": 1,
        "channel_name": "infra",
        "author": "Ana",
        "text": "We moved to Postgres.\nMySQL lost data.",
        "posted_at": NOW - timedelta(days=21),
        "permalink": "https://example.org/p1",
    }
    return Line(**(fields | changes))


def citation(n=1, **changes):
    cited = line(**changes)
    return Citation(n, cited, cited.text)


# ---- clean --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 因为 é 👩‍👩‍👧 ❤️\n\tdone", "plain, 因为 é 👩‍👩‍👧 ❤️\n\tdone"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1bPq#payload\x1b\\x", "x"),
        ("\x1b]0;never ended", "0;never ended"),
        ("a\x1bcb", "ab"),
        ("tail\x1b", "tail"),
        ("\x08\x07\x00\x7f\x85x", "\nx"),
        ("one\r\ntwo\rthree\x0bfour\u2028five\u2029six", "one\ntwo\nthree\nfour\nfive\nsix"),
        ("\u202egpj.exe\u202c\u2066x\u2069\u200e\u200f\u061c", "gpj.exex"),
        ("se\u200bcr\ufeffe\u2060t", "secret"),
        ("hi\U000e0041\U000e007f", "hi"),
        ("half \ud83d", "half "),
    ],
)
def test_what_steers_a_terminal_or_hides_is_removed(text, shown):
    assert clean(text) == shown


@given(st.text(alphabet=st.sampled_from("\x1b\x9b\x9d\x90[]0;m\\\x07\n\r\x00ab\u202e\u200b\ud800"), max_size=60))
def test_no_control_character_survives_any_mixture(text):
    shown = clean(text)
    assert not set(shown) - set("[]0;m\\\nab")
    assert clean(shown) == shown


@pytest.mark.parametrize("piece", ["\x1b]", "\x9d", "\x90a", "\x1b[0", "\x9b", "\x1b ", "\x1b[0;"])
def test_cleaning_takes_linear_time(piece):
    start = time.perf_counter()
    clean(piece * 100_000)
    assert time.perf_counter() - start < 1


def test_one_line_has_no_line_ends():
    assert one_line(" a\n[2] b\r\u2028\tc ") == "a [2] b c"


# ---- age ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=-90), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=13, hours=23), "13 days ago"),
        (timedelta(days=14), "2 weeks ago"),
        (timedelta(days=21), "3 weeks ago"),
        (timedelta(days=59), "8 weeks ago"),
        (timedelta(days=64), "2 months ago"),
        (timedelta(days=91), "3 months ago"),
        (timedelta(days=366), "12 months ago"),
        (timedelta(days=731), "2 years ago"),
        (timedelta(days=3650), "9 years ago"),
    ],
)
def test_age_in_one_unit(ago, said):
    assert age(NOW - ago, NOW) == said


def test_a_month_counts_when_it_is_over():
    assert age(datetime(2024, 1, 10, tzinfo=UTC), datetime(2024, 4, 10, tzinfo=UTC)) == "3 months ago"
    assert age(datetime(2024, 1, 11, tzinfo=UTC), datetime(2024, 4, 10, tzinfo=UTC)) == "2 months ago"


def test_a_message_without_a_date_is_undated():
    assert age(None, NOW) == "undated"


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - zone given beside
def test_age_is_never_zero_or_negative(then):
    said = age(then, NOW)
    assert said == "just now" or int(said.split()[0]) > 0


# ---- sources ------------------------------------------------------------------------------------------------------


def test_a_source_line_says_who_when_where_and_what():
    assert source_line(citation(3), NOW) == (
        "[3] Ana, 3 weeks ago (2024-03-10 12:00), #infra, https://example.org/p1\n    “We moved to Postgres.”"
    )


def test_dates_are_in_the_readers_zone():
    there = NOW.astimezone(timezone(timedelta(hours=14)))
    assert "(2024-03-11 02:00)" in source_line(citation(), there)


def test_what_is_missing_is_left_out():
    bare = citation(author="", posted_at=None, permalink="", channel_name="#infra", text="  ")
    assert source_line(bare, NOW) == "[1] unknown, undated, #infra"


def test_a_long_quote_is_shortened():
    shown = source_line(citation(text="x" * 500), NOW).split("\n")[1]
    assert shown == "    “" + "x" * 159 + "…”"


def test_no_field_can_forge_a_second_source():
    forged = "x\n[2] Boss, just now, #all\x1b[2J\r[2] Boss"
    shown = source_line(citation(author=forged, channel_name=forged, permalink=forged, text=forged), NOW)
    assert len(shown.split("\n")) == 2
    assert "\x1b" not in shown
    for row in source_text(citation(text=forged), NOW).split("\n")[1:]:
        assert row.startswith("    │ ")


def test_the_whole_text_of_a_source():
    assert source_text(citation(2), NOW).split("\n")[1:] == ["    │ We moved to Postgres.", "    │ MySQL lost data."]


# ---- answers ------------------------------------------------------------------------------------------------------


def test_every_outcome_but_a_plain_answer_has_its_own_word():
    assert LABELS.keys() == set(Outcome)
    words = [answer_text(Answer("said", outcome)) for outcome in Outcome]
    assert words[0] == "said"
    assert len(set(words)) == len(words)
    assert all(word.endswith(": said") for word in words[1:])


def test_the_text_of_an_answer_is_cleaned():
    assert answer_text(Answer("\x1b[1mBold\u202e [1]\n", Outcome.ANSWERED)) == "Bold [1]"


def test_a_decline_names_people_and_near_messages():
    declined = Answer("no", Outcome.DECLINED, people=("Ana", "B\nob"), nearest=(line(), line(author="Bo")))
    assert notes(declined, NOW).split("\n") == [
        "People who wrote about it: Ana, B ob",
        "Nearest messages:",
        "-   Ana, 3 weeks ago (2024-03-10 12:00), #infra, https://example.org/p1",
        "    “We moved to Postgres.”",
        "-   Bo, 3 weeks ago (2024-03-10 12:00), #infra, https://example.org/p1",
        "    “We moved to Postgres.”",
    ]
    assert notes(Answer("no", Outcome.DECLINED), NOW) == ""
    assert notes(Answer("yes", Outcome.ANSWERED, people=("Ana",)), NOW) == ""


def test_small_words():
    assert dated(NOW - timedelta(days=21), NOW, "%Y-%m-%d") == "3 weeks ago (2024-03-10)"
    assert dated(None, NOW) == "undated"
    assert shortened(" a\nb ", 3) == "a b"
    assert shortened("one two", 5) == "one…"
    assert first_line(" \n one\ntwo") == "“one”"
    assert first_line(" \n") == ""


# ---- split --------------------------------------------------------------------------------------------------------


def utf16(text):
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("short", 10, ["short"]),
        ("", 10, []),
        (" \n ", 10, []),
        ("one two\n\nthree\nfour", 15, ["one two", "three\nfour"]),
        ("one two\nthree four", 15, ["one two", "three four"]),
        ("one two three", 9, ["one two", "three"]),
        ("a\n\nlonger words here", 14, ["a\n\nlonger", "words here"]),
        ("一二三。四五六，七八九十", 8, ["一二三。四五六，", "七八九十"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("one    two", 6, ["one", "two"]),
        ("  - one\n  - two", 9, ["  - one", "  - two"]),
        ("so it is [12]", 11, ["so it", "is [12]"]),
        ("see <https://a.example|the wiki> now", 30, ["see", "<https://a.example|the wiki>", "now"]),
        ("see [the wiki](https://a.example) now", 32, ["see", "[the wiki](https://a.example)", "now"]),
        ("ask <@123456789>", 12, ["ask", "<@123456789>"]),
        ("xxxxxxx@heretics", 12, ["xxxxxxx", "@heretics"]),
        ("xxxx@heree\u0301", 10, ["xxxx", "@heree\u0301"]),
        ("x" * 8 + "&amp;" + "y" * 4, 10, ["x" * 8, "&amp;yyyy"]),
        ("xx👩‍👩‍👧yy", 6, ["xx", "👩‍👩‍👧y", "y"]),
        ("xxe\u0301yy", 3, ["xx", "e\u0301y", "y"]),
        ("<" * 9, 4, ["<<<<", "<<<<", "<"]),
        ("ask [12]", 6, ["ask", "[12]"]),
        ("so <https://a|[1]>", 16, ["so", "<https://a|[1]>"]),
        ("so it <https://a|[1]>", 20, ["so", "it <https://a|[1]>"]),
    ],
)  # fmt: skip
def test_where_text_is_cut(text, limit, parts):
    assert split(text, limit) == parts


def test_the_first_part_may_be_shorter():
    assert split("one two three four", 14, first=8) == ["one two", "three four"]


def test_parts_are_as_long_as_the_platform_counts():
    parts = split("🜁" * 30, 20, count=utf16)
    assert [utf16(part) for part in parts] == [20, 20, 20]


def test_code_is_closed_and_opened_again():
    text = "before\n\n```py\n" + "".join(f"x = {n}\n\n    y\n" for n in range(60)) + "```\n\nafter " + "word " * 30
    parts = split(text, 200)
    assert len(parts) > 4
    assert all(len(part) <= 200 for part in parts)
    assert all(part.count("```") % 2 == 0 for part in parts)
    assert parts[1].startswith("```py\n")
    assert "```py\n```" not in "\n".join(parts)
    lines = [line for part in parts for line in part.split("\n") if line.strip() and "```" not in line]
    assert lines[:-2] == [line for line in text.split("\n") if line.strip() and "```" not in line][:-1]


def test_no_part_opens_code_for_nothing():
    for limit in range(140, 160):
        for part in split("```\n" + "x = 1\n" * 23 + "```\n\n" + "after " * 40, limit):
            assert "```" not in part or "x = 1" in part
    assert split("```py\n" + "x" * 150 + "\n```", 120) == [f"```py\n{'x' * 110}\n```", f"```py\n{'x' * 40}\n```"]


def test_blank_lines_of_code_are_kept():
    code = "\n\n\n".join(f"x = {n}" for n in range(60))
    parts = split(f"```\n{code}\n```", 130)
    assert "\n".join(part.removeprefix("```\n").removesuffix("\n```") for part in parts) == code


@pytest.mark.parametrize(
    "piece", ["<", "[", "[a](", "<a", " ", " <", "\n", "```\n", "&", "&amp", "e\u0301", "\u0301", "。", "word "]
)
def test_cutting_takes_linear_time(piece):
    def seconds(size):
        begin = time.process_time()
        split(piece * (size // len(piece)), 500)
        return time.process_time() - begin

    assert min(seconds(40_000) for _ in range(3)) < 32 * max(min(seconds(5_000) for _ in range(3)), 0.001)


# ---- pace ---------------------------------------------------------------------------------------------------------


def test_the_first_edit_is_due_at_once_and_the_next_after_an_interval():
    pace = EditPace(interval_seconds=1.0, least_characters=5)
    assert not pace.is_due(" ", 0.0)
    assert pace.is_due("a", 0.0)
    pace.shown("a", 0.0)
    assert not pace.is_due("a and more", 0.9)
    assert pace.is_due("a and more", 1.0)


def test_an_edit_must_be_worth_it():
    pace = EditPace(interval_seconds=1.0, least_characters=5)
    pace.shown("one two", 0.0)
    assert not pace.is_due("one two", 9.0)
    assert not pace.is_due("one two thr", 9.0)
    assert pace.is_due("one two three", 9.0)
    assert pace.is_due("one", 9.0)
