"""LangChain's own standard tests on our chat model. It is asynchronous only; the synchronous ones are marked so."""

import asyncio

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from bot.generation.chat_model import LlamaChatModel
from bot.generation.engine import Engine
from bot.generation.model_files import default_chat_model
from bot.generation.remote_chat import RemoteChatModel, remote_chat_model
from bot.generation.sequence import ModelSpec
from tests.llama_server import KEY, LlamaServer


class Bridge:
    """A synchronous side, for the suite: each call has a model of its own, which `_with_own` opens and closes."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return asyncio.run(self._with_own(lambda model: model._agenerate(messages, stop, **kwargs)))

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        async def chunks(model):
            return [chunk async for chunk in model._astream(messages, stop, **kwargs)]

        yield from asyncio.run(self._with_own(chunks))


class BridgedModel(Bridge, LlamaChatModel):
    """Our model: each call has a child of its own."""

    async def _with_own(self, use):
        engine = Engine(self.engine.spec)
        try:
            return await use(self.model_copy(update={"engine": engine}))
        finally:
            await engine.close()


class TestUnits(ChatModelUnitTests):
    @property
    def chat_model_class(self):
        return LlamaChatModel

    @property
    def chat_model_params(self):
        return {"engine": Engine(ModelSpec("/nowhere/model.gguf"))}

    @property
    def has_tool_calling(self):
        return False

    @property
    def has_structured_output(self):
        return False


@pytest.fixture(scope="module")
def chat_file(tmp_path_factory):
    return default_chat_model(tmp_path_factory.mktemp("home"))


@pytest.mark.model
class TestRealModel(ChatModelIntegrationTests):
    @pytest.fixture(autouse=True)
    def _remember_file(self, chat_file):
        self.spec = ModelSpec(str(chat_file), n_ctx=1024)

    @pytest.fixture
    async def model(self, chat_file):
        engine = Engine(ModelSpec(str(chat_file), n_ctx=1024))
        yield BridgedModel(engine=engine, max_tokens=16)
        await engine.close()

    @property
    def chat_model_class(self):
        return BridgedModel

    @property
    def chat_model_params(self):
        return {"engine": Engine(self.spec), "max_tokens": 16}

    @property
    def has_tool_calling(self):
        return False

    @property
    def has_structured_output(self):
        return False


class BridgedRemote(Bridge, RemoteChatModel):
    """A model behind a URL: each call has connections of its own."""

    url: str

    async def _with_own(self, use):
        model = remote_chat_model(self.url, "small", api_key=KEY, max_tokens=self.max_tokens)
        try:
            return await use(model)
        finally:
            await model.close()


@pytest.fixture(scope="module")
def llama_server(chat_file, tmp_path_factory):
    one = LlamaServer(chat_file, tmp_path_factory.mktemp("server") / "log")
    yield one
    one.end()


@pytest.mark.model
class TestRealServer(ChatModelIntegrationTests):
    @pytest.fixture(autouse=True)
    def _remember_server(self, llama_server):
        self.url = llama_server.url

    @pytest.fixture
    async def model(self, llama_server):
        remote = remote_chat_model(llama_server.url, "small", api_key=KEY)
        yield BridgedRemote(inner=remote.inner, client=remote.client, max_tokens=16, url=llama_server.url)
        await remote.close()

    @property
    def chat_model_class(self):
        return BridgedRemote

    @property
    def chat_model_params(self):
        remote = remote_chat_model(self.url, "small", api_key=KEY)
        return {"inner": remote.inner, "client": remote.client, "max_tokens": 16, "url": self.url}

    @property
    def has_tool_calling(self):
        return False

    @property
    def has_structured_output(self):
        return False


@pytest.fixture
async def model(chat_file):
    engine = Engine(ModelSpec(str(chat_file), n_ctx=1024))
    yield LlamaChatModel(engine=engine, max_tokens=24)
    await engine.close()


@pytest.mark.model
async def test_an_answer_carries_its_tokens_and_times(model):
    messages = [SystemMessage("You are a helpful assistant."), HumanMessage("What is the capital of France?")]
    first = await model.ainvoke(messages)
    second = await model.ainvoke(messages)
    assert "Paris" in first.text
    assert first.usage_metadata["input_tokens"] > 10
    assert first.usage_metadata["input_token_details"]["cache_read"] == 0
    assert second.usage_metadata["input_token_details"]["cache_read"] > 5
    assert first.response_metadata["prefill_ms"] > 0
    assert first.response_metadata["finish_reason"] in {"stop", "length"}
    assert first.response_metadata["guessed_tokens"] >= first.response_metadata["right_tokens"] >= 0
    assert first.text == second.text


@pytest.mark.model
async def test_a_stream_ends_with_the_tokens(model):
    chunks = [chunk async for chunk in model.astream([HumanMessage("Hi"), AIMessage("Hello"), HumanMessage("How?")])]
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
    assert len([chunk for chunk in chunks if chunk.text]) > 1
    assert chunks[-1].usage_metadata["output_tokens"] > 0
    assert sum(chunk.usage_metadata is not None for chunk in chunks) == 1


@pytest.mark.model
async def test_a_stop_word_ends_the_answer(model):
    whole = (await model.ainvoke("Tell me about rivers.")).text
    stop = whole[len(whole) // 2 :][:4]
    assert (await model.ainvoke("Tell me about rivers.", stop=[stop])).text == whole[: whole.index(stop)]


@pytest.mark.model
async def test_tokens_are_counted_by_the_model(model):
    assert await model.count(["one two three", ""]) == [3, 0]


async def test_synchronous_use_says_what_to_do():
    model = LlamaChatModel(engine=Engine(ModelSpec("/nowhere/model.gguf")))
    with pytest.raises(NotImplementedError, match="ainvoke"):
        model.invoke("hi")
    with pytest.raises(NotImplementedError, match="count"):
        model.get_num_tokens("hi")
