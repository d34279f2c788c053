"""A model that crashes, hangs, or has no memory left takes nobody with it, and no prompt does it to it three times."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest

from bot.chain import QUARANTINED
from bot.config import Settings
from bot.conversation import Answer, Fragment, Outcome
from bot.errors import DependencyDown, ModelUnavailable, PromptQuarantined, QuestionTooLong
from bot.generation.chat_model import LlamaChatModel
from bot.generation.child import clean_environment
from bot.generation.engine import Engine
from bot.generation.failures import TRIES, Restarts
from bot.generation.sequence import Finished, Generate, ModelSpec, Piece, Segment
from bot.generation.templates import ChatTurn, render
from bot.models import ChatModel
from bot.questions import question
from bot.web import web_server
from bot.wiring import open_app
from knowledge.scope import Audience
from tests.chaos.conftest import STUB
from tests.fakes.memory import FakeMemory
from tests.fakes.models import WordEmbedding
from tests.talk import described, said

WHOLE = "The tide table is in the harbour office."
SIGNALS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL)


def asking(engine, words, **options):
    return Generate(engine.new_request_id(), (Segment(words),), **{"max_tokens": 64, **options})


async def told(engine, words, **options):
    """What was streamed, and how it ended: the last event, or the error."""
    text = ""
    try:
        async for event in engine.stream(asking(engine, words, **options)):
            if isinstance(event, Piece):
                text += event.text
            else:
                return text, event
    except ModelUnavailable as error:
        return text, error


# ---- a prompt that kills ------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["!", "@"], ids=["at once", "in the middle of its answer"])
@pytest.mark.parametrize("death", ["SEGV", "ABRT", "KILL"])
async def test_a_prompt_that_kills_is_tried_twice_and_never_again(stub, death, moment):
    engine = stub.engine()
    for _ in range(3):
        text, end = await told(engine, f"POISON {death}{moment}")
        assert isinstance(end, PromptQuarantined)
        assert text in {"", "The tide table is "}
    assert stub.asked("POISON") == TRIES
    assert engine.quarantined == 1
    assert (await told(engine, "Where is it?"))[0] == WHOLE


class Endless(Engine):
    """The mutant: whoever asks is asked for again and again."""

    def _blame(self, work, death, deaths):
        pass


async def test_the_count_of_tries_notices_an_endless_retry(stub):
    await told(stub.engine(make=Endless, restarts=Restarts(most=4)), "POISON SEGV!")
    assert stub.asked("POISON") > TRIES


async def test_who_waited_behind_a_prompt_that_kills_is_answered(stub):
    engine = stub.engine()
    await engine.start()
    poison, *others = await asyncio.gather(
        told(engine, "POISON SEGV!"), *(told(engine, f"question {number}") for number in range(5))
    )
    assert isinstance(poison[1], PromptQuarantined)
    assert [text for text, _ in others] == [WHOLE] * 5
    assert engine.quarantined == 1


async def test_an_answer_that_broke_off_goes_on_behind_its_last_word(stub):
    engine = stub.engine()
    pieces = []
    async with aclosing(engine.stream(asking(engine, "SLOW words"))) as events:
        async for event in events:
            if isinstance(event, Piece):
                pieces.append(event.text)
            if len(pieces) == 2 and engine.restarts == 0:
                os.kill(engine.pid, signal.SIGKILL)
    assert "".join(pieces) == WHOLE
    assert isinstance(event, Finished)


async def test_after_too_many_deaths_nothing_is_started_for_a_while_and_then_again(stub):
    engine = stub.engine(restarts=Restarts(most=3, within_seconds=6.0))
    for number in range(2):
        await told(engine, f"POISON {number} SEGV!")
    text, end = await told(engine, "Where is it?")
    assert (text, type(end)) == ("", ModelUnavailable)
    assert engine.trouble == "restarts_used_up"
    assert len(stub.loads()) == 1 + 3
    async with asyncio.timeout(30):
        while (await told(engine, "Where is it?"))[0] != WHOLE:
            await asyncio.sleep(0.2)
    assert engine.trouble == ""


# ---- a child that hangs, or has no memory -------------------------------------------------------


async def test_a_child_that_says_nothing_is_ended_and_replaced(stub):
    engine = stub.engine(silence_seconds=1.0)
    await engine.start()
    begun = time.monotonic()
    text, end = await told(engine, "POISON HANG@")
    assert isinstance(end, PromptQuarantined)
    assert text == "The tide table is "
    assert time.monotonic() - begun < 20
    async with asyncio.timeout(20):
        while any(is_alive(int(line.split()[0])) for line in stub.lines):
            await asyncio.sleep(0.05)
    assert (await told(engine, "Where is it?"))[0] == WHOLE


async def test_a_bot_that_waits_for_ever_would_be_noticed(stub):
    engine = stub.engine(silence_seconds=1000.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await told(engine, "POISON HANG!")


def is_alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except FileNotFoundError:
        return False


async def test_after_want_of_memory_the_next_child_has_half_the_context(stub):
    engine = stub.engine()
    assert isinstance((await told(engine, "POISON MEMORY!"))[1], PromptQuarantined)
    assert stub.loads() == ["layers=0 context=4096", "layers=0 context=2048"]
    assert (await told(engine, "Where is it?"))[0] == WHOLE
    with pytest.raises(QuestionTooLong):
        await told(engine, "word " * 3000)


@pytest.mark.model
async def test_a_model_that_does_not_fit_into_memory_leaves_the_bot_running(chat_file):
    limited = (
        "import resource, runpy\n"
        "resource.setrlimit(resource.RLIMIT_AS, (150_000_000, 150_000_000))\n"
        "runpy.run_module('bot.generation.worker', run_name='__main__')\n"
    )
    engine = Engine(ModelSpec(str(chat_file), gpu_layers=0), command=(sys.executable, "-c", limited))
    try:
        text, end = await told(engine, "Where is it?")
        assert (text, type(end)) == ("", ModelUnavailable)
        assert engine.trouble == "not_loaded"
        with pytest.raises(DependencyDown, match="fits into memory"):
            await engine.start()
    finally:
        await engine.close()


# ---- fewer layers on a GPU ----------------------------------------------------------------------


@pytest.mark.parametrize(("room", "tried"), [(24, [-1, 24]), (12, [-1, 24, 12]), (0, [-1, 24, 12, 0])])
async def test_a_model_that_does_not_fit_on_the_gpu_is_put_there_in_part_or_not_at_all(stub, room, tried):
    engine = stub.engine(gpu_layers=-1, most_gpu_layers=room)
    loaded = await engine.start()
    assert (loaded.offloaded_layers, loaded.requested_gpu_layers) == (room, -1)
    os.kill(engine.pid, signal.SIGABRT)
    assert (await told(engine, "Where is it?"))[0] == WHOLE
    assert [int(line.split()[0].removeprefix("layers=")) for line in stub.loads()] == [*tried, room]


async def test_a_file_that_no_number_of_layers_helps_is_loaded_once(stub):
    engine = stub.engine(gpu_layers=8, most_gpu_layers=-1)
    with pytest.raises(DependencyDown, match="There is no such model"):
        await engine.start()
    assert len(stub.loads()) == 1


# ---- the real model, killed in the middle of its work -------------------------------------------


@pytest.mark.model
async def test_a_real_model_killed_again_and_again_takes_no_answer_with_it(chat_file, size, report):
    kills = size(3, 50)
    engine = Engine(ModelSpec(str(chat_file), n_ctx=2048, gpu_layers=0), restarts=Restarts(most=2 * kills))
    chance, beats = random.Random(17), asyncio.create_task(heartbeat())
    back, asked, answered, killed = [], 0, 0, 0
    try:
        begun = time.monotonic()
        await engine.start()
        load_seconds = time.monotonic() - begun
        while killed < kills:
            asked += 1
            prompt = render([ChatTurn("user", f"Tell the long story of boat number {asked}.")], "chatml")
            request = Generate(engine.new_request_id(), prompt, max_tokens=40)
            kill_at, pieces, victim, killed_at = chance.randint(1, 8), 0, None, 0.0
            async for event in engine.stream(request):
                pieces += isinstance(event, Piece)
                if victim is not None and engine.pid not in {victim, None}:  # before: what it had written already
                    back.append(time.monotonic() - killed_at)
                    victim = None
                if pieces == kill_at and not killed_at:
                    victim, killed_at = engine.pid, time.monotonic()
                    os.kill(victim, SIGNALS[killed % 3])
                    killed += 1
            answered += isinstance(event, Finished) and event.new_tokens <= 40
        await engine.start()
        report(
            "real model killed",
            kills=kills,
            asked=asked,
            answered=answered,
            went_on=len(back),
            load_s=round(load_seconds, 2),
            slowest_back_s=round(max(back), 2),
            longest_missed_beat_s=round(await ended(beats), 2),
        )
        assert answered == asked
        assert engine.restarts == kills
        assert engine.quarantined == 0
    finally:
        beats.cancel()
        await engine.close()


async def heartbeat():
    """Beats 20 times a second until it is told to stop; returns the longest gap."""
    longest, last = 0.0, time.monotonic()
    try:
        while True:
            await asyncio.sleep(0.05)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
    except asyncio.CancelledError:
        return longest


async def ended(beats):
    beats.cancel()
    return await beats


# ---- the whole bot -------------------------------------------------------------------------------

APPLICATION = """
import asyncio, sys
from pathlib import Path
from bot.errors import ModelUnavailable
from bot.generation.engine import Engine
from bot.generation.sequence import Generate, ModelSpec, Segment

