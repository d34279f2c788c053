import math

import pytest

from knowledge.evaluation.metrics import auroc, highest_grade, hit, mean, ndcg, percentile, recall, reciprocal_rank

RANKED = ["a", "b", "c", "d"]


def test_recall_counts_each_relevant_message():
    assert recall(RANKED, {"b": 1, "z": 1}, 3) == 0.5


def test_hit_and_reciprocal_rank_look_at_the_first():
    assert (hit(RANKED, {"c": 1}, 2), hit(RANKED, {"c": 1}, 3)) == (0.0, 1.0)
    assert reciprocal_rank(RANKED, {"c": 1, "d": 1}, 4) == pytest.approx(1 / 3)
    assert reciprocal_rank(RANKED, {"d": 1}, 3) == 0.0


def test_ndcg_written_out():
    gained = 1 / math.log2(3) + 2 / math.log2(4)
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    assert ndcg(RANKED, {"b": 1, "c": 2}, 10) == pytest.approx(gained / ideal)
    assert ndcg(["x"], {"x": 2}, 10) == 1.0


def test_direct_answers_are_told_from_context():
    assert highest_grade({"a": 1, "b": 2}) == {"b": 2}


def test_percentile_and_mean():
    assert [percentile([3.0, 1.0, 2.0, 4.0], share) for share in (0.5, 0.95, 0)] == [2.0, 4.0, 1.0]
    assert (percentile([], 0.5), mean([])) == (0.0, 0.0)


def test_auroc_counts_pairs_in_the_right_order_and_equal_ones_half():
    assert auroc([0.9, 0.5], [0.5, 0.1]) == (1 + 1 + 0.5 + 1) / 4
    assert auroc([0.1], [0.9]) == 0.0
    assert auroc([], [0.3]) == 0.5
