"""On a machine with a GPU: the settings reach llama.cpp, and what it reports is read back."""

import pytest

from bot.doctor import offload
from bot.generation.engine import Engine
from bot.generation.model_files import default_chat_model
from bot.generation.sequence import Generate, ModelSpec, Segment

pytestmark = [pytest.mark.gpu, pytest.mark.model]


@pytest.fixture
async def started(tmp_path, request):
    engine = Engine(ModelSpec(str(default_chat_model(tmp_path)), gpu_layers=request.param))
    report = await engine.start()
    if not report.can_offload or not report.devices:
        await engine.close()
        pytest.skip("this build of llama.cpp, or this machine, has no GPU")
    yield engine
    await engine.close()


@pytest.mark.parametrize("started", [-1], indirect=True)
async def test_all_layers_go_to_the_gpu_by_default(started):
    assert started.report.offloaded_layers == started.report.model_layers
    assert offload(started.report).ok
    request = Generate(started.new_request_id(), (Segment("The sea is"),), max_tokens=8)
    events = [event async for event in started.stream(request)]
    assert events[-1].new_tokens > 0


@pytest.mark.parametrize("started", [4], indirect=True)
async def test_a_number_of_layers_is_obeyed(started):
    assert started.report.offloaded_layers == 4
