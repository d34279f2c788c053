import numpy as np
import pytest

from knowledge.lexical import bm25, frequencies, idf, term_id, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Why did we drop Kafka?", ["why", "did", "we", "drop", "kafka"]),
        ("refresh-staging", ["refresh-staging", "refresh", "staging"]),
        ("ERR_1042", ["err_1042", "err", "1042"]),
        ("Caroline's outages", ["caroline", "outage"]),
        ("policies", ["policy"]),
        ("status boss", ["status", "boss"]),
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
    norm = [1.2 * (0.25 + 0.75 * length / 7.5) for length in (10, 5)]
    assert scores[0] == pytest.approx(1.5 * 2 * 2.2 / (2 + norm[0]))
    assert scores[1] == pytest.approx((1.5 + 3.0) * 2.2 / (1 + norm[1]))


def test_a_rare_term_tells_more_and_none_tells_less_than_nothing():
    rare, common, everywhere = idf(np.array([1.0, 50.0, 100.0]), 100)
    assert rare > common > everywhere > 0


def test_frequencies_count_repeats():
    assert frequencies([[1, 1, 2], [3]], [1, 2]).tolist() == [[2, 1], [0, 0]]
