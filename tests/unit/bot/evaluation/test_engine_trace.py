"""A trace of the engine becomes rows, steps and a picture."""

import json

import pytest

from bot.evaluation.engine_trace import Read, Step, run_of

NOTES = [
    {"at": 10.0, "taken": "1"},
    {"at": 10.0, "taken": "2"},
    {"at": 10.1, "taken": "3"},
    {"at": 10.1, "taken": "counting"},
    {"from": 10.2, "to": 11.0, "slices": [["1", 0, 0, 5, True], ["2", 1, 56, 3, False]], "preempted": []},
    {"from": 11.0, "to": 12.0, "slices": [["1", 0, 5, 1, True], ["2", 1, 59, 2, True]], "preempted": []},
    {"at": 12.0, "left": "1"},
    {"from": 12.0, "to": 13.0, "slices": [["3", 0, 0, 4, True]], "preempted": ["2"]},
    {"from": 13.0, "to": 14.0, "slices": [["2", 2, 0, 62, True]], "preempted": []},
    {"at": 14.0, "left": "2"},
]


@pytest.fixture
def lines():
    return [json.dumps(note) for note in NOTES]


def test_each_request_has_a_row_of_what_was_read_and_written_and_when(lines):
    first, second, third = run_of(lines).rows
    assert (first.taken, first.sequence, first.copied, first.left) == (0.0, 0, 0, 2.0)
    assert first.reads == [Read(pytest.approx(0.2), 1.0, 5)]
    assert first.wrote == [1.0, 2.0]
    assert (second.copied, second.preempted, second.wrote, second.sequence) == (56, [2.0], [2.0, 4.0], 2)
    assert [one.tokens for one in second.reads] == [3, 2, 62]
    assert (third.admitted, third.left) == (2.0, None)


def test_each_step_has_what_it_read_and_what_it_wrote(lines):
    assert run_of(lines).steps[:2] == (Step(pytest.approx(0.2), 1.0, 8, 0), Step(1.0, 2.0, 2, 1))


@pytest.mark.parametrize("cut", [[], ["{"], ['{"at": 1.0, "taken": "1"}']])
def test_a_trace_in_which_nothing_happened_is_an_empty_picture(cut):
    plots = pytest.importorskip("bot.evaluation.plots")
    assert run_of(cut).rows == ()
    assert plots.lanes(run_of(cut)).svg.startswith("<svg")


def test_a_line_that_was_cut_ends_the_trace(lines):
    assert len(run_of([*lines[:5], lines[5][:20], *lines[6:]]).steps) == 1


def test_the_same_trace_gives_the_same_picture(lines):
    plots = pytest.importorskip("bot.evaluation.plots")
    picture = plots.lanes(run_of(lines)).svg
    assert picture == plots.lanes(run_of(lines)).svg
    for words in ("1 (sequence 1)", "2 (sequence 3)", "gives its place up", "finished", "read of prompts"):
        assert words in picture
