from bot.sufficiency import Sufficiency, Verdict, sufficiency_for
from knowledge.passages import Passage


def passage(coverage, cosine=None):
    return Passage(1, "c", (), 1.0, cosine, coverage)


def test_nothing_found_is_declined():
    assert Sufficiency(0.1, 0.2).decide([]) is Verdict.DECLINE


def test_more_of_the_question_makes_an_answer_likelier():
    test = sufficiency_for("multilingual-e5-small@abc", 0.4, 0.6)
    likely = [test.probability([passage(coverage, 0.85)]) for coverage in (0.1, 0.5, 1.0)]
    assert likely == sorted(likely)
    assert [test.decide([passage(c, 0.85)]) for c in (0.1, 0.5, 1.0)] == [Verdict.DECLINE, Verdict.WARN, Verdict.ANSWER]


def test_a_nearer_vector_makes_an_answer_likelier():
    test = sufficiency_for("multilingual-e5-small@abc", 0.4, 0.6)
    assert test.probability([passage(0.5, 0.9)]) > test.probability([passage(0.5, 0.8)])


def test_the_cosines_of_an_unmeasured_model_are_not_used():
    test = sufficiency_for("bge-m3", 0.4, 0.6)
    assert test.probability([passage(0.5, 0.5)]) == test.probability([passage(0.5)])
