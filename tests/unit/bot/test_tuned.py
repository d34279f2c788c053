"""What was tuned is used for the same model on the same machine alone, and never instead of what somebody set."""

import json
from dataclasses import asdict, replace

import pytest
from structlog.testing import capture_logs

from bot.errors import DependencyDown
from bot.models import ChatSpec
from bot.tuned import BUILT_IN, FILE, Machine, Tuned, Values, identity, keep, this_machine, tuned_for

HERE = Machine("a processor", 2, (), "0.3.36 abc")
VALUES = Values(
    threads=2,
    writing_threads=1,
    batch=256,
    flash_attention="on",
    cache_type_k="q8_0",
    cache_type_v="q8_0",
    gpu_layers=-1,
    split_mode="layer",
    file_type="q8_0",
)
FOUND = Tuned(BUILT_IN, HERE, VALUES, 400.0, 60.0, "2026-11-20")
PLAIN = ChatSpec(
    path=None,
    url=None,
    name=None,
    api_key="",
    gpu_layers=-1,
    context=4096,
    threads=None,
    max_tokens=96,
    temperature=0.0,
    sha256=None,
    prompt_tokens=None,
)


def test_what_was_kept_is_found_again(tmp_path):
    path = keep(FOUND, tmp_path)
    assert path == tmp_path / "models" / FILE
    assert tuned_for(None, tmp_path, HERE) == FOUND
    assert [one.name for one in path.parent.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "other",
    [
        replace(HERE, processor="another"),
        replace(HERE, cores=4),
        replace(HERE, gpus=("a card",)),
        replace(HERE, llama_cpp="0.3.36 def"),
    ],
)
def test_another_machine_or_another_build_does_not_use_it(tmp_path, other):
    keep(FOUND, tmp_path)
    assert tuned_for(None, tmp_path, other) is None


def test_another_model_does_not_use_it_and_a_changed_file_is_another_model(tmp_path):
    model = tmp_path / "mine.gguf"
    model.write_bytes(b"GGUF one")
    keep(replace(FOUND, model=identity(model)), tmp_path)
    assert tuned_for(model, tmp_path, HERE) is not None
    assert tuned_for(None, tmp_path, HERE) is None
    model.write_bytes(b"GGUF two")
    assert tuned_for(model, tmp_path, HERE) is None
    assert tuned_for(tmp_path / "none.gguf", tmp_path, HERE) is None


def test_a_new_result_replaces_its_own_predecessor_only(tmp_path):
    keep(FOUND, tmp_path)
    keep(replace(FOUND, machine=replace(HERE, cores=8)), tmp_path)
    keep(replace(FOUND, prefill_tokens_per_s=500.0), tmp_path)
    assert tuned_for(None, tmp_path, HERE).prefill_tokens_per_s == 500.0
    assert tuned_for(None, tmp_path, replace(HERE, cores=8)).prefill_tokens_per_s == 400.0


def spoilt(**values):
    document = {"version": 1, "results": [asdict(FOUND)]}
    document["results"][0]["values"] |= values
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"version": 2}',
        b'{"version": 1, "results": [{}]}',
        spoilt(threads=0),
        spoilt(batch="many"),
        spoilt(flash_attention="perhaps"),
        spoilt(file_type="../../x"),
    ],
)
def test_a_file_that_cannot_be_understood_is_ignored_in_one_line(tmp_path, content):
    path = keep(FOUND, tmp_path)
    path.write_bytes(spoilt())
    assert tuned_for(None, tmp_path, HERE) == FOUND
    path.write_bytes(content)
    with capture_logs() as lines:
        assert tuned_for(None, tmp_path, HERE) is None
    assert [line["event"] for line in lines] == ["tuning_ignored"]
    keep(FOUND, tmp_path)
    assert tuned_for(None, tmp_path, HERE) == FOUND


def test_where_nothing_can_be_written_it_says_so(tmp_path):
    (tmp_path / "models").write_text("a file in the way")
    with pytest.raises(DependencyDown, match="cannot be written"):
        keep(FOUND, tmp_path)


def test_this_machine_says_what_it_is_and_the_same_each_time():
    machine = this_machine()
    assert machine == this_machine()
    assert machine.cores >= 1
    assert machine.processor
    assert machine.llama_cpp[0].isdigit()


def test_without_tuning_the_engine_chooses_as_ever(tmp_path):
    spec = PLAIN.model_spec(tmp_path / "m.gguf")
    assert (spec.threads, spec.writing_threads, spec.batch) == (0, 0, 0)
    assert (spec.flash_attention, spec.cache_type_k, spec.gpu_layers, spec.tensor_split) == ("auto", "f16", -1, ())


def test_tuned_values_reach_the_engine_and_given_settings_win(tmp_path):
    tuned = PLAIN.model_spec(tmp_path / "m.gguf", FOUND)
    assert (tuned.threads, tuned.writing_threads, tuned.batch) == (2, 1, 256)
    assert (tuned.flash_attention, tuned.cache_type_k, tuned.cache_type_v) == ("on", "q8_0", "q8_0")
    given = replace(
        PLAIN,
        threads=7,
        flash_attention="auto",
        tensor_split="3,1",
        main_gpu=1,
        given=frozenset({"threads", "flash_attention", "path"}),
    )
    spec = given.model_spec(tmp_path / "m.gguf", FOUND)
    assert (spec.threads, spec.flash_attention) == (7, "auto")
    assert (spec.batch, spec.cache_type_k, spec.tensor_split, spec.main_gpu) == (256, "q8_0", (3.0, 1.0), 1)
