from datetime import UTC, datetime, timedelta

from knowledge.units import MAX_CHARS, MAX_LINES, OVERLAP_LINES, Said, family_of, units_of

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def talk(*texts, gap_seconds=10, thread=None, author="quince"):
    return [
        Said(i, str(i), author, text, thread, START + timedelta(seconds=i * gap_seconds), None)
        for i, text in enumerate(texts)
    ]


def test_a_unit_names_channel_day_and_speaker():
    (unit,) = units_of(talk("we drop Kafka"), channel_name="engineering")
    assert unit.text == "#engineering, 2026-03-02\nquince: we drop Kafka"


def test_open_talk_is_cut_where_it_rests():
    first, second = talk("one", "two"), talk("three")
    late = [Said(9, "9", "quince", said.text, None, START + timedelta(seconds=10 + 301), None) for said in second]
    assert [len(unit.lines) for unit in units_of(first + late, channel_name="c")] == [2, 1]


def test_a_thread_is_not_cut_where_it_rests():
    (unit,) = units_of(talk("one", "two", gap_seconds=86_400 * 30, thread="1"), channel_name="c")
    assert len(unit.lines) == 2


def test_long_talk_is_split_with_overlap_and_loses_nothing():
    units = units_of(talk(*[f"line {i}" for i in range(37)]), channel_name="c")
    assert all(len(unit.lines) <= MAX_LINES for unit in units)
    assert {line.message_pk for unit in units for line in unit.lines} == set(range(37))
    shared = {line.message_pk for line in units[0].lines} & {line.message_pk for line in units[1].lines}
    assert len(shared) == OVERLAP_LINES


def test_a_long_message_is_cut_and_its_parts_join_back():
    text = "A sentence that goes on for a while. " * 200
    units = units_of(talk(text), channel_name="c")
    assert all(line.end - line.begin <= MAX_CHARS for unit in units for line in unit.lines)
    parts = {(line.begin, line.end) for unit in units for line in unit.lines}
    assert "".join(text[begin:end] for begin, end in sorted(parts)) == text


def test_chinese_counts_for_what_it_says():
    (unit, *more) = units_of(talk("沉" * 900), channel_name="c")
    assert unit.lines[0].end < 600
    assert more


def test_empty_messages_are_left_out():
    assert units_of(talk("", "  \n"), channel_name="c") == []


def test_families():
    assert family_of("m", "t", START, 3) == "thread:t"
    assert family_of("m", None, START, 3) == "day:2026-03-02"
    assert family_of("m", None, None, 401) == "seq:2"
    assert family_of("m", None, None, None) == "message:m"
