"""How long a prompt may be, and why: by setting, by what was measured, by what was tuned, or as usual."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from bot.assistant import _log_prompt
from bot.conversation import PromptChoice
from bot.generation.pace import Pace
from bot.generation.sequence import Finished
from bot.models import MOST_FOR_OTHERS, MOST_FOR_SMALL, ChatModel, estimate
from bot.telemetry import keep_known_keys
from tests.unit.bot.test_tuned import FOUND


def on_machine(*, size_bytes=90_000_000, offloaded=0, n_ctx=4096, speeds=(), **options):
    pace = Pace()
    for speed in speeds:
        pace.take(Finished("1", "stop", 430, 0, prefill_ms=430 / speed * 1000))
    report = SimpleNamespace(size_bytes=size_bytes, offloaded_layers=offloaded, n_ctx=n_ctx)

    async def ready():
        return report

    engine = SimpleNamespace(pace=pace, ready=ready)
    return ChatModel(None, "m", estimate, engine, **{"prompt_tokens": None, "answer_tokens": 96, **options})


async def chosen(chat):
    budget = await chat.prompt_budget()
    return budget.tokens, budget.why


async def test_before_anything_is_known_the_usual_length_is_given():
    assert await chosen(on_machine()) == (500, "default")
    assert await chosen(on_machine(offloaded=31, size_bytes=5e9)) == (3000, "default")
    assert (await on_machine().prompt_budget()).prefill_tokens_per_s is None


async def test_a_slow_machine_gets_shorter_prompts_and_a_fast_one_longer_up_to_what_helps():
    assert await chosen(on_machine(speeds=[100] * 3)) == (256, "measured")
    assert await chosen(on_machine(speeds=[340] * 3)) == (500, "measured")
    assert await chosen(on_machine(speeds=[5000] * 3)) == (MOST_FOR_SMALL, "measured")
    assert await chosen(on_machine(speeds=[5000] * 3, size_bytes=5e9)) == (MOST_FOR_OTHERS, "measured")


async def test_more_patience_means_longer_prompts():
    assert await chosen(on_machine(first_token_seconds=0.5)) == (256, "default")
    assert (await on_machine(first_token_seconds=2.4, size_bytes=5e9).prompt_budget()).tokens == 781


async def test_what_was_tuned_counts_from_the_first_question_on():
    slow = replace(FOUND, prefill_tokens_per_s=200.0)
    budget = await on_machine(tuned=slow).prompt_budget()
    assert (budget.tokens, budget.why, budget.prefill_tokens_per_s) == (320, "tuned", 200.0)
    assert (await on_machine(tuned=slow, speeds=[400] * 3).prompt_budget()).why == "measured"


async def test_the_setting_wins_over_every_speed():
    for speeds in ([], [10] * 5, [9000] * 5):
        assert await chosen(on_machine(speeds=speeds, prompt_tokens=700, tuned=FOUND)) == (700, "setting")


async def test_the_context_wins_over_the_setting():
    assert await chosen(on_machine(prompt_tokens=3000, n_ctx=512)) == (352, "context")


async def test_what_is_measured_with_is_the_same_from_the_first_to_the_last():
    assert await chosen(on_machine(speeds=[10] * 5, learns=False)) == (500, "default")
    assert await chosen(on_machine(speeds=[10] * 5, size_bytes=5e9, learns=False, tuned=FOUND)) == (625, "tuned")


@pytest.mark.parametrize(("setting", "expected"), [(None, (3000, "server")), (700, (700, "setting"))])
async def test_of_a_server_nothing_is_known(setting, expected):
    assert await chosen(ChatModel(None, "m", estimate, None, setting)) == expected


def test_the_log_tells_what_was_chosen_and_no_key_of_it_is_dropped():
    with capture_logs() as lines:
        _log_prompt(PromptChoice(320, 2, 6, 200.0, 30.0, 1.5, "measured"))
        _log_prompt(None)
    (line,) = lines
    kept = keep_known_keys(None, "info", dict(line))
    del line["log_level"]
    assert kept == {
        "event": "prompt_fitted", "state": "measured", "budget_tokens": 320, "passages": 2, "left_out_count": 6,
        "target_seconds": 1.5, "token_ms": 5.0,
    } == line  # fmt: skip
