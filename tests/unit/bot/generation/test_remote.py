"""Remote models, against a local server that speaks the OpenAI protocol."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.errors import ModelUnavailable
from bot.generation.remote import RemoteEmbedder
from bot.generation.remote_chat import remote_chat_model
from knowledge.errors import EmbeddingUnavailable

WORDS = ("We ", "chose ", "Postgres.")


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        if self.server.broken or asked["model"] in self.server.unknown:
            self.reply({"error": {"message": "no such model"}}, status=404)
        elif self.path.endswith("/embeddings"):
            vectors = [
                {"object": "embedding", "index": at, "embedding": [3.0, 4.0, 0.0]} for at in range(len(asked["input"]))
            ]
            self.reply(
                {"object": "list", "model": "m", "data": vectors, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
            )
        elif asked.get("stream"):
            self.stream()
        else:
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.reply(
                {
                    "id": "1",
                    "object": "chat.completion",
                    "created": 1,
                    "model": "m",
                    "choices": [choice],
                    "usage": self.usage,
                }
            )

    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}  # noqa: RUF012

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        base = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        for word in WORDS:
            self.event({**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": word}}]})
        self.event({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self.event({**base, "choices": [], "usage": self.usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, document):
        self.wfile.write(f"data: {json.dumps(document)}\n\n".encode())

    def reply(self, document, status=200):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.asked, server.broken, server.unknown = [], False, set()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(server):
    return f"http://127.0.0.1:{server.server_address[1]}/v1"


async def test_an_answer_is_streamed_with_tokens_and_times(server, url):
    chunks = [chunk async for chunk in remote_chat_model(url, "m").astream("why?", stop=["END"])]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.text == "We chose Postgres."
    assert len([chunk for chunk in chunks if chunk.text]) == 3
    assert (whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"]) == (11, 3)
    assert whole.response_metadata["prefill_ms"] > 0
    assert whole.response_metadata["generation_ms"] >= 0
    assert server.asked[0]["stop"] == ["END"]
    assert server.asked[0]["model"] == "m"


async def test_an_adapter_is_a_model_of_the_server_and_one_that_is_none_leaves_the_model_alone(server, url):
    model = remote_chat_model(url, "m", adapters=("cellar",))
    for lora in ("cellar", "barn", ""):
        named = [
            chunk.response_metadata["model_name"]
            async for chunk in model.astream("why?", lora=lora)
            if "model_name" in chunk.response_metadata
        ]
        assert set(named) == {"m+cellar" if lora == "cellar" else "m"}
        await model.ainvoke("why?", lora=lora)
    assert [asked["model"] for asked in server.asked] == ["cellar", "cellar", "m", "m", "m", "m"]


async def test_an_adapter_that_the_server_does_not_know_any_more_leaves_the_model_alone(server, url):
    server.unknown.add("cellar")
    chunks = [chunk async for chunk in remote_chat_model(url, "m", adapters=("cellar",)).astream("why?", lora="cellar")]
    assert "".join(chunk.text for chunk in chunks) == "We chose Postgres."
    assert [asked["model"] for asked in server.asked] == ["cellar", "m"]
    assert {name for chunk in chunks if (name := chunk.response_metadata.get("model_name"))} == {"m"}


async def test_an_answer_comes_whole(server, url):
    assert (await remote_chat_model(url, "m", api_key="k").ainvoke("why?")).text == "We chose Postgres."


async def test_what_the_server_cannot_do_is_model_unavailable(server, url):
    server.broken = True
    with pytest.raises(ModelUnavailable):
        await remote_chat_model(url, "m").ainvoke("why?")
    with pytest.raises(ModelUnavailable):
        [chunk async for chunk in remote_chat_model(url, "m").astream("why?")]
    with pytest.raises(EmbeddingUnavailable, match="m"):
        await RemoteEmbedder.open(url, "m")


async def test_no_server_is_model_unavailable():
    with pytest.raises(ModelUnavailable):
        await remote_chat_model("http://127.0.0.1:9/v1", "m").ainvoke("why?")


async def test_texts_are_embedded_with_their_prefix_at_length_one(server, url):
    embedder = await RemoteEmbedder.open(url, "intfloat/multilingual-e5-base")
    assert embedder.dimension == 3
    assert await embedder.embed_passages(["a", "b"]) == [[0.6, 0.8, 0.0]] * 2
    await embedder.embed_query("why?")
    assert [asked["input"] for asked in server.asked[1:]] == [["passage: a", "passage: b"], ["query: why?"]]
    assert await embedder.embed_passages([]) == []


async def test_a_given_dimension_is_not_asked_for(server, url):
    embedder = await RemoteEmbedder.open(url, "m", dimension=3, query_prefix="Q: ")
    assert server.asked == []
    await embedder.embed_query("x")
    assert server.asked[0]["input"] == ["Q: x"]
