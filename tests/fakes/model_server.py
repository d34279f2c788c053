"""A server that speaks the OpenAI protocol and does to each request what its script says; faults at will."""

import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress

from aiohttp import ClientConnectionResetError, web

USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
WORDS = ("We ", "chose ", "Postgres.")


class ModelServer:
    """`script`: what is done to the requests, in order; the last of it to all that follow.

    `asked` are the bodies that came, `at` when; `under_way` and `most_under_way` count requests, `sent` pieces.
    """

    def __init__(self):
        self.script = [speak()]
        self.asked, self.at, self.keys = [], [], []
        self.under_way = self.most_under_way = self.sent = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.url = ""

    async def answer(self, request):
        place = len(self.asked)
        self.asked.append(await request.json())
        self.at.append(time.monotonic())
        self.keys.append(request.headers.get("Authorization", ""))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.idle.clear()
        try:
            return await self.script[min(place, len(self.script) - 1)](self, request)
        finally:
            self.under_way -= 1
            if not self.under_way:
                self.idle.set()


@asynccontextmanager
async def model_server():
    """One that runs for the block."""
    server = ModelServer()
    app = web.Application()
    app.router.add_post("/v1/{kind:.*}", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


# ---- what may be done to a request ---------------------------------------------------------------


def speak(words=WORDS, *, end="stop", usage=USAGE, pause=0.0, done=True):
    """Streams these words. `end` "": the answer is never said to be finished."""

    async def behave(server, request):
        answer = await _opened(request)
        await send(answer, delta={"role": "assistant", "content": ""})
        for word in words:
            await asyncio.sleep(pause)
            await send(answer, delta={"content": word})
            server.sent += 1
        if end:
            await send(answer, delta={}, finish_reason=end)
        if usage:
            await event(answer, {**BASE, "choices": [], "usage": usage})
        if done:
            await answer.write(b"data: [DONE]\n\n")
        return answer

    return behave


def speak_for_ever(pause=0.01, piece="word "):
    def words():
        while True:
            yield piece

    async def behave(server, request):
        with suppress(ClientConnectionResetError):
            return await speak(words(), pause=pause)(server, request)

    return behave


def break_off(words=()):
    """Streams these words and tears the connection down."""

    async def behave(server, request):
        await speak(words, end="", usage=None, done=False)(server, request)
        request.transport.abort()
        await asyncio.sleep(3600)

    return behave


def say_nothing(words=None):
    """Accepts the request; after these words, if any, nothing more comes."""

    async def behave(server, request):
        if words is not None:
            await speak(words, end="", usage=None, done=False)(server, request)
        await asyncio.sleep(3600)

    return behave


def refuse(status, words="no", **headers):
    async def behave(server, request):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"error": {"message": words}}, status=status, headers=named)

    return behave


def send_body(body, kind="text/event-stream"):
    async def behave(server, request):
        return web.Response(body=body, content_type=kind)

    return behave


def embed(vectors):
    async def behave(server, request):
        data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return web.json_response({"object": "list", "model": "m", "data": data, "usage": usage})

    return behave


BASE = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


async def _opened(request):
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    return answer


async def send(answer, **choice):
    await event(answer, {**BASE, "choices": [{"index": 0, **choice}]})


async def event(answer, document):
    await answer.write(f"data: {json.dumps(document)}\n\n".encode())
