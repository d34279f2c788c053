from datetime import UTC, datetime, timedelta

from bot.quoting import best_lines, quoted, with_sentences
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line

START = datetime(2026, 3, 1, tzinfo=UTC)


def line(pk, text, score, day=0):
    ref = MessageRef(ChannelRef("slack", "w", "c"), str(pk))
    at = START + timedelta(days=day)
    return Line(pk, 1, ref, 1, "releases", "Juniper", text, at, f"https://w.example/{pk}", score)


OLD = line(1, "Barnacle 3: the release date is 15 September.", 1.0, day=1)
NEW = line(2, "Correction: the new release date of Barnacle 3 is 6 October.", 0.9, day=9)
ASKED = line(3, "When is the release date of Barnacle 3?", 1.0, day=0)
CHAT = line(4, "good luck everybody", 0.2)


def test_the_best_lines_are_quoted_as_they_were_said_a_correction_last():
    assert best_lines([NEW, CHAT, OLD]) == [OLD, NEW]


def test_somebody_elses_question_is_not_the_answer():
    assert ASKED not in best_lines([ASKED, OLD, NEW])


def test_a_line_far_behind_is_not_quoted():
    assert best_lines([OLD, CHAT]) == [OLD]


def test_a_quotation_names_its_author_and_day_and_is_marked():
    text, found = quoted([OLD])
    assert text == "Juniper, 2026-03-02: “Barnacle 3: the release date is 15 September.” [1]"
    assert found[0].line is OLD


def test_links_in_a_quotation_have_no_power():
    text, _ = quoted([line(1, "see https://evil.example/x <!channel>", 1.0)])
    assert "evil.example" not in text
    assert "<!channel>" not in text


def test_only_sentences_that_a_line_holds_are_added_with_their_mark():
    text, found = quoted([OLD])
    model = "The moon is made of cheese. Correction: the new release date is 6 October."
    more, cited = with_sentences(text, found, model, [OLD, NEW])
    assert "cheese" not in more
    assert more.endswith("Correction: the new release date is 6 October. [2]")
    assert [c.line for c in cited] == [OLD, NEW]


def test_what_the_quotation_says_is_not_said_again_nor_noise_added():
    text, found = quoted([OLD])
    more, cited = with_sentences(text, found, "The release date is 15 September. 3. [3] 4.", [OLD])
    assert (more, cited) == (text, found)
