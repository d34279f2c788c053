from bot.sufficiency import Sufficiency, Verdict, sufficiency_for
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line, Passage

ASKED = "What did Quince say about the broker?"


def line(pk, author, text):
    return Line(pk, 1, MessageRef(ChannelRef("slack", "T1", "C1"), str(pk)), 1, "harvest", author, text, None, "")


def passage(coverage, cosine=None, *lines):
    talk = lines or (line(1, "pomelo", "the press"), line(2, "medlar", "is booked"))
    return Passage(1, "c", talk, 1.0, cosine, coverage)


def test_nothing_found_is_declined():
    assert Sufficiency(0.1, 0.2).decide("why?", []) is Verdict.DECLINE


def test_more_of_the_question_makes_an_answer_likelier():
    test = sufficiency_for("multilingual-e5-small@abc", 0.4, 0.6)
    likely = [test.probability(ASKED, [passage(coverage, 0.85)]) for coverage in (0.1, 0.5, 1.0)]
    assert likely == sorted(likely)
    assert [test.decide(ASKED, [passage(c, 0.85)]) for c in (0.1, 0.5, 1.0)] == [
        Verdict.DECLINE,
        Verdict.WARN,
        Verdict.ANSWER,
    ]


def test_a_nearer_vector_makes_an_answer_likelier():
    test = sufficiency_for("multilingual-e5-small@abc", 0.4, 0.6)
    assert test.probability(ASKED, [passage(0.5, 0.9)]) > test.probability(ASKED, [passage(0.5, 0.8)])


def test_the_cosines_of_an_unmeasured_model_are_not_used():
    test = sufficiency_for("bge-m3", 0.4, 0.6)
    assert test.probability(ASKED, [passage(0.5, 0.5)]) == test.probability(ASKED, [passage(0.5)])


def test_what_somebody_else_said_speaks_against_an_answer():
    test = sufficiency_for("multilingual-e5-small@abc", 0.4, 0.6)
    talk = (line(1, "quince", "the broker is gone"), line(2, "medlar", "the press is booked"))
    own = test.probability(ASKED, [passage(0.5, 0.85, *talk)])
    told = (line(1, "medlar", "Quince said that the broker is gone"), line(2, "quince", "the press is booked"))
    assert test.probability(ASKED, [passage(0.5, 0.85, *told)]) == own
    called = (line(1, "medlar", "Quince, the broker is gone"), line(2, "quince", "the press is booked"))
    assert test.probability(ASKED, [passage(0.5, 0.85, *called)]) < own - 0.3
    swapped = [line(1, "medlar", "the broker is gone"), line(2, "quince", "the press is booked")]
    assert test.probability(ASKED, [passage(0.5, 0.85, *swapped)]) < own - 0.3
    assert own > test.probability("What about the broker?", [passage(0.5, 0.85, *talk)])


def test_a_message_that_is_a_passage_of_its_own_is_judged_by_how_near_it_is():
    test = sufficiency_for("multilingual-e5-small@abc", 0.4, 0.6)
    alone = line(1, "", "The broker had three outages.")
    assert test.decide(ASKED, [passage(0.3, 0.80, alone)]) is Verdict.DECLINE
    assert test.decide(ASKED, [passage(0.6, 0.92, alone)]) is Verdict.ANSWER
