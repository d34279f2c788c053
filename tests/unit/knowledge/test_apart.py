"""Which passages are dropped because a better one says the same."""

from hypothesis import given
from hypothesis import strategies as st

from knowledge.apart import apart
from knowledge.messages import MessageRef
from knowledge.passages import Line, Passage
from tests.talk import channel


def passage(*texts, keys=None, who="robot"):
    lines = [
        Line(key, 1, MessageRef(channel("general"), str(key)), 1, "general", who, text, None, "")
        for key, text in zip(keys or [hash((i, text)) for i, text in enumerate(texts)], texts, strict=True)
    ]
    return Passage(1, "general", tuple(lines), 1.0)


def kept(passages, asked=(), limit=10):
    return [one.lines[0].text for one in apart(passages, asked, limit)]


def test_notices_that_differ_by_a_number_count_as_one():
    notices = [passage(f"build {number} of oven-firmware failed on host-{number}") for number in range(50)]
    assert kept([*notices, passage("we moved the builds to Marigold's rack")]) == [
        "build 0 of oven-firmware failed on host-0",
        "we moved the builds to Marigold's rack",
    ]


def test_the_number_that_is_asked_for_tells_them_apart():
    notices = [passage(f"build {number} failed") for number in (7, 8, 9)]
    assert kept(notices, asked={"build", "9"}) == ["build 7 failed", "build 9 failed"]


def test_most_of_the_same_lines_count_as_one():
    assert kept([passage("a", "b", "c", keys=(1, 2, 3)), passage("b", "c", "d", keys=(2, 3, 4))]) == ["a"]
    assert kept([passage("a", "b", keys=(1, 2)), passage("b", "c", keys=(2, 3))]) == ["a", "b"]


def test_a_word_more_is_no_repetition():
    assert len(kept([passage("the deploy is frozen"), passage("the deploy is not frozen")])) == 2


def test_two_people_who_say_the_same_are_two():
    wagon = "the wagon is repaired"
    assert len(kept([passage(wagon, keys=(1,), who="Kumquat"), passage(wagon, keys=(2,), who="Quince")])) == 2


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(1, 5))
def test_the_best_stays_and_never_more_than_wanted(texts, limit):
    found = kept([passage(text) for text in texts], limit=limit)
    assert found[:1] == texts[:1]
    assert len(found) <= limit
