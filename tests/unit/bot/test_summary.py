import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.summary import fitting, in_order, main_points
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line
from knowledge.stretches import Remark

START = datetime(2025, 3, 3, tzinfo=UTC)
PEOPLE = ("quince", "juniper", "tamarind", "medlar", "sorrel")
TOPICS = ("ferry", "jetty", "lantern", "harbour", "anchor", "rudder", "compass", "tide")


def remark(number, text, *, who=None, thread=None, minute=None, reactions=0):
    ref = MessageRef(ChannelRef("slack", "tidepool", "c"), str(number))
    who = PEOPLE[number % len(PEOPLE)] if who is None else who
    at = START + timedelta(minutes=number if minute is None else minute)
    line = Line(number, 1, ref, 1, "general", who, text, at, f"https://tidepool.example/{number}")
    return Remark(line, thread or str(number), reactions)


def chatter(number):
    """One of many lines that are much alike and yet not the same."""
    one, two = TOPICS[number % len(TOPICS)], TOPICS[(number // len(TOPICS)) % len(TOPICS)]
    return f"the {one} near the {two} was seen by visitor{number} and painter{number}"


def talk(count=80):
    return [remark(number, chatter(number)) for number in range(count)]


def chosen(remarks, most=8):
    return {line.message_pk for line in main_points(remarks, most)}


@pytest.mark.parametrize(
    "text",
    [
        "Decision: the ferry stops at the harbour from Monday on",
        "we'll paint the ferry in the harbour",
        "the ferry in the harbour is due by Friday",
        "决定以后改用硅胶，旧的橡胶条会变硬",
    ],
)
def test_a_decision_or_a_date_stands_out_of_the_chatter(text):
    remarks = talk()
    plain = next(iter({40} - chosen(remarks)), None)
    assert plain == 40
    remarks[40] = remark(40, text)
    assert 40 in chosen(remarks)


def test_what_is_not_decided_is_no_decision():
    remarks = [remark(n, text) for n, text in enumerate(["不确定下周的会议时间", "确定下周的会议时间"])]
    assert [line.message_pk for line in main_points(remarks, 1)] == [1]


def test_what_people_reacted_to_stands_out():
    remarks = talk()
    assert 41 not in chosen(remarks)
    remarks[41] = remark(41, chatter(41), reactions=12)
    assert 41 in chosen(remarks)


def test_the_first_message_of_a_long_thread_stands_out():
    remarks = talk()
    assert 22 not in chosen(remarks)
    for n in range(23, 50):
        remarks[n] = remark(n, chatter(n), thread="22")
    assert 22 in chosen(remarks)


def test_a_statement_is_told_before_a_question():
    remarks = [
        remark(0, "does the ferry to the harbour stop at the jetty today?"),
        remark(1, "the ferry to the harbour stops at the jetty today"),
    ]
    assert [line.message_pk for line in main_points(remarks, 1)] == [1]


def test_what_answers_somebody_elses_question_stands_out():
    asked = remark(0, "where does the ferry to the harbour stop today?", who="quince", thread="9")
    other = remark(1, "the ferry to the harbour stops at the anchor today", who="medlar", thread="8")
    answer = remark(2, "the ferry to the harbour stops at the jetty today", who="juniper", thread="9")
    assert [line.message_pk for line in main_points([asked, other, answer], 1)] == [2]
    own = remark(2, "the ferry to the harbour stops at the jetty today", who="quince", thread="9")
    assert [line.message_pk for line in main_points([asked, other, own], 1)] == [1]


def test_what_others_speak_of_is_told_before_a_pasted_log_of_the_same_length():
    paste = " ".join(f"0x{n * 7919:08x}" for n in range(11))
    remarks = [*talk(40), remark(40, paste)]
    assert 40 not in chosen(remarks)


def test_thanks_and_small_words_are_no_main_points():
    remarks = talk(40)
    thanks = [remark(n, "thank you so much", minute=n) for n in range(100, 140)]
    assert max(chosen([*remarks, *thanks], most=5)) < 100


def test_one_author_tells_at_most_a_third():
    remarks = [remark(n, chatter(n), who="quince" if n % 4 else PEOPLE[n % 3 + 1]) for n in range(80)]
    authors = Counter(line.author for line in main_points(remarks, 9))
    assert authors["quince"] == 3
    assert max(authors.values()) <= 3


@pytest.mark.parametrize(("people", "told"), [(1, 8), (2, 4)])
def test_where_there_are_only_one_or_two_people_they_share_all(people, told):
    remarks = [remark(n, chatter(n), who=PEOPLE[n % people]) for n in range(40)]
    authors = Counter(line.author for line in main_points(remarks, 8))
    assert set(authors.values()) == {told}


def test_points_come_from_all_over_the_time():
    busy = [remark(n, f"Decision: {chatter(n)}", minute=n) for n in range(60)]
    quiet = [remark(n, f"Decision: {chatter(n)}", minute=n * 100) for n in (60, 70, 80, 90)]
    told = chosen([*busy, *quiet])
    assert len(told & {60, 70, 80, 90}) >= 2
    assert len(told & set(range(60))) >= 2


def test_where_there_is_room_for_all_a_good_morning_is_still_left_out():
    remarks = [*talk(20), remark(20, "morning!", who="persimmon")]
    told = chosen(remarks, most=80)
    assert len(told) > 15
    assert 20 not in told


def test_what_was_said_twice_is_told_once():
    notice = "Decision: the harbour is closed for painting"
    remarks = [*talk(40), *(remark(n, notice) for n in range(40, 60))]
    assert sum(pk >= 40 for pk in chosen(remarks)) == 1


def test_lines_without_content_are_never_told():
    remarks = [remark(n, text) for n, text in enumerate(["", "   ", "👍", "and so on to it", "the ferry"])]
    assert chosen(remarks) == {4}
    assert main_points(remarks[:4], 8) == []
    assert main_points([], 8) == []
    assert main_points(remarks, 0) == []


def test_a_single_message_is_its_own_main_point():
    assert chosen([remark(1, "渡轮今天停在码头")]) == {1}


def test_undated_talk_is_spread_over_its_order_as_dated_talk_is_over_its_time():
    dated = talk()
    undated = [replace(remark, line=replace(remark.line, posted_at=None)) for remark in dated]
    assert chosen(undated) == chosen(dated)


def test_lines_come_back_in_the_order_of_talk():
    remarks = talk()
    lines = in_order(main_points(remarks, 8), remarks)
    assert [line.message_pk for line in lines] == sorted(chosen(remarks))


def test_lines_are_kept_while_the_budget_lasts_the_best_first():
    lines = [remark(n, "ferry").line for n in range(4)]
    assert fitting(lines, [50, 30, 40, 20], 100) == [lines[0], lines[1], lines[3]]
    assert fitting(lines, [500, 30, 40, 20], 100) == [lines[0]]
    assert fitting([], [], 100) == []


@given(st.lists(st.tuples(st.text(max_size=40), st.sampled_from(["", "a", "b\0", "\ud800"])), max_size=12))
def test_whatever_was_written_nothing_raises(said):
    remarks = [remark(n, text, who=who, reactions=-n) for n, (text, who) in enumerate(said)]
    points = main_points(remarks, 5)
    assert len(points) <= 5
    assert len({line.message_pk for line in points}) == len(points)


def test_two_thousand_lines_are_read_in_a_moment():
    remarks = talk(2000)
    best = 9.0
    for _ in range(3):
        start = time.process_time()
        assert len(main_points(remarks, 40)) == 40
        best = min(best, time.process_time() - start)
    assert best < 0.3
