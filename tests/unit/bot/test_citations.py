import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.citations import QUOTE_CHARS, content_terms, quote, resolve, supports
from knowledge.messages import ChannelRef, MessageRef
from knowledge.passages import Line


def line(pk, text, author="Tamarind"):
    ref = MessageRef(ChannelRef("slack", "w", "c"), str(pk))
    return Line(pk, 1, ref, 1, "engineering", author, text, None, "https://w.example/1")


KAFKA = line(1, "Decision: we drop Kafka because it caused three outages this winter.")
LUNCH = line(2, "Lunch is at noon in the test kitchen.")
SOURCES = [LUNCH, KAFKA]


def test_marks_are_numbered_anew_in_the_order_of_their_use():
    cited = resolve("Kafka caused three outages [2].", SOURCES)
    assert cited.text == "Kafka caused three outages. [1]"
    assert [(c.n, c.line) for c in cited.citations] == [(1, KAFKA)]


def test_a_mark_that_cites_nothing_is_dropped():
    cited = resolve("Kafka caused three outages [7].", SOURCES)
    assert "7" not in cited.text
    assert cited.citations[0].line is KAFKA  # the sentence found its line by its words


@pytest.mark.parametrize("nested", ["[[1]2]", "[[7]2]", "[" * 9 + "2" + "]2" * 9])
def test_what_stood_around_a_mark_is_none(nested):
    cited = resolve(f"Cats sleep {nested}.", SOURCES)
    assert "2]" not in cited.text
    assert cited.citations == ()


def test_a_mark_between_two_sentences_joins_them_not():
    assert resolve("Cats sleep![7]Dogs bark.", SOURCES).text == "Cats sleep! Dogs bark."
    assert resolve("Cats sleep[7]!", SOURCES).text == "Cats sleep!"


def test_a_mark_at_the_start_of_a_line_joins_no_lines():
    assert resolve("Cats sleep\n[7]Dogs bark.", SOURCES).text == "Cats sleep\nDogs bark."


def test_a_mark_on_a_line_that_says_nothing_of_it_is_dropped():
    cited = resolve("Kafka caused three outages [1].", SOURCES)
    assert cited.citations[0].line is KAFKA


def test_a_sentence_without_a_mark_gets_the_line_that_holds_its_words():
    assert resolve("Kafka was dropped: it caused three outages.", SOURCES).citations[0].line is KAFKA


def test_a_sentence_that_no_line_supports_gets_no_mark_and_is_counted():
    cited = resolve("The moon orbits silently around everything else.", SOURCES)
    assert (cited.citations, cited.unsupported, cited.sentences) == ((), 1, 1)


def test_two_sentences_cite_two_lines():
    cited = resolve("Kafka caused three outages [2]. Lunch is at noon [1].", SOURCES)
    assert cited.text == "Kafka caused three outages. [1] Lunch is at noon. [2]"
    assert [c.line for c in cited.citations] == [KAFKA, LUNCH]


def test_a_dot_inside_of_a_word_or_a_number_ends_no_sentence_and_loses_none():
    source = line(3, "The pump runs version 2.4, see plan.pdf on wiki.example.")
    cited = resolve("The pump runs version 2.4 [1]. See plan.pdf on wiki.example [1].", [source])
    assert cited.text == "The pump runs version 2.4. [1] See plan.pdf on wiki.example. [1]"
    assert cited.sentences == 2


@given(st.text(alphabet="ab1.!? \n。", max_size=40))
def test_no_letter_of_an_answer_gets_lost(text):
    kept = "".join(resolve(text, []).text.split())
    assert kept == "".join(text.split())


def test_chinese_sentences_are_cited_too():
    source = line(3, "决定更换门封条的供应商，改用硅胶。", "Pomelo")
    cited = resolve("更换门封条的供应商，改用硅胶。", [source])
    assert cited.citations[0].line is source


def test_the_authors_name_supports_a_sentence_about_the_author():
    assert supports(KAFKA, "Tamarind") == 1.0
    assert content_terms("it is the") == set()


def test_a_quote_is_short_and_ends_at_a_word():
    shown = quote("word " * 100)
    assert len(shown) <= 321
    assert shown.endswith("word…")


@given(st.text(max_size=300), st.integers(0, 3))
def test_every_citation_resolves_and_is_marked(text, count):
    sources = [line(pk, f"text {pk} {text[:20]}") for pk in range(count)]
    cited = resolve(text, sources)
    for citation in cited.citations:
        assert citation.line in sources
        assert f"[{citation.n}]" in cited.text
    assert [c.n for c in cited.citations] == list(range(1, len(cited.citations) + 1))


def test_of_a_long_message_the_part_that_was_asked_for_is_quoted():
    text = "The mill is old. " * 30 + "The press stands behind the barn. " + "Apples are ripe. " * 30
    shown = quote(text, "where is the press?")
    assert shown.startswith("…")
    assert "The press stands behind the barn." in shown
    assert shown.endswith("…")
    assert len(shown) <= QUOTE_CHARS + 2
    assert quote(text).startswith("The mill")
    assert quote(text, "who sings?").startswith("The mill")
    assert quote("苹果熟了。" * 100 + "压榨机在谷仓后面。", "压榨机在哪里？").endswith("压榨机在谷仓后面。")
