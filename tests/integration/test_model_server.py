"""A model behind a URL, and every way in which its server can fail; the server is a stand-in that fails on demand."""

import asyncio
import time
from contextlib import AsyncExitStack, aclosing

import pytest

from bot.config import ModelSettings, Settings
from bot.errors import ModelUnavailable, QuestionTooLong
from bot.generation import remote_chat, server_faults
from bot.generation.remote import RemoteEmbedder
from bot.generation.remote_chat import RemoteChatModel, remote_chat_model
from bot.generation.server_faults import BrokeOff
from bot.wiring import chat_of
from knowledge.errors import EmbeddingUnavailable
from tests.fakes.model_server import (
    break_off,
    embed,
    model_server,
    refuse,
    say_nothing,
    send_body,
    speak,
    speak_for_ever,
)

KEY = "sk-very-secret"


@pytest.fixture
async def server():
    async with model_server() as one:
        yield one


@pytest.fixture
async def opened(server):
    models = []

    def open_model(**options):
        models.append(remote_chat_model(server.url, "m", **{"api_key": KEY, **options}))
        return models[-1]

    yield open_model
    for model in models:
        await model.close()


async def told(model, **options):
    """What was streamed, and the error that ended it, if any."""
    text = ""
    try:
        async with aclosing(model.astream("why?", **options)) as chunks:
            async for chunk in chunks:
                text += chunk.text
    except (ModelUnavailable, QuestionTooLong) as error:
        return text, error
    return text, None


# ---- what reaches the server, and what comes back -------------------------------------------------


async def test_what_was_chosen_reaches_the_server(server, opened):
    model = opened(temperature=0.5, max_tokens=77, seed=3)
    await model.ainvoke("why?", stop=["END"])
    await model.ainvoke("why?", max_tokens=9, seed=4)
    first, second = server.asked
    assert (first["temperature"], first["max_tokens"], first["seed"], first["stop"]) == (0.5, 77, 3, ["END"])
    assert (second["max_tokens"], second["seed"]) == (9, 4)
    assert "max_completion_tokens" not in {**first, **second}
    assert server.keys == [f"Bearer {KEY}"] * 2


async def test_an_answer_carries_what_the_server_counted_and_the_times(server, opened):
    answer = await opened().ainvoke("why?")
    assert answer.text == "We chose Postgres."
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (11, 3)
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.response_metadata["model_name"] == "m"
    assert answer.response_metadata["prefill_ms"] > 0
    assert "usage" not in answer.response_metadata


async def test_where_the_server_counts_nothing_the_count_is_an_estimate_and_says_so(server, opened):
    server.script = [speak(usage=None)]
    answer = await opened().ainvoke("why?")
    assert answer.usage_metadata["output_tokens"] == 3
    assert answer.usage_metadata["input_tokens"] > 0
    assert answer.response_metadata["usage"] == "estimated"


async def test_the_settings_reach_the_model_and_leaving_closes_its_connections(server):
    settings = ModelSettings(url=server.url, name="m", api_key=KEY, parallel=3, max_tokens=33, temperature=0.2)
    async with AsyncExitStack() as stack:
        chat = await chat_of(Settings(_env_file=None, model=settings), stack)
        assert (await chat.model.ainvoke("why?")).text == "We chose Postgres."
        assert chat.model.parallel == 3
    assert (server.asked[0]["max_tokens"], server.asked[0]["temperature"]) == (33, 0.2)
    assert server.keys == [f"Bearer {KEY}"]
    assert chat.model.client.is_closed


async def test_a_server_is_asked_four_questions_at_once_unless_a_setting_says_so(server):
    async with AsyncExitStack() as stack:
        chat = await chat_of(Settings(_env_file=None, model=ModelSettings(url=server.url, name="m")), stack)
        assert (chat.model.parallel, chat.at_once()) == (4, 4)


# ---- ending, and not too much at once -------------------------------------------------------------


@pytest.mark.parametrize("how", ["closed", "cancelled"])
async def test_the_server_stops_when_nobody_reads_the_answer_any_more(server, opened, how):
    server.script = [speak_for_ever()]
    model, begun = opened(), asyncio.Event()

    async def read():
        async with aclosing(model.astream("why?")) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    begun.set()
                    if how == "closed":
                        return

    task = asyncio.create_task(read())
    await begun.wait()
    if how == "cancelled":
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(2):
        await server.idle.wait()
    assert model._turns._value == 1


async def test_no_more_are_under_way_than_was_said(server, opened):
    server.script = [speak(pause=0.01)]
    model = opened(parallel=3)
    assert await asyncio.gather(*(told(model) for _ in range(12))) == [("We chose Postgres.", None)] * 12
    assert server.most_under_way == 3


async def test_a_slow_reader_holds_the_server_back(server, opened):
    server.script = [speak_for_ever(pause=0, piece="x" * 4096)]
    async with aclosing(opened(wall_seconds=600).astream("why?")) as chunks:
        await anext(chunks)
        before, sent = -1, 0
        while sent != before:  # it goes on until all buffers on the way are full
            assert sent < 16_000, "64 MB are in nobody's way"
            before = sent
            await asyncio.sleep(0.3)
            sent = server.sent
        for _ in range(sent + 100):
            await anext(chunks)
        assert server.sent > sent


# ---- trying again ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_is_asked_again_when_it_said(server, opened, status):
    server.script = [refuse(status, retry_after="1"), speak()]
    assert await told(opened()) == ("We chose Postgres.", None)
    assert 1.0 <= server.at[1] - server.at[0] < 3


async def test_a_server_that_stays_busy_is_left_alone(server, opened):
    server.script = [refuse(429, retry_after_ms="10")]
    text, error = await told(opened())
    assert (text, str(error), len(server.asked)) == ("", server_faults.BUSY, 3)


