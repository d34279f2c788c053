"""LoRA adapters with a real child: none reaches another's answer, and they come and go while it works."""

import asyncio
import os
import signal
import sys
from contextlib import aclosing

import numpy as np
import pytest

from bot.doctor import adapter
from bot.errors import AdapterUnusable
from bot.generation.engine import Engine
from bot.generation.model_files import default_chat_model
from bot.generation.sequence import Generate, Lora, ModelSpec, Piece
from bot.generation.shelf import Shelf
from bot.generation.templates import ChatTurn, render
from bot.models import ChatModel
from tests.lora_files import write_lora

pytestmark = pytest.mark.model

ASKED = ("Where is the ferry and who may go there?", "Tell me three things about a garden.")
SYSTEM = "You answer questions about a team from the messages given."


@pytest.fixture(scope="module")
def chat_file(tmp_path_factory):
    return default_chat_model(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return {name: str(write_lora(folder / f"{name}.gguf", seed)) for seed, name in enumerate(("barn", "cellar"))}


@pytest.fixture
async def engine(chat_file):
    # Without flash attention none of these texts has a place where two tokens are equally likely.
    engine = Engine(ModelSpec(str(chat_file), n_ctx=512, parallel=6, gpu_layers=0, flash_attention="off"))
    yield engine
    await engine.close()


@pytest.fixture
async def equipped(engine, files):
    for name, path in files.items():
        await engine.add_lora(Lora(name, path))
    return engine


def asking(engine, lora, question=ASKED[0], max_tokens=12, shared=3):
    turns = [ChatTurn("system", SYSTEM), ChatTurn("user", question)]
    return Generate(
        engine.new_request_id(), render(turns, "chatml"), max_tokens=max_tokens, static_segments=shared, lora=lora
    )


async def told(engine, *asked, **options):
    events = [event async for event in engine.stream(asking(engine, *asked, **options))]
    return "".join(event.text for event in events if isinstance(event, Piece))


async def test_two_adapters_and_none_asked_at_once_say_what_each_says_alone(equipped):
    asked = [(lora, question) for lora in ("", "barn", "cellar") for question in ASKED]
    alone = [await told(equipped, *one, shared=0) for one in asked]
    assert len(set(alone)) == len(asked), "an adapter that changes nothing proves nothing"
    for _ in range(2):  # the second time with the system prompt of each at hand
        assert await asyncio.gather(*(told(equipped, *one) for one in asked)) == alone


async def test_one_that_is_dropped_ends_what_it_began_and_begins_nothing_new(equipped):
    whole = await told(equipped, "barn", max_tokens=60)
    async with aclosing(equipped.stream(asking(equipped, "barn", max_tokens=60))) as events:
        said = (await anext(events)).text
        await equipped.drop_lora("barn")
        with pytest.raises(AdapterUnusable, match=r"^There is no LoRA adapter named barn\.$"):
            await told(equipped, "barn")
        said += "".join([event.text async for event in events if isinstance(event, Piece)])
    assert said == whole
    assert await told(equipped, "cellar") != await told(equipped, "")


async def test_another_file_under_the_same_name_is_used_by_those_who_come_after_it(equipped, files):
    barn, cellar = await told(equipped, "barn", max_tokens=60), await told(equipped, "cellar")
    async with aclosing(equipped.stream(asking(equipped, "barn", max_tokens=60))) as events:
        said = (await anext(events)).text
        await equipped.add_lora(Lora("barn", files["cellar"]))
        assert await told(equipped, "barn") == cellar
        said += "".join([event.text async for event in events if isinstance(event, Piece)])
    assert said == barn


async def test_half_the_scale_is_another_adapter(equipped, files):
    await equipped.add_lora(Lora("half", files["barn"], 0.5))
    answers = {await told(equipped, name) for name in ("", "barn", "half")}
    assert len(answers) == 3


async def test_a_fresh_child_has_the_adapters_of_now(equipped):
    cellar = await told(equipped, "cellar")
    await equipped.drop_lora("barn")
    os.kill(equipped.pid, signal.SIGKILL)
    assert await told(equipped, "cellar") == cellar
    with pytest.raises(AdapterUnusable):
        await told(equipped, "barn")
    assert equipped.restarts == 1


def other_architecture(path):
    write_lora(path, 3, architecture="qwen2")


def other_width(path):
    write_lora(path, 3, inner=1024)


def a_model(path):
    write_lora(path, 3, general="model")


def cut_in_its_numbers(path):
    write_lora(path, 3)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_gguf(path):
    path.write_text("dear all")


def nothing(path):
    path.unlink(missing_ok=True)


BROKEN = {
    other_architecture: "arch",
    other_width: "shape",
    a_model: "adapter",
    cut_in_its_numbers: "incomplete",
    no_gguf: "no GGUF file",
    nothing: "no GGUF file",
}


async def test_a_file_that_is_no_adapter_for_this_model_is_one_sentence_and_stops_nobody(equipped, tmp_path):
    barn = await told(equipped, "barn")
    for make, why in BROKEN.items():
        path = tmp_path / "odd.gguf"
        make(path)
        running = asyncio.create_task(told(equipped, "barn"))
        with pytest.raises(AdapterUnusable, match=why) as refused:
            await equipped.add_lora(Lora("odd", str(path)))
        assert refused.value.sentence.endswith(".")
        assert ". " not in refused.value.sentence
        assert str(tmp_path) not in refused.value.sentence
        with pytest.raises(AdapterUnusable, match="named odd"):
            await told(equipped, "odd")
        assert await running == barn
    assert equipped.restarts == 0


async def test_one_that_llama_cpp_aborts_over_ends_one_child_and_no_answer(equipped, tmp_path):
    odd = Lora("odd", str(write_lora(tmp_path / "odd.gguf", 3, kind=np.int32)))
    running = asyncio.create_task(told(equipped, "barn", max_tokens=40))
    for _ in range(2):
        with pytest.raises(AdapterUnusable, match="ends the model's process"):
            await equipped.add_lora(odd)
    assert await running
    assert (equipped.restarts, equipped.quarantined) == (1, 0)
    assert await told(equipped, "cellar") != await told(equipped, "")


async def test_files_put_into_the_folder_and_taken_out_come_and_go(engine, files, tmp_path):
    shelf = Shelf(engine, [Lora("chosen", files["barn"])], tmp_path)
    assert shelf.names() == ["chosen"]
    assert await shelf.usable("cellar") == ""
    path = tmp_path / "Cellar.gguf"
    write_lora(path, 1)
    (tmp_path / "not a name.gguf").write_text("")
    write_lora(tmp_path / "default.gguf", 1)
    assert shelf.names() == ["cellar", "chosen"]
    assert await shelf.usable("cellar") == "cellar"
    first = await told(engine, "cellar")
    write_lora(path, 2)
    assert await shelf.usable("cellar") == "cellar"
    assert await told(engine, "cellar") != first
    path.unlink()
    assert await shelf.usable("cellar") == ""
    assert await shelf.usable("chosen") == "chosen"
    no_gguf(path)
    chat = ChatModel(None, "small", engine.count, engine, None, adapters=shelf.names, try_adapter=shelf.fetch)
    checks = [await adapter(chat, name) for name in chat.adapters()]
    assert [check.ok for check in checks] == [False, True]
    assert checks[0].found == "The LoRA adapter cellar is no GGUF file that can be read."
    path.unlink()
    assert await shelf.usable("cellar") == ""
    assert dict(engine.loras).keys() == {"chosen"}


async def test_a_step_that_mixes_adapters_would_be_noticed(chat_file, files):
    """A scheduler that knows nothing of adapters: what a step computes with one is in the answer of another."""
    mixing = (
        "import sys\n"
        "from bot.generation import scheduler, worker\n"
        "scheduler.Held.group = property(lambda held: 'all')\n"
        "worker.end(worker.main([]))\n"
    )
    engine = Engine(
        ModelSpec(str(chat_file), n_ctx=512, parallel=6, gpu_layers=0, flash_attention="off"),
        command=(sys.executable, "-P", "-c", mixing),
    )
    try:
        for name, path in files.items():
            await engine.add_lora(Lora(name, path))
        loras = ("", "barn", "cellar")
        alone = [await told(engine, lora) for lora in loras]
        assert await asyncio.gather(*(told(engine, lora) for lora in loras)) != alone
    finally:
        await engine.close()
