"""What was just said in the thread, as one more passage."""

from bot.thread_context import is_kept, with_thread, without
from knowledge.messages import MessageRef
from knowledge.passages import Line, Passage
from tests.talk import channel

QUERY = "where is the spare pump?"


def line(message_id, text, message_pk=0):
    ref = MessageRef(channel("harvest"), message_id)
    return Line(message_pk, 0, ref, 0, "harvest", "tamarind", text, None, f"https://tidepool.example/{message_id}")


def passage(*lines, coverage=0.4):
    return Passage(1, "harvest", lines, score=1.0, coverage=coverage)


PUMP = line("2", "the spare pump is behind the barrels")
FOUND = passage(line("9", "a pump was spare once", message_pk=7))


def test_a_thread_about_the_question_leads_and_another_one_is_left_out():
    leading, *others = with_thread([FOUND], [line("1", "good morning"), PUMP], QUERY)
    assert [one.text for one in leading.lines] == ["good morning", PUMP.text]
    assert others == [FOUND]
    assert with_thread([FOUND], [line("1", "good morning")], QUERY) == [FOUND]


def test_a_line_that_is_kept_bears_its_key_and_any_other_a_key_of_its_own_below_zero():
    [thread] = with_thread(
        [], [PUMP, line("3", "the pump leaks", message_pk=42), line("4", "the spare pump too")], QUERY
    )
    assert [one.message_pk for one in thread.lines] == [-1, 42, -3]
    assert [is_kept(one) for one in thread.lines] == [False, True, False]


def test_what_the_search_found_stands_once():
    found = passage(line("2", PUMP.text, message_pk=7))
    assert with_thread([found], [PUMP], QUERY) == [found]


def test_the_message_that_asks_is_no_source():
    assert without([passage(PUMP, line("3", "oil")), passage(PUMP)], PUMP.ref) == [passage(line("3", "oil"))]
    assert without([FOUND], None) == [FOUND]