async def test_a_server_that_wants_a_longer_wait_than_an_asker_has_is_not_waited_for(server, opened):
    server.script = [refuse(429, retry_after="60"), speak()]
    begun = time.monotonic()
    text, error = await told(opened(wall_seconds=1))
    assert (text, str(error)) == ("", server_faults.LATE)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("broken", [break_off(), speak((), end="", usage=None)], ids=["torn", "ended"])
async def test_an_answer_that_breaks_off_before_its_first_word_is_asked_for_again(server, opened, broken, monkeypatch):
    monkeypatch.setattr(remote_chat, "PAUSE_SECONDS", 0.01)
    server.script = [broken, speak()]
    assert await told(opened()) == ("We chose Postgres.", None)
    assert len(server.asked) == 2


@pytest.mark.parametrize("broken", [break_off(["We "]), speak(["We "], end="", usage=None)], ids=["torn", "ended"])
async def test_an_answer_that_breaks_off_behind_its_first_word_is_not_begun_anew(server, opened, broken):
    server.script = [broken, speak()]
    text, error = await told(opened())
    assert text == "We "
    assert isinstance(error, BrokeOff)
    assert len(server.asked) == 1


class Trusting(RemoteChatModel):
    """The mutant: where the stream ends, the answer ends."""

    async def _one_try(self, messages, stop, options, heard):
        async for chunk in self.inner._astream(messages, stop=stop, **options):
            yield chunk


async def test_taking_half_an_answer_for_a_whole_one_would_be_noticed(server, opened):
    server.script = [speak(["We "], end="", usage=None)]
    assert await told(Trusting(inner=opened().inner)) == ("We ", None)


# ---- silence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [None, []], ids=["not even a status", "a status only"])
async def test_a_server_that_says_nothing_is_waited_for_so_long(server, opened, words):
    server.script = [say_nothing(words)]
    begun = time.monotonic()
    text, error = await told(opened(wall_seconds=0.5))
    assert (text, str(error)) == ("", server_faults.LATE)
    assert time.monotonic() - begun < 5
    async with asyncio.timeout(2):
        await server.idle.wait()


async def test_a_server_that_falls_silent_is_waited_for_less(server, opened):
    server.script = [say_nothing(["We "])]
    begun = time.monotonic()
    text, error = await told(opened(silence_seconds=0.3))
    assert (text, str(error)) == ("We ", server_faults.LATE)
    assert time.monotonic() - begun < 5


async def test_a_server_that_drips_has_no_more_time_than_one_that_is_silent(server, opened):
    server.script = [speak_for_ever(pause=0.05)]
    text, error = await told(opened(wall_seconds=0.6))
    assert text
    assert str(error) == server_faults.LATE


# ---- one sentence each -----------------------------------------------------------------------------

ERRORS = {
    "no such key": (refuse(401, f"bad key {KEY}"), server_faults.KEY),
    "no such model": (refuse(404, "the model m does not exist"), server_faults.NAME),
    "a request it does not take": (refuse(422), server_faults.REFUSED.format(status=422)),
    "an error of its own": (refuse(500, retry_after_ms="10"), server_faults.BROKEN.format(status=500)),
    "a page": (send_body(b"<html>Welcome</html>", "text/html"), server_faults.NOTHING),
    "no JSON": (send_body(b"data: {broken\n\n"), server_faults.UNREADABLE),
    "another document": (send_body(b'data: {"choices": [{"delta": 7}]}\n\n'), server_faults.UNREADABLE),
    "a list": (send_body(b"data: [1, 2]\n\n"), server_faults.UNREADABLE),
    "no text": (send_body(b"\xff\xfe\x00data: \xff\n\n"), server_faults.UNREADABLE),
    "no choices": (send_body(b'data: {"id": "1", "choices": []}\n\ndata: [DONE]\n\n'), server_faults.BROKE_OFF),
    "no choices at all": (send_body(b'data: {"id": "1", "choices": null}\n\n'), server_faults.BROKE_OFF),
    "an error in the stream": (send_body(b'data: {"error": {"message": "out"}}\n\n'), server_faults.BROKE_OFF),
}


@pytest.mark.parametrize("what", ERRORS)
async def test_whatever_a_server_sends_is_one_sentence_without_a_word_of_it(server, opened, what, monkeypatch, capsys):
    monkeypatch.setattr(remote_chat, "PAUSE_SECONDS", 0.01)
    behave, sentence = ERRORS[what]
    server.script = [behave]
    text, error = await told(opened())
    assert (text, str(error)) == ("", sentence)
    assert KEY not in "".join(capsys.readouterr())


async def test_a_server_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(remote_chat, "PAUSE_SECONDS", 0.01)
    assert str((await told(remote_chat_model("http://127.0.0.1:9/v1", "m")))[1]) == server_faults.AWAY


@pytest.mark.parametrize(
    "words",
    ["This model's maximum context length is 512 tokens.", "the request exceeds the available context size"],
)
async def test_a_prompt_that_is_too_long_for_the_server_is_shortened_like_any_other(server, opened, words):
    server.script = [refuse(400, words)]
    assert isinstance((await told(opened()))[1], QuestionTooLong)


# ---- embeddings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behave",
    [refuse(401), send_body(b"{", "application/json"), embed([]), embed([[]]), embed([[1.0], [1.0]]), embed([[1.0]])],
    ids=["key", "garbage", "none", "empty", "too many", "another length"],
)
async def test_what_is_no_vector_for_each_text_is_an_embedding_server_that_is_away(server, behave):
    server.script = [behave]
    embedder = await RemoteEmbedder.open(server.url, "m", dimension=3)
    with pytest.raises(EmbeddingUnavailable):
        await embedder.embed_query("why?")
    await embedder.close()