async def in_a_child():
    engine = Engine(ModelSpec(sys.argv[3], gpu_layers=0), command=(sys.executable, sys.argv[1], sys.argv[2], "0"))
    try:
        async for _ in engine.stream(Generate("1", (Segment("POISON SEGV!"),))):
            pass
    except ModelUnavailable:
        print("told")
    await engine.close()

async def in_this_process():
    import os, signal
    os.kill(os.getpid(), signal.SIGSEGV)

asyncio.run({"child": in_a_child, "inside": in_this_process}[sys.argv[4]]())
print("up")
"""


@pytest.mark.parametrize(("place", "said_last"), [("child", "told\nup\n"), ("inside", "")], ids=["child", "mutant"])
def test_a_crash_of_the_model_ends_only_the_mutant_that_keeps_it_inside(tmp_path, place, said_last):
    model = tmp_path / "stub.gguf"
    model.write_bytes(b"GGUF\3\0\0\0")
    program = [sys.executable, "-c", APPLICATION, str(STUB), str(tmp_path / "journal"), str(model), place]
    done = subprocess.run(program, capture_output=True, text=True, env=clean_environment(), timeout=60, check=False)
    assert done.stdout.endswith(said_last)
    assert (done.returncode == 0) == (place == "child")


@pytest.fixture
async def house(stub, database_url, servers):
    """The application over a stub of a chat model that is large enough to be believed."""
    engine = stub.engine(restarts=Restarts(most=3, within_seconds=60))
    chat = ChatModel(LlamaChatModel(engine=engine, max_tokens=32), "stub", engine.count, engine, 1000, 32)
    settings = Settings(
        _env_file=None,
        database={"url": database_url},
        redis={"url": servers[1]},
        answer={"decline_below": 0.3, "warn_below": 0.5},
    )
    async with open_app(settings, model=chat, embedder=WordEmbedding(), memory=FakeMemory()) as app:
        await app.access.record_channels([described("general")])
        await app.archive.record(
            [
                said("1", "The tide table hangs in the harbour office", who="tamarind"),
                said("2", "The winch broke, see SEGV! in its manual", minute=600, who="quince"),
                said("3", "The ladder broke, see ABRT@ in its manual", minute=1200, who="quince"),
            ]
        )
        await app.indexer.drain()
        yield app


async def ask(app, text):
    shown, answers = "", []
    async for event in app.assistant.answer(question(text, None, Audience(), "")):
        if isinstance(event, Fragment):
            shown += event.text
        elif isinstance(event, Answer):
            answers.append(event)
    (answer,) = answers
    return shown, answer


async def test_who_asks_what_the_model_dies_of_is_shown_the_messages_and_told_so(house, stub):
    for _ in range(2):
        _, answer = await ask(house, "Which winch broke?")
        assert answer.text.startswith(QUARANTINED)
        assert answer.outcome is Outcome.ANSWERED_WITH_WARNING
        assert "2" in {citation.line.ref.message_id for citation in answer.citations}
    assert stub.asked("SEGV!", "Generate") == TRIES


async def test_a_bot_whose_model_is_given_up_for_now_is_ready_and_says_that_it_is_degraded(house):
    async with web_server("127.0.0.1", 0, [], house.admin, house.health) as port, aiohttp.ClientSession() as client:

        async def read(path):
            async with client.get(f"http://127.0.0.1:{port}/{path}") as answer:
                return answer.status, await answer.text()

        assert '"degraded"' not in (await read("readyz"))[1]
        for broken in ("winch", "ladder"):
            await ask(house, f"Which {broken} broke?")
        _, answer = await ask(house, "Where does the tide table hang?")
        assert answer.text.startswith("The language model is not available right now.")
        assert answer.citations[0].line.ref.message_id == "1"
        status, text = await read("readyz")
        assert (status, '"degraded": {"chat_model": "restarts_used_up"}' in text) == (200, True)
        metrics = (await read("metrics"))[1]
        assert 'threadlore_model_up{part="chat_model"} 0.0' in metrics
        assert 'threadlore_model_restarts{part="chat_model"} 3.0' in metrics
        assert 'threadlore_prompts_quarantined{part="chat_model"} 2.0' in metrics
