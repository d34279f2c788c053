import pytest

from knowledge.followup import points_back, standalone


@pytest.mark.parametrize("question", ["who decided that?", "and when?", "why?", "那门票呢？", "what about the budget"])
def test_a_question_that_points_back_takes_the_one_before_along(question):
    assert standalone(question, ["first", "Why did we drop Kafka?"]) == f"Why did we drop Kafka?\n{question}"


@pytest.mark.parametrize("question", ["Which database does the order queue of Kelp use today?"])
def test_a_question_that_stands_alone_stays_as_it_is(question):
    assert not points_back(question)
    assert standalone(question, ["Why did we drop Kafka?"]) == question


def test_the_first_question_stays_as_it_is():
    assert standalone("why?", []) == "why?"
