"""What `models tune` tries, and when it is convinced."""

from dataclasses import replace

from bot.evaluation.tuning_plan import Sample, better, knobs
from tests.unit.bot.test_tuned import VALUES

NOW = replace(VALUES, file_type="q4_0", batch=128, flash_attention="auto", cache_type_k="f16", cache_type_v="f16")
OTHER, THIRD = replace(NOW, batch=64), replace(NOW, batch=512)


class Loaded:
    """As much of a report as the plan reads."""

    def __init__(self, *, devices=("CPU",), offloaded=0, can_offload=False, flash="disabled"):
        self.devices, self.offloaded_layers, self.can_offload = devices, offloaded, can_offload
        self.flash_attention, self.model_layers = flash, 31


def tried(report, cores, *, built_in=True):
    return {knob.name: knob.candidates(NOW) for knob in knobs(report, cores, built_in=built_in)}


def read(*speeds):
    return [Sample(reading=speed) for speed in speeds]


def test_what_is_faster_in_every_round_and_clearly_so_is_taken():
    assert better(read(100, 50, 100), {OTHER: read(110, 56, 112), THIRD: read(130, 60, 120)}) == THIRD


def test_what_is_faster_by_less_than_noise_is_not_taken():
    assert better(read(100, 100, 100), {OTHER: read(104, 103, 104)}) is None


def test_what_lost_a_round_is_not_taken_however_fast_the_others_were():
    assert better(read(100, 100, 100), {OTHER: read(200, 99, 200)}) is None


def test_fewer_than_three_rounds_decide_nothing():
    assert better(read(100, 100), {OTHER: read(200, 200)}) is None
    assert better(read(100, 100, 100), {OTHER: read(200, 200, 200)}) == OTHER


def test_a_round_in_which_all_were_slow_counts_like_any_other():
    assert better(read(100, 10, 100), {OTHER: read(90, 9, 90)}) is None
    assert better(read(100, 10, 100), {OTHER: read(120, 12, 120)}) == OTHER


def test_what_could_not_be_run_is_not_taken():
    assert better(read(100, 100), {OTHER: []}) is None
    assert better([], {OTHER: read(100)}) is None


def test_reading_and_writing_are_weighed_as_in_an_answer():
    now = [Sample(400, 50)] * 3
    assert better(now, {OTHER: [Sample(440, 40)] * 3}) is None
    assert better(now, {OTHER: [Sample(380, 100)] * 3}) == OTHER


def test_a_processor_is_asked_nothing_about_gpus_and_a_chosen_file_nothing_about_its_numbers():
    assert list(tried(Loaded(), 2)) == [
        "reading threads", "writing threads", "batch", "flash attention", "numbers", "cache",
    ]  # fmt: skip
    assert "numbers" not in tried(Loaded(), 2, built_in=False)


def test_threads_are_those_there_are_and_parts_of_them():
    assert [one.threads for one in tried(Loaded(), 2)["reading threads"]] == [1]
    assert [one.writing_threads for one in tried(Loaded(), 16)["writing threads"]] == [16, 12, 8, 4]


def test_on_gpus_layers_and_splitting_are_tried_first():
    several = tried(
        Loaded(devices=("CUDA0", "CUDA1"), offloaded=31, can_offload=True, flash="enabled"), 8, built_in=False
    )
    assert list(several)[:2] == ["GPU layers", "split mode"]
    assert [one.gpu_layers for one in several["GPU layers"]] == [0, 15]
    assert [one.flash_attention for one in several["flash attention"]] == ["off"]
    assert "split mode" not in tried(Loaded(devices=("CUDA0",), offloaded=31, can_offload=True), 8)


def test_the_values_so_far_are_not_tried_against_themselves():
    for name, candidates in tried(Loaded(), 8).items():
        assert NOW not in candidates, name
        assert len(set(candidates)) == len(candidates)
