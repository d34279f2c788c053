"""Whatever the engine is given that cannot be: one sentence each, no death, and all else goes on."""

import asyncio
import os
import sys

import pytest
from structlog.testing import capture_logs

from bot.doctor import offload
from bot.errors import DependencyDown, ModelUnavailable, QuestionTooLong
from bot.generation.engine import Engine
from bot.generation.model_files import default_chat_model
from bot.generation.sequence import Generate, ModelSpec, Piece
from bot.generation.templates import ChatTurn, render

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def chat_file(tmp_path_factory):
    return default_chat_model(tmp_path_factory.mktemp("home"))


async def told(engine, question="Name a sea.", **options):
    request = Generate(
        engine.new_request_id(), render([ChatTurn("user", question)], "chatml"), **{"max_tokens": 12, **options}
    )
    return "".join([event.text async for event in engine.stream(request) if isinstance(event, Piece)])


WRONG = (
    ({"question": "word " * 600}, QuestionTooLong, r"^The prompt has \d+ tokens and the answer may have 12; "),
    ({"max_tokens": 10**6}, QuestionTooLong, "the answer may have 1000000"),
    ({"grammar": "root ::= ("}, ModelUnavailable, "^The grammar is not one in GBNF"),
    ({"grammar": "leaf ::= [a-z]"}, ModelUnavailable, "with a rule named root"),
    ({"lora": "cellar"}, ModelUnavailable, r"^There is no LoRA adapter named cellar\.$"),
)


async def test_what_cannot_be_answered_is_refused_by_a_sentence_and_what_can_is_answered_beside_it(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=512, parallel=4, gpu_layers=0))
    try:
        plain = await told(engine)
        pid = engine.pid
        asked = [told(engine), told(engine, max_tokens=0), *(told(engine, **options) for options, _, _ in WRONG)]
        answer, nothing, *refused = await asyncio.gather(*asked, told(engine), return_exceptions=True)
        assert (answer, nothing, refused.pop()) == (plain, "", plain)
        for error, (options, kind, says) in zip(refused, WRONG, strict=True):
            assert isinstance(error, kind), options
            with pytest.raises(kind, match=says):
                raise error
        assert (engine.pid, engine.restarts, engine.quarantined) == (pid, 0, 0)
    finally:
        await engine.close()


def cut_in_its_numbers(whole):
    return whole[: len(whole) // 2]


def cut_in_its_head(whole):
    return whole[:2000]


def of_very_many_tensors(whole):
    return whole[:8] + b"\xff" * 7 + b"\0" + whole[16:]


def with_a_key_of_no_end(whole):
    return whole[:24] + b"\xff" * 7 + b"\0" + whole[32:]


def of_no_known_kind(whole):
    return whole.replace(b"llama", b"lemma", 1)


@pytest.mark.parametrize(
    "broken", [cut_in_its_numbers, cut_in_its_head, of_very_many_tensors, with_a_key_of_no_end, of_no_known_kind]
)
async def test_a_broken_model_file_is_one_sentence_that_names_it(chat_file, tmp_path, broken):
    path = tmp_path / "broken.gguf"
    path.write_bytes(broken(chat_file.read_bytes()))
    engine = Engine(ModelSpec(str(path), n_ctx=512, gpu_layers=0))
    try:
        with pytest.raises(DependencyDown, match=r"broken\.gguf.* Check that the file is complete") as error:
            await engine.start()
        assert "\n" not in str(error.value)
        with pytest.raises(ModelUnavailable):
            await told(engine)
    finally:
        await engine.close()


async def test_a_model_that_says_nothing_of_its_prompts_is_asked_in_the_usual_form(chat_file, tmp_path):
    path = tmp_path / "plain.gguf"
    path.write_bytes(chat_file.read_bytes().replace(b"tokenizer.chat_template", b"tokenizer.chat_tamplate", 1))
    engine = Engine(ModelSpec(str(path), n_ctx=512, gpu_layers=0))
    try:
        with capture_logs() as lines:
            assert await told(engine)
        assert [line["event"] for line in lines] == ["no_chat_template_in_model"]
        assert (engine.report.has_template, engine.report.template) == (False, "chatml")
    finally:
        await engine.close()


async def test_more_than_the_memory_holds_is_refused_before_it_is_taken_and_what_would_fit_does(chat_file, tmp_path):
    small = tmp_path / "meminfo"
    small.write_text("MemAvailable: 100000 kB\n")
    machine = (
        "from pathlib import Path\n"
        "from bot.generation import room, worker\n"
        f"room.MEMORY, room.GROUPS = Path({str(small)!r}), ()\n"
        "worker.end(worker.main([]))\n"
    )

    def engine(parallel):
        spec = ModelSpec(str(chat_file), n_ctx=512, gpu_layers=0, parallel=parallel)
        return Engine(spec, command=(sys.executable, "-P", "-c", machine))

    greedy, modest, unasked = engine(256), engine(7), engine(0)
    try:
        with pytest.raises(DependencyDown) as error:
            await greedy.start()
        assert str(error.value) == (
            "THREADLORE_MODEL__PARALLEL is 256: so many contexts of 512 tokens take 3.0 GB, and 0.1 GB are free; "
            "7 would fit."
        )
        assert await told(modest)
        assert (await unasked.start()).parallel == 1
        assert await told(unasked)
    finally:
        for one in (greedy, modest, unasked):
            await one.close()


async def test_a_build_that_cannot_offload_says_so_once_and_answers_on_the_processor(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=512, gpu_layers=7))
    try:
        with capture_logs() as lines:
            if (await engine.start()).can_offload:
                pytest.skip("this build of llama.cpp can offload")
            os.kill(engine.pid, 9)
            assert await told(engine)
        assert [line for line in lines if line["event"] == "no_offload_in_this_build"] == [
            {"event": "no_offload_in_this_build", "layers": 7, "log_level": "warning"}
        ]
        assert "though 7 layers were to go to a GPU" in offload(engine.report).found
    finally:
        await engine.close()
