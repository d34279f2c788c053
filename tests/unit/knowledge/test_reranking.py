"""A reranker at work in a search: what it says is mixed in, and whatever goes wrong with it costs only its say."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.ranking import Scored, reranked
from knowledge.reranking import Reranking
from tests.fakes.reranker import FakeReranker

SCORES = st.floats(0, 1.3)
RELEVANCE = st.floats(-20, 20)


@given(st.lists(SCORES, min_size=1, max_size=12), st.data())
def test_no_unit_is_lost_and_what_is_preferred_by_both_stays_ahead(scores, data):
    units = [Scored(number, score=score) for number, score in enumerate(sorted(scores, reverse=True), start=1)]
    read = data.draw(st.integers(0, len(units)))
    relevance = {unit.unit: data.draw(RELEVANCE) for unit in units[:read]}
    mixed = reranked(units, relevance)
    assert sorted(unit.unit for unit in mixed) == [unit.unit for unit in units]
    assert [unit.score for unit in mixed] == sorted((unit.score for unit in mixed), reverse=True)
    place = {unit.unit: number for number, unit in enumerate(mixed)}
    for better, worse in pairwise(units[:read]):
        if relevance[better.unit] > relevance[worse.unit] + 1e-6:
            assert place[better.unit] < place[worse.unit]


def test_it_can_turn_the_order_round():
    units = [Scored(1, score=1.0), Scored(2, score=0.9), Scored(3, score=0.1)]
    assert [unit.unit for unit in reranked(units, {1: -7.0, 2: 1.0, 3: 9.0})] == [3, 2, 1]


def test_what_it_did_not_read_stands_with_its_worst():
    units = [Scored(1, score=1.0), Scored(2, score=0.9), Scored(3, score=0.8)]
    assert [unit.unit for unit in reranked(units, {1: 2.0, 2: -2.0})] == [1, 2, 3]


@pytest.mark.parametrize("relevance", [{}, {1: 3.0}, {1: 3.0, 2: 3.0}])
def test_where_it_says_nothing_of_use_the_scores_stay(relevance):
    units = [Scored(1, score=0.8), Scored(2, score=0.4)]
    assert reranked(units, relevance) == units


async def test_one_that_is_late_is_left_out_and_rests():
    model = FakeReranker()
    model.hangs = True
    reranking = Reranking(model, deadline_seconds=0.01)
    assert await reranking.relevance("oar", ["a", "b"]) == []
    model.hangs = False
    assert await reranking.relevance("oar", ["a", "b"]) == []
    assert len(model.asked) == 1
    assert reranking.left_out == 2


async def test_one_that_fails_is_asked_again_after_its_rest():
    model = FakeReranker()
    model.is_away = True
    reranking = Reranking(model, rest_seconds=0.0)
    assert await reranking.relevance("oar", ["a"]) == []
    model.is_away = False
    assert await reranking.relevance("an oar", ["oar", "keel"]) == [1.0, 0.0]
    assert reranking.left_out == 1


@pytest.mark.parametrize("wrong", [lambda *_: math.nan, lambda *_: math.inf, lambda *_: 1 // 0])
async def test_nonsense_is_no_order(wrong):
    reranking = Reranking(FakeReranker(wrong))
    assert await reranking.relevance("oar", ["a", "b"]) == []
    assert reranking.left_out == 1


async def test_one_that_forgets_a_text_is_left_out():
    class Forgetful(FakeReranker):
        async def relevance(self, query, texts):
            return (await super().relevance(query, texts))[1:]

    assert await Reranking(Forgetful()).relevance("oar", ["a", "b"]) == []


async def test_nothing_to_read_is_no_question():
    model = FakeReranker()
    reranking = Reranking(model)
    assert await reranking.relevance("oar", []) == []
    assert (model.asked, reranking.left_out) == ([], 0)
