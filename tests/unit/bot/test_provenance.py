"""Which messages a text was drawn from, besides those it cites."""

import pytest

from bot.conversation import Answer, Citation, Outcome, Turn
from bot.provenance import drawn_from
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line


def line(message_pk, text, author="quince"):
    ref = MessageRef(ChannelRef("slack", "tidepool", "general"), str(message_pk))
    return Line(message_pk, 2, ref, 1, "general", author, text, None, "")


KILN, BOAT, ALIKE = line(1, "The kiln fires on Monday"), line(2, "The boat sails on Friday"), line(3, "A kiln, Monday")
TOLD_BEFORE = line(-1, "The boat sails on Friday")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The kiln fires on Monday [1]", ()),
        ("The kiln fires on Monday, the boat on Friday [1]", ("2:2",)),
        ("Quince says Monday [1]", ()),
        ("When? On Monday [1]", ()),
    ],
)
def test_words_that_nothing_cited_holds_name_their_message(text, expected):
    answer = Answer(text, Outcome.ANSWERED, (Citation(1, KILN, ""),))
    assert drawn_from(answer, "when?", [KILN, BOAT, ALIKE, TOLD_BEFORE]) == expected


def test_words_of_the_question_are_the_askers_own():
    answer = Answer("No boat: the kiln fires on Monday [1]", Outcome.ANSWERED, (Citation(1, KILN, ""),))
    assert drawn_from(answer, "is it the boat?", [KILN, BOAT]) == ()
    assert drawn_from(answer, "what is it?", [KILN, BOAT]) == ("2:2",)


def test_a_turn_that_is_repeated_hands_on_all_it_rests_on():
    turn = Turn("and the sauna?", "The sauna is closed [1]", ("7:1", "8:4"))
    answer = Answer("The kiln fires on Monday, the sauna is closed [1]", Outcome.ANSWERED, (Citation(1, KILN, ""),))
    assert drawn_from(answer, "when?", [KILN, BOAT], [turn]) == ("7:1", "8:4")
    assert drawn_from(Answer("On Monday [1]", Outcome.ANSWERED, answer.citations), "when?", [KILN], [turn]) == ()
