import pytest

from knowledge.followup import EARLIER_ANSWER, EARLIER_QUESTION, FADING, Exchange, points_back, sought

KAFKA = Exchange("Why did we drop Kafka?", "Three outages of the broker.")


@pytest.mark.parametrize("question", ["who decided that?", "and when?", "why?", "那门票呢？", "what about the budget"])
def test_a_question_that_points_back_borrows_the_words_of_the_talk_before(question):
    wanted = sought(question, [Exchange("Where is the press?"), KAFKA])
    assert wanted.leans_back
    assert wanted.texts == (question, f"{KAFKA.question}\n{question}")
    assert wanted.weights["kafka"] == EARLIER_QUESTION
    assert wanted.weights["broker"] == EARLIER_ANSWER
    assert wanted.weights["press"] == EARLIER_QUESTION * FADING


@pytest.mark.parametrize("question", ["Which database does the order queue of Kelp use today?"])
def test_a_question_that_stands_alone_stays_as_it_is(question):
    assert not points_back(question)
    assert sought(question, [KAFKA]) == sought(question)


def test_the_first_question_stays_as_it_is():
    assert sought("why?").texts == ("why?",)
    assert not sought("why?").leans_back


def test_a_word_of_the_question_itself_counts_in_full():
    assert sought("and the broker?", [KAFKA]).weights["broker"] == 1.0


def test_what_was_said_long_ago_is_not_looked_up():
    talk = [Exchange("the quince press"), *[Exchange(f"question {number}") for number in range(20)]]
    assert "quinc" not in sought("why?", talk).weights
