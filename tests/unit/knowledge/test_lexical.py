import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.lexical import TERM_RULES, bm25, frequencies, idf, query_terms, term_id, term_ids, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Why did we drop Kafka?", ["whi", "did", "we", "drop", "kafka"]),
        ("refresh-staging", ["refresh-staging", "refresh", "stage"]),
        ("ERR_1042", ["err_1042", "err", "1042"]),
        ("Caroline's outages", ["carolin", "outag"]),
        ("researching, researched", ["research", "research"]),
        ("policies", ["polici"]),
        ("status boss", ["status", "boss"]),
        ("Größen", ["größen"]),
        ("门封条", ["门", "封", "条", "门封", "封条"]),
        ("用 Kafka 吗", ["用", "kafka", "吗"]),
        ("ＦＵＬＬ", ["full"]),
        ("", []),
    ],
)
def test_terms(text, expected):
    assert terms(text) == expected


def test_a_long_run_is_cut():
    assert max(len(term) for term in terms("x" * 500)) == 64


def test_term_ids_fit_a_signed_integer_and_never_change():
    assert term_id("kafka") == term_id("kafka")
    assert all(-(2**31) <= term_id(term) < 2**31 for term in map(str, range(1000)))
    assert term_id("postgres") == 359303029


def test_bm25_equals_the_formula_written_out():
    tf, lengths, weights = np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([10.0, 5.0]), np.array([1.5, 3.0])
    scores = bm25(tf, lengths, 7.5, weights)
    norm = [0.9 * (0.6 + 0.4 * length / 7.5) for length in (10, 5)]
    assert scores[0] == pytest.approx(1.5 * 2 * 1.9 / (2 + norm[0]))
    assert scores[1] == pytest.approx((1.5 + 3.0) * 1.9 / (1 + norm[1]))


def test_a_rare_term_tells_more_and_none_tells_less_than_nothing():
    rare, common, everywhere = idf(np.array([1.0, 50.0, 100.0]), 100)
    assert rare > common > everywhere > 0


def test_frequencies_count_repeats():
    assert frequencies([[1, 1, 2], [3]], [1, 2]).tolist() == [[2, 1], [0, 0]]


numbers = st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3)


@given(st.lists(st.lists(numbers)), st.lists(numbers, unique=True))
def test_frequencies_are_those_of_counting_one_by_one(documents, query):
    expected = [[float(document.count(term)) for term in query] for document in documents]
    assert frequencies(documents, query).tolist() == expected
    as_sent = [np.array(document, dtype=">i4") for document in documents]
    assert frequencies(as_sent, query).tolist() == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Why did we drop Kafka?", ["drop", "kafka"]),
        ("What does it do?", ["what", "doe", "it", "do"]),
        ("请问故宫的地址是什么？", ["故", "宫", "故宫", "地", "址", "地址"]),
        ("那它呢？", ["那", "它", "呢", "那它", "它呢"]),
    ],
)
def test_words_that_only_shape_a_question_are_left_out_unless_nothing_else_is_there(question, expected):
    assert query_terms(question) == expected


def test_other_terms_than_before_need_another_number_of_their_rules():
    """What is stored is made anew only then."""
    text = (
        "Caroline's policies: refresh-staging failed with ERR_1042 in a/b.py 1.2.3; 门封条 用 Kafka 吗 "
        "\uff26\uff35\uff2c\uff2c Größen don't"
    )
    assert (TERM_RULES, sum(term_ids(text))) == (2, 1679651399)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Summarize the decision about pricing", ["decis", "price"]),
        ("Find the invoice", ["invoic"]),
        ("please list the open blockers", ["open", "blocker"]),
        ("帮我总结定价", ["定", "价", "定价"]),
        ("where is the wish list", ["wish", "list"]),
        ("list", ["list"]),
    ],
)
def test_an_order_in_front_says_nothing_of_what_is_wanted_and_further_back_it_may(question, found):
    assert query_terms(question) == found
