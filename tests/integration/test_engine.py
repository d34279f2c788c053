"""The engine with a real child and the small chat model."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

import bot
from bot.errors import BadConfiguration, DependencyDown, ModelUnavailable, QuestionTooLong
from bot.generation.child import clean_environment
from bot.generation.engine import Engine
from bot.generation.model_files import default_chat_model
from bot.generation.sequence import Generate, ModelSpec, Piece, Segment
from bot.generation.templates import ChatTurn, render

LONG_PROMPT = render([ChatTurn("user", "Tell the whole story of a very long journey. " * 4)], "chatml")


@pytest.fixture(scope="session")
def chat_file(tmp_path_factory):
    return default_chat_model(tmp_path_factory.mktemp("home"))


@pytest.fixture
async def engine(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=1024))
    yield engine
    await engine.close()


def asking(engine, question, **options):
    return Generate(engine.new_request_id(), render([ChatTurn("user", question)], "chatml"), **options)


def tell(engine, **options):
    return Generate(engine.new_request_id(), LONG_PROMPT, **{"max_tokens": 900, "stop": (), **options})


async def collect(engine, request):
    events = [event async for event in engine.stream(request)]
    return "".join(event.text for event in events if isinstance(event, Piece)), events[-1]


async def wait_until_gone(pid, seconds=5.0):
    async with asyncio.timeout(seconds):
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            await asyncio.sleep(0.02)


@pytest.mark.model
async def test_it_answers_and_reports(engine):
    text, end = await collect(engine, asking(engine, "What is the capital of France?", max_tokens=12))
    assert "Paris" in text
    assert end.prompt_tokens > 10
    assert 0 < end.new_tokens <= 12
    assert end.prefill_ms > 0
    assert engine.report.template == "chatml"
    assert engine.report.n_ctx == 1024
    assert engine.report.train_ctx == 8192
    assert engine.report.model_layers == 31


@pytest.mark.model
async def test_the_same_question_gets_the_same_answer_and_no_memory_of_another(engine):
    first = await collect(engine, asking(engine, "Name three colours.", max_tokens=12))
    await collect(engine, asking(engine, "My password is swordfish. Repeat it.", max_tokens=8))
    again = await collect(engine, asking(engine, "Name three colours.", max_tokens=12))
    assert (again[0], again[1].cached_tokens) == (first[0], 0)


@pytest.mark.model
async def test_the_static_beginning_is_computed_once_and_changes_no_answer(engine):
    turns = [ChatTurn("system", "You are a helpful assistant of a team."), ChatTurn("user", "Name two animals.")]
    request = Generate("a", render(turns, "chatml"), max_tokens=12, static_segments=3)
    first = await collect(engine, request)
    second = await collect(engine, Generate("b", request.segments, max_tokens=12, static_segments=3))
    assert first[1].cached_tokens == 0
    assert second[1].cached_tokens > 5
    assert second[0] == first[0]


@pytest.mark.model
async def test_stop_words_and_length(engine):
    whole, end = await collect(engine, tell(engine, max_tokens=16))
    assert (end.reason, end.new_tokens) == ("length", 16)
    stop = whole[len(whole) // 2 :][:5]
    text, end = await collect(engine, tell(engine, max_tokens=16, stop=(stop,)))
    assert (text, end.reason) == (whole[: whole.index(stop)], "stop")


@pytest.mark.model
async def test_a_prompt_that_does_not_fit_is_an_error_not_an_abort(engine):
    with pytest.raises(QuestionTooLong, match="tokens"):
        await collect(engine, asking(engine, "word " * 2000))
    assert (await collect(engine, tell(engine, max_tokens=2)))[1].new_tokens == 2


@pytest.mark.model
async def test_closing_the_stream_stops_the_childs_work(engine):
    async with aclosing(engine.stream(tell(engine))) as events:
        async for event in events:
            assert isinstance(event, Piece)
            break
    await assert_idle(engine)


@pytest.mark.model
@pytest.mark.parametrize("after_seconds", [0.0, 0.5])
async def test_cancelling_the_task_stops_the_childs_work(engine, after_seconds):
    await engine.start()
    task = asyncio.create_task(collect(engine, tell(engine)))
    await asyncio.sleep(after_seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await assert_idle(engine)


@pytest.mark.model
async def test_requests_of_a_killed_child_are_asked_of_another_and_end_as_if_nothing_had_happened(engine):
    quiet = await collect(engine, tell(engine, max_tokens=60))
    first_pid = engine.pid
    running = [asyncio.create_task(collect(engine, tell(engine, max_tokens=60))) for _ in range(3)]
    await asyncio.sleep(0.3)
    os.kill(first_pid, signal.SIGABRT)
    for text, end in await asyncio.gather(*running):
        # What was said already is read anew in one go, which rounds otherwise: much later another word may be likelier.
        assert (text[:80], end.new_tokens, end.prompt_tokens) == (quiet[0][:80], 60, quiet[1].prompt_tokens)
    assert engine.pid not in {None, first_pid}
    assert engine.restarts == 1


@pytest.mark.model
async def test_a_hung_child_is_ended_and_replaced(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=512), silence_seconds=5.0)
    try:
        await engine.start()
        hung = engine.pid
        os.kill(hung, signal.SIGSTOP)
        assert (await collect(engine, tell(engine, max_tokens=5)))[1].new_tokens == 5
        assert engine.pid != hung
        assert (await collect(engine, tell(engine, max_tokens=2)))[1].new_tokens == 2
    finally:
        await engine.close()


@pytest.mark.model
async def test_a_request_that_runs_too_long_ends_and_others_go_on(chat_file):
    engine = Engine(ModelSpec(str(chat_file)), wall_seconds=4.0)
    try:
        await engine.start()
        pid = engine.pid
        with pytest.raises(ModelUnavailable):
            await collect(engine, tell(engine, max_tokens=3500))
        assert (await collect(engine, tell(engine, max_tokens=2)))[1].new_tokens == 2
        assert engine.pid == pid
    finally:
        await engine.close()


@pytest.mark.model
async def test_many_first_uses_start_one_child(engine):
    counts = await asyncio.gather(*(engine.count(["one two three"]) for _ in range(5)))
    assert counts == [[3]] * 5
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert [pid for pid in children if b"bot.generation.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()] == [
        str(engine.pid)
    ]


@pytest.mark.model
async def test_what_people_wrote_never_becomes_a_control_token(engine):
    mark = "<|im_end|>"
    # As a control token the mark would be one token; as text it is several.
    assert (await engine.count([mark]))[0] > 1
    text = Generate(engine.new_request_id(), (Segment(mark),), max_tokens=1)
    control = Generate(engine.new_request_id(), (Segment(mark, control=True),), max_tokens=1)
    assert (await collect(engine, text))[1].prompt_tokens > 1
    assert (await collect(engine, control))[1].prompt_tokens == 1


@pytest.mark.model
async def test_the_gpu_setting_reaches_llama_cpp(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=256, gpu_layers=7))
    try:
        report = await engine.start()
    finally:
        await engine.close()
    assert report.requested_gpu_layers == 7
    assert report.offloaded_layers == (7 if report.can_offload else 0)
    assert report.devices


@pytest.mark.model
async def test_the_child_ends_with_its_parent_even_in_the_middle_of_an_answer(chat_file):
    program = (
        "import asyncio, sys\n"
        "from bot.generation.engine import Engine\n"
        "from bot.generation.sequence import Generate, ModelSpec, Segment\n"
        "async def main():\n"
        "    engine = Engine(ModelSpec(sys.argv[1], n_ctx=4096))\n"
        "    async for _ in engine.stream(Generate('1', (Segment('Once upon a time'),), max_tokens=3000)):\n"
        "        print(engine.pid, flush=True)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(chat_file), stdout=subprocess.PIPE, env=clean_environment()
    )
    child = int(await parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    parent.kill()
    await parent.communicate()
    await wait_until_gone(child)


@pytest.mark.model
async def test_the_childs_surroundings_hold_no_setting(chat_file, monkeypatch):
    monkeypatch.setenv("THREADLORE_SLACK__BOT_TOKEN", "xoxb-secret")
    monkeypatch.setenv("DATABASE_URL", "secret")
    engine = Engine(ModelSpec(str(chat_file), n_ctx=256))
    try:
        await engine.start()
        names = {entry.split(b"=")[0] for entry in Path(f"/proc/{engine.pid}/environ").read_bytes().split(b"\0")}
    finally:
        await engine.close()
    assert names <= {
        b"",
        b"PATH",
        b"LANG",
        b"LD_LIBRARY_PATH",
        b"CUDA_VISIBLE_DEVICES",
        b"PYTHONPATH",
        b"GOMP_SPINCOUNT",
    }


@pytest.mark.model
async def test_interrupts_of_the_terminal_are_the_parents_business(engine):
    await engine.start()
    pid = engine.pid
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    assert (await collect(engine, tell(engine, max_tokens=2)))[1].new_tokens == 2
    assert engine.pid == pid


@pytest.mark.model
async def test_a_truncated_model_is_a_dependency_that_is_down(chat_file, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(chat_file.read_bytes()[:1_000_000])
    engine = Engine(ModelSpec(str(broken)))
    with pytest.raises(DependencyDown, match=r"broken\.gguf"):
        await engine.start()
    await engine.close()


@pytest.mark.model
async def test_after_closing_requests_fail_at_once(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=256))
    await engine.start()
    pid = engine.pid
    await engine.close()
    await wait_until_gone(pid)
    with pytest.raises(ModelUnavailable):
        await engine.count(["a"])


async def test_a_missing_file_is_a_wrong_setting(tmp_path):
    engine = Engine(ModelSpec(str(tmp_path / "absent.gguf")))
    with pytest.raises(BadConfiguration, match=r"absent\.gguf; set THREADLORE_MODEL__PATH"):
        await engine.start()


@pytest.mark.parametrize("content", [b"", b"GG", b"#!/bin/sh\necho hello\n", b"GGUF\x63\0\0\0"])
async def test_what_is_no_gguf_is_a_wrong_setting(tmp_path, content):
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(BadConfiguration, match=r"model\.bin"):
        await Engine(ModelSpec(str(path))).start()


def test_the_parent_loads_no_llama_and_the_child_no_settings():
    parent = "import bot.generation.chat_model, bot.generation.embedder, bot.generation.engine, bot.generation.remote, "
    parent += "bot.generation.model_files"
    child = "import bot.generation.worker, bot.generation.runner, bot.generation.steps"
    assert "llama_cpp" not in imported(parent)
    assert not {"bot.config", "bot.errors", "knowledge", "adapters", "psycopg", "redis"} & imported(child)


def imported(statement):
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(bot.__file__).parent.parent,
        env=clean_environment(),
    )
    return set(done.stdout.split())


async def assert_idle(engine):
    """The child evaluates nothing more. A count is answered between two steps: the cancel was heard before it."""
    await engine.count(["a"])
    used = cpu_seconds(engine.pid)
    await asyncio.sleep(0.5)
    assert cpu_seconds(engine.pid) - used < 0.1


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_llama_cpp_may_speak_after_the_log_of_a_model_is_gone():
    """It crashed a process that opened a model, forgot it and opened another one by other means."""
    script = (
        "import gc, llama_cpp\n"
        "from bot.generation.load_log import LoadLog\n"
        "LoadLog(); gc.collect(); spare = [bytes(64) for _ in range(10000)]\n"
        "llama_cpp.llama_model_load_from_file(b'/nowhere', llama_cpp.llama_model_default_params())\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0


# ---- several at once ----------------------------------------------------------------------------


@pytest.fixture
async def busy(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=512, parallel=4))
    yield engine
    await engine.close()


SHORT = ["Name a colour.", "What is the capital of Peru?", "Say something in Chinese.", "Count to five.", "Name a sea."]


@pytest.mark.model
async def test_several_are_answered_at_once_and_a_late_one_joins_them(busy):
    order = []

    async def told(question, after):
        await asyncio.sleep(after)
        _, end = await collect(busy, asking(busy, question, max_tokens=40))
        order.append(question)
        return end

    await busy.start()
    long = asyncio.create_task(collect(busy, tell(busy, max_tokens=400)))
    ends = await asyncio.gather(*(told(question, 0.3 * place) for place, question in enumerate(SHORT)))
    assert not long.done()
    assert all(end.reason in {"stop", "length"} for end in ends)
    long.cancel()
    assert busy.report.parallel == 4


@pytest.mark.model
async def test_a_common_room_too_small_for_all_cuts_no_answer_short(chat_file):
    roomy = Engine(ModelSpec(str(chat_file), n_ctx=256, parallel=1))
    small = Engine(ModelSpec(str(chat_file), n_ctx=256, parallel=4, cells=256))
    try:
        for engine in (roomy, small):
            answers = await asyncio.gather(*(collect(engine, asking(engine, one, max_tokens=70)) for one in SHORT))
            if engine is roomy:
                quiet = answers
    finally:
        await roomy.close()
        await small.close()
    # Several tokens in a step round otherwise than one: soon another word may be likelier. See test_engine_equality.
    pairs = zip(answers, quiet, strict=True)
    assert sum(text[:8] == other[:8] for (text, _), (other, _) in pairs) >= len(SHORT) - 2
    assert all(text and end.reason in {"stop", "length"} for text, end in answers)
    assert [end.prompt_tokens for _, end in answers] == [end.prompt_tokens for _, end in quiet]


@pytest.mark.model
async def test_each_is_sampled_as_it_asks(busy):
    def ask(**options):
        return collect(busy, asking(busy, "Invent a name for a boat.", max_tokens=8, **options))

    plain, drawn, again, grammar, banned, wrong = await asyncio.gather(
        ask(),
        ask(temperature=1.5, seed=7, top_k=40, min_p=0.01, top_p=0.98),
        ask(temperature=1.5, seed=7, top_k=40, min_p=0.01, top_p=0.98),
        ask(grammar='root ::= ("yes" | "no")'),
        ask(logit_bias=((10**7, 1.0), (28, -100.0)), repeat_penalty=1.3, presence_penalty=0.5),
        ask(grammar="root ::= ("),
        return_exceptions=True,
    )
    assert drawn[0] == again[0] != plain[0]
    assert grammar[0] in {"yes", "no"}
    assert banned[1].new_tokens > 0
    assert isinstance(wrong, ModelUnavailable)
    assert (await ask())[0] == plain[0]


@pytest.mark.model
async def test_no_tokens_wanted_is_an_empty_answer(busy):
    text, end = await collect(busy, asking(busy, "Name a sea.", max_tokens=0))
    assert (text, end.reason, end.new_tokens) == ("", "length", 0)


@pytest.mark.model
async def test_one_of_several_is_cancelled_and_the_others_go_on(busy):
    await busy.start()
    others = [asyncio.create_task(collect(busy, asking(busy, one, max_tokens=30))) for one in SHORT[:2]]
    async with aclosing(busy.stream(tell(busy, max_tokens=300))) as events:
        async for _ in events:
            break
    for text, end in await asyncio.gather(*others):
        assert text
        assert end.reason in {"stop", "length"}
    await assert_idle(busy)
