import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.evaluation.overlap import exact, f1, rouge_l, tokens


def test_marks_case_and_articles_do_not_count_and_chinese_counts_by_character():
    assert tokens("The Olive-Press, A mill!") == ["olive", "press", "mill"]
    assert tokens("门封条 used 2次") == ["门", "封", "条", "used", "2", "次"]


def test_exact_is_one_of_the_right_answers():
    assert exact("the mill.", ["a press", "Mill"]) == 1.0
    assert exact("the old mill", ["Mill"]) == 0.0


def test_f1_and_rouge_written_out():
    assert f1("behind the old mill", ["old mill behind"]) == 1.0
    assert f1("old mill", ["old press"]) == pytest.approx(0.5)
    assert rouge_l("behind old mill", ["old mill behind"]) == pytest.approx(2 * 2 / 6)
    assert (f1("", ["x"]), rouge_l("", ["x"]), f1("x", [])) == (0.0, 0.0, 0.0)


@given(st.text(max_size=60), st.text(max_size=60))
def test_agreement_lies_between_nothing_and_all_and_order_never_adds_to_it(said, right):
    assert 0 <= rouge_l(said, [right]) <= f1(said, [right]) <= 1
    assert f1(right, [right]) == rouge_l(right, [right]) == 1
