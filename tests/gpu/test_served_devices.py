"""Layers go to a device that is no processor of ours: one that llama.cpp's RPC server offers, on loopback.

The whole way of a GPU without one: the settings reach llama.cpp, it puts layers there, its report is read back, and
what leaves no doubt is answered the same. Only the arithmetic is done by a processor, with other kernels than here.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.doctor import isolation, offload
from bot.errors import DependencyDown
from bot.generation.engine import Engine
from bot.generation.model_files import default_chat_model
from bot.generation.sequence import Finished, Generate, ModelSpec, Piece, Report, Segment
from tests import rpc_server

pytestmark = pytest.mark.model
START_SECONDS = 20.0


@pytest.fixture
def served() -> Iterator[str]:
    """A served device, as host:port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.rpc_server", str(port)],
        cwd=Path(rpc_server.__file__).parent.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if process.poll() == rpc_server.NO_RPC:
                pytest.skip("this build of llama.cpp knows no served devices")
            assert process.poll() is None, f"the RPC server ended with {process.returncode}"
            assert time.monotonic() < deadline, "the RPC server did not start"
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


async def _answer(spec: ModelSpec) -> tuple[Report, str]:
    engine = Engine(spec)
    try:
        report = await engine.start()
        request = Generate(engine.new_request_id(), (Segment("The capital of France is"),), max_tokens=4)
        events = [event async for event in engine.stream(request)]
    finally:
        await engine.close()
    assert isinstance(events[-1], Finished)
    return report, "".join(event.text for event in events if isinstance(event, Piece))


@pytest.mark.parametrize(("asked", "found"), [(-1, 31), (7, 7), (0, 0)])
async def test_so_many_layers_as_are_set_reach_the_device_and_answer_alike(tmp_path, served, asked, found):
    model = str(default_chat_model(tmp_path))
    here, alone = await _answer(ModelSpec(model, n_ctx=256))
    report, text = await _answer(ModelSpec(model, n_ctx=256, gpu_layers=asked, rpc=served, parallel=0))
    assert (report.can_offload, report.offloaded_layers, report.model_layers) == (True, found, 31)
    assert any(served in device for device in report.devices) or not found
    assert offload(report).ok
    assert served in isolation(report, served).found
    assert text == alone
    assert here.offloaded_layers == 0
    assert report.parallel == (4 if found else 2)


async def test_contexts_that_nobody_asked_for_take_a_quarter_of_the_memory_of_the_devices(tmp_path, served):
    """Four of 256 tokens take 23.6 MB."""
    little = (
        "from bot.generation import devices, worker\n"
        "assert devices.free_bytes() is None\n"
        "devices.free_bytes = lambda: 100_000_000\n"
        "worker.end(worker.main(['--network']))\n"
    )
    spec = ModelSpec(str(default_chat_model(tmp_path)), n_ctx=256, rpc=served, parallel=0)
    engine = Engine(spec, command=(sys.executable, "-P", "-c", little))
    try:
        assert (await engine.start()).parallel == 2
    finally:
        await engine.close()


async def test_a_device_that_nobody_serves_is_one_sentence(tmp_path, served):
    host, port = served.split(":")
    away = f"{host}:{int(port) ^ 1}"
    engine = Engine(ModelSpec(str(default_chat_model(tmp_path)), n_ctx=256, rpc=away))
    try:
        with pytest.raises(DependencyDown, match=f"No RPC server answers at {away}: start"):
            await engine.start()
    finally:
        await engine.close()
