"""A model behind a URL, with llama-cpp-python's own server behind it, on the small model."""

import asyncio
import os
import signal
from contextlib import aclosing

import pytest

from bot.errors import ModelUnavailable
from bot.generation import remote_chat, server_faults
from bot.generation.model_files import default_chat_model
from bot.generation.remote_chat import remote_chat_model
from tests.llama_server import KEY, LlamaServer

pytestmark = pytest.mark.model
FREE_AGAIN = "Disconnected from client"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    one = LlamaServer(default_chat_model(folder), folder / "log")
    yield one
    one.end()


@pytest.fixture
async def opened(server):
    models = []

    def open_model(**options):
        models.append(remote_chat_model(server.url, "small", **{"api_key": KEY, "max_tokens": 16, **options}))
        return models[-1]

    yield open_model
    for model in models:
        await model.close()


async def until_printed(server, words, times):
    async with asyncio.timeout(60):
        while server.printed.count(words) < times:
            await asyncio.sleep(0.05)


async def test_an_answer_is_streamed_no_longer_than_it_may_be(opened):
    model = opened(max_tokens=8)
    chunks = [chunk async for chunk in model.astream("Tell me a long story.")]
    assert 4 < len([chunk for chunk in chunks if chunk.text]) <= 8
    assert chunks[-1].response_metadata["prefill_ms"] > 0
    assert any(chunk.response_metadata.get("finish_reason") == "length" for chunk in chunks)
    assert sum(chunk.usage_metadata is not None for chunk in chunks) == 1
    assert len([chunk async for chunk in model.astream("Tell me a long story.", max_tokens=2) if chunk.text]) <= 2


async def test_stop_words_temperature_and_seed_reach_it(opened):
    model = opened()
    whole = (await model.ainvoke("Tell me about rivers.")).text
    stop = whole[len(whole) // 2 :][:4]
    assert (await model.ainvoke("Tell me about rivers.", stop=[stop])).text == whole[: whole.index(stop)]
    drawn = [(await model.ainvoke("Tell me of rivers.", temperature=1.5, seed=seed)).text for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


async def test_closing_the_stream_ends_its_work(server, opened):
    model, before = opened(), server.printed.count(FREE_AGAIN)
    async with aclosing(model.astream("Tell a very long story about the sea.", max_tokens=900)) as chunks:
        async for chunk in chunks:
            if chunk.text:
                break
    await until_printed(server, FREE_AGAIN, before + 1)
    assert (await model.ainvoke("Say yes.", max_tokens=1)).response_metadata["finish_reason"] == "length"


async def test_several_are_answered_one_after_another_and_none_is_cut_short(opened):
    model = opened(parallel=3, max_tokens=4)
    answers = await asyncio.gather(*(model.ainvoke(f"Count to {number}.") for number in (3, 5, 7)))
    assert all(answer.text and answer.response_metadata["finish_reason"] for answer in answers)


async def test_a_server_that_is_frozen_in_the_middle_is_left_and_serves_again_when_it_wakes(server, opened):
    before, text = server.printed.count(FREE_AGAIN), ""

    async def read():
        nonlocal text
        async for chunk in opened(silence_seconds=0.5).astream("Tell a long story of a ferry.", max_tokens=200):
            if chunk.text and not text:
                os.kill(server.process.pid, signal.SIGSTOP)
            text += chunk.text

    try:
        with pytest.raises(ModelUnavailable, match=server_faults.LATE):
            await read()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert text
    await until_printed(server, FREE_AGAIN, before + 1)
    assert (await opened().ainvoke("Say yes.", max_tokens=2)).text


@pytest.mark.parametrize(
    ("options", "prompt", "sentence"),
    [({"api_key": "wrong"}, "Hi", server_faults.KEY), ({}, "word " * 1500, server_faults.NOTHING)],
    ids=["key", "too long"],
)
async def test_what_it_refuses_is_one_sentence(opened, monkeypatch, options, prompt, sentence):
    monkeypatch.setattr(remote_chat, "PAUSE_SECONDS", 0.01)
    with pytest.raises(ModelUnavailable) as refused:
        await opened(**options).ainvoke(prompt)
    assert str(refused.value) == sentence
