"""threadlore bench engine, small: the form of its document, and the sums behind it."""

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.evaluation.engine_speed import Timed, _asked_by, _figures, measured
from bot.evaluation.engine_trace import run_of
from bot.generation.model_files import default_chat_model
from bot.generation.sequence import ModelSpec


@pytest.mark.model
async def test_it_measures_both_sides_on_prompts_that_begin_with_the_bots_own_orders(tmp_path):
    done = []
    spec = ModelSpec(str(default_chat_model(tmp_path)), gpu_layers=0)
    trace = tmp_path / "trace"
    document = await measured(spec, [2], 200, 3, lambda: done.append(1), trace=trace)
    (run,) = document["runs"]
    assert list(run) == ["concurrency", "ours", "serial", "throughput_ratio", "ttft_p95_ratio"]
    for side in ("ours", "serial"):
        assert list(run[side]) == ["tokens_per_s", "ttft_ms", "total_s"]
        assert 0 < run[side]["ttft_ms"]["p50"] <= run[side]["ttft_ms"]["p95"] <= run[side]["total_s"] * 1000 + 1
        assert run[side]["tokens_per_s"] == pytest.approx(4 * 3 / run[side]["total_s"], rel=0.1)
    assert run["throughput_ratio"] == pytest.approx(
        run["ours"]["tokens_per_s"] / run["serial"]["tokens_per_s"], rel=0.01
    )
    assert 160 <= document["prompt_tokens"] <= 280
    assert 40 <= document["prefix_tokens"] <= 80
    assert (document["new_tokens"], len(done)) == (3, 2)
    assert list(document)[1:] == ["model", "threads", "prompt_tokens", "prefix_tokens", "new_tokens"]
    rows = run_of(trace.read_text().splitlines()).rows
    assert [len(row.wrote) for row in rows] == [3] * 4
    assert {row.copied for row in rows} == {document["prefix_tokens"]}
    assert all(row.copied + sum(one.tokens for one in row.reads) > 150 for row in rows)
    assert all(row.left >= row.wrote[-1] > row.admitted >= row.taken for row in rows)


def test_one_after_another_who_asks_later_has_waited_for_less():
    times = [[1.0, 2.0, 9, []], [3.0, 4.0, 9, []], [5.0, 6.0, 9, []], [7.0, 8.0, 9, []]]
    assert _asked_by(times, 2, 5) == [Timed(1.0, 2.0, 5), Timed(3.0, 4.0, 5), Timed(3.0, 4.0, 5), Timed(3.0, 4.0, 5)]


def test_figures_are_of_all_answers():
    assert _figures([Timed(0.1, 1, 10), Timed(0.3, 2, 10)], 2.0)["tokens_per_s"] == 10.0


@pytest.mark.parametrize("wrong", ["", "a", "0", "1,,2", "65"])
def test_a_wrong_number_of_askers_is_bad_usage(wrong):
    done = CliRunner().invoke(app, ["bench", "engine", "--concurrency", wrong])
    assert done.exit_code == 2
    assert "1,4,8" in done.output


def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path):
    done = CliRunner().invoke(app, ["bench", "engine", "--trace", str(tmp_path / "no" / "trace.svg")])
    assert done.exit_code == 2
    assert "--trace" in done.output
