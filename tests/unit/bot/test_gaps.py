from datetime import UTC, datetime, timedelta

from bot.gaps import Gap, Unanswered, gaps_in

START = datetime(2026, 3, 2, tzinfo=UTC)


def asked(text, day=0, why="declined"):
    return Unanswered(text, START + timedelta(days=day), why)


def test_questions_in_similar_words_are_one_gap_in_the_words_of_the_latest():
    found = gaps_in(
        [
            asked("How do I rotate the staging certificates?", 1),
            asked("rotate staging certificate", 3, "unhelpful"),
            asked("Who owns the billing exports?", 2),
        ]
    )
    assert found == [
        Gap("rotate staging certificate", 2, START + timedelta(days=3), ("declined", "unhelpful")),
        Gap("Who owns the billing exports?", 1, START + timedelta(days=2), ("declined",)),
    ]


def test_of_equally_frequent_gaps_the_latest_comes_first():
    found = gaps_in([asked("the wiki password", 1), asked("the coffee machine", 2)])
    assert [gap.text for gap in found] == ["the coffee machine", "the wiki password"]


def test_questions_of_few_common_words_stay_apart():
    found = gaps_in([asked("where is the deploy key for reef"), asked("where is the deploy log of the old mirror")])
    assert len(found) == 2


def test_questions_without_any_words_are_not_taken_for_the_same():
    assert len(gaps_in([asked("???"), asked("🎉"), asked("")])) == 3


def test_nothing_asked_is_no_gap():
    assert gaps_in([]) == []


def test_the_order_in_which_questions_come_does_not_matter():
    questions = [asked(text, day) for day, text in enumerate(["a b c", "b c d", "c d e", "x y", "x y z"])]
    assert gaps_in(questions) == gaps_in(questions[::-1])
