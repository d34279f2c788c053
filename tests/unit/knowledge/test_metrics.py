import math

import pytest

from knowledge.evaluation.metrics import (
    INTERVAL_BELOW,
    auroc,
    highest_grade,
    hit,
    interval,
    intervals,
    mean,
    ndcg,
    percentile,
    recall,
    reciprocal_rank,
)

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


def test_an_interval_of_a_share_is_that_of_the_binomial():
    # 95 % of the successes of 100 throws of a fair coin are 40 to 60, of 50 throws with a chance of 1 in 10, 1 to 9.
    assert interval(mean, [1.0] * 50 + [0.0] * 50) == [pytest.approx(0.40, abs=0.011), pytest.approx(0.60, abs=0.011)]
    assert interval(mean, [1.0] * 5 + [0.0] * 45) == [pytest.approx(0.02, abs=0.021), pytest.approx(0.18, abs=0.021)]


def test_an_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = [number / 199 for number in range(200)]
    low, high = interval(mean, values)
    spread = 1.96 * math.sqrt(1 / 12 / 200)
    assert (low, high) == (pytest.approx(0.5 - spread, abs=0.006), pytest.approx(0.5 + spread, abs=0.006))


def test_values_that_agree_tell_nothing_of_their_spread():
    assert interval(mean, [0.0] * 60) is None
    assert interval(auroc, [0.9] * 5, [0.1] * 5) is None


def test_an_interval_is_given_for_few_values_only():
    assert interval(mean, []) is None
    assert interval(mean, [1.0] * INTERVAL_BELOW) is None
    assert interval(auroc, [0.5] * INTERVAL_BELOW, [0.1, 0.9]) == [0.0, 1.0]
    assert interval(auroc, [0.5], []) is None


def test_the_same_values_give_the_same_interval():
    values = [float(number % 3) for number in range(40)]
    assert interval(mean, values) == interval(mean, values)


def test_intervals_have_the_shape_of_the_figures_they_belong_to():
    few, many = [0.0, 1.0], [0.0, 1.0] * INTERVAL_BELOW
    assert intervals({"line": {"hit@5": few, "hit@10": many}, "f1": few, "em": many}) == {
        "intervals": {"line": {"hit@5": [0.0, 1.0]}, "f1": [0.0, 1.0]}
    }
    assert intervals({"line": {"hit@5": many}}) == {}
