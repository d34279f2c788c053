"""What is set of the engine reaches llama.cpp."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from bot.generation.engine import Engine
from bot.generation.model_files import default_chat_model
from bot.generation.sequence import Finished, Generate, ModelSpec, Segment
from bot.models import ChatModel

pytestmark = pytest.mark.model


async def loaded(path, **options):
    engine = Engine(ModelSpec(str(path), n_ctx=512, gpu_layers=0, **options))
    try:
        report = await engine.start()
        request = Generate(engine.new_request_id(), (Segment("The capital of France is"),), max_tokens=4)
        end = [event async for event in engine.stream(request)][-1]
        return report, end
    finally:
        await engine.close()


async def test_threads_batch_attention_and_cache_reach_llama_cpp(tmp_path):
    path = default_chat_model(tmp_path)
    usual, _ = await loaded(path)
    assert (usual.batch, usual.flash_attention, usual.cache_types) == (256, "enabled", ("f16", "f16"))
    assert usual.writing_threads == min(4, usual.threads)
    assert (await loaded(path, parallel=0))[0].parallel == 2
    options = {"threads": 1, "writing_threads": 2, "batch": 48, "flash_attention": "off", "cache_type_k": "q8_0"}
    report, end = await loaded(path, **options)
    assert (report.threads, report.writing_threads, report.batch) == (1, 2, 48)
    assert (report.flash_attention, report.cache_types) == ("disabled", ("q8_0", "f16"))
    assert isinstance(end, Finished)
    assert end.new_tokens == 4


async def test_how_many_are_answered_at_once_is_known_when_the_model_is_loaded(tmp_path):
    engine = Engine(ModelSpec(str(default_chat_model(tmp_path)), n_ctx=512, gpu_layers=0, parallel=3))
    chat = ChatModel(None, "small", engine.count, engine, None)
    assert chat.at_once() == 2
    try:
        await engine.start()
        assert chat.at_once() == 3
    finally:
        await engine.close()


def test_a_step_is_computed_by_as_many_threads_as_the_crew_says_and_the_crew_hears_how_it_went(tmp_path):
    import llama_cpp

    from bot.generation.answers import Run
    from bot.generation.load_log import LoadLog
    from bot.generation.runner import Model

    model = Model(ModelSpec(str(default_chat_model(tmp_path)), n_ctx=256, threads=3), LoadLog())
    heard = []

    class Crew:
        def size(self, most):
            return most - 1

        def worked(self, threads, elapsed, used):
            heard.append((threads, llama_cpp.llama_n_threads(model._context), 0 < used <= 3.5 * elapsed))

    model._crew = Crew()
    assert model.decode([Run(0, 0, tuple(range(5, 25)), ends=True)]) == 0
    assert model.decode([Run(0, 20, (7,), ends=True)]) == 0
    assert heard == [(2, 2, True)] * 2


def test_the_stride_hears_of_each_step_that_reads_and_of_no_other(tmp_path):
    from bot.generation.answers import Run
    from bot.generation.load_log import LoadLog
    from bot.generation.runner import Model

    model = Model(ModelSpec(str(default_chat_model(tmp_path)), n_ctx=256), LoadLog())
    heard = []
    model.stride = SimpleNamespace(read=lambda tokens, seconds: heard.append((tokens, 0 < seconds < 60)))
    assert model.decode([Run(0, 0, tuple(range(5, 25)), ends=True)]) == 0
    assert model.decode([Run(0, 20, (7,), ends=True)]) == 0
    assert heard == [(20, True)]


def test_where_the_contexts_of_several_cannot_be_had_one_answers_unless_several_were_asked_for(tmp_path):
    from bot.generation.load_log import LoadLog
    from bot.generation.runner import LoadError, Model

    class Short(Model):
        """On a device whose memory nobody knows."""

        def _open_context(self):
            return super()._open_context() if self.sequences == 1 else None

    spec = ModelSpec(str(default_chat_model(tmp_path)), n_ctx=256, gpu_layers=0, parallel=0)
    model = Short(spec, LoadLog())
    assert (model.report.parallel, model.cells, model.budget) == (1, 256, 256)
    with pytest.raises(LoadError, match="not enough memory for a context of 512 tokens"):
        Short(replace(spec, parallel=2), LoadLog())


async def test_values_in_few_bits_take_the_flash_attention_that_they_need(tmp_path):
    report, end = await loaded(default_chat_model(tmp_path), cache_type_k="q4_0", cache_type_v="q8_0")
    assert (report.flash_attention, report.cache_types) == ("enabled", ("q4_0", "q8_0"))
    assert end.new_tokens == 4


def test_how_several_gpus_share_a_model_reaches_llama_cpp():
    from bot.generation.llama_params import model_params

    spec = ModelSpec("m.gguf", gpu_layers=7, split_mode="row", main_gpu=1, tensor_split=(3.0, 1.0))
    params = model_params(spec)
    assert (params.n_gpu_layers, params.split_mode, params.main_gpu) == (7, 2, 1)
    assert [params.tensor_split[place] for place in range(2)] == [3.0, 1.0]
    usual = model_params(ModelSpec("m.gguf"))
    assert (usual.n_gpu_layers, usual.split_mode, usual.main_gpu, bool(usual.tensor_split)) == (-1, 1, 0, False)
