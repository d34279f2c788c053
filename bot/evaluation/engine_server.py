"""llama.cpp's own server as a second yardstick of `threadlore bench engine`: the same prompts, as many at once."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from bot.errors import DependencyDown
from bot.generation.child import clean_environment
from bot.generation.sequence import ModelSpec, Report, Segment

LOOPBACK = "127.0.0.1"
START_SECONDS = 120.0
POLL_SECONDS = 0.1
DATA = b"data: "


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """A running server. Ask it with `timed`."""

    session: aiohttp.ClientSession
    url: str

    async def tokens(self, prompt: Sequence[Segment]) -> list[int]:
        """A prompt as our engine reads it: control tokens come from control pieces only."""
        found: list[int] = []
        for segment in prompt:
            body = {"content": segment.text, "add_special": False, "parse_special": segment.control}
            async with self.session.post(f"{self.url}/tokenize", json=body) as reply:
                reply.raise_for_status()
                found += (await reply.json())["tokens"]
        return found

    async def timed(self, tokens: list[int], new_tokens: int) -> tuple[float, float, int]:
        """Seconds until the first token and until the last, and how many there were. No answer ends before."""
        clock = asyncio.get_running_loop().time
        body = {
            "prompt": tokens,
            "n_predict": new_tokens,
            "temperature": 0.0,
            "ignore_eos": True,
            "cache_prompt": True,
            "stream": True,
        }
        asked, first, written = clock(), 0.0, 0
        async with self.session.post(f"{self.url}/completion", json=body) as reply:
            reply.raise_for_status()
            async for line in reply.content:
                if line.startswith(DATA):
                    first = first or clock()
                    written = json.loads(line.removeprefix(DATA)).get("tokens_predicted") or written
        return first - asked, clock() - asked, written


@asynccontextmanager
async def llama_server(program: Path, spec: ModelSpec, report: Report, askers: int) -> AsyncIterator[LlamaServer]:
    """Starts the program with what our engine has: the model, the threads, a context for each asker. Ends it.

    Errors: `DependencyDown`.
    """
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    options: dict[str, Any] = {
        "--model": spec.path,
        "--host": LOOPBACK,
        "--port": port,
        "--parallel": askers,
        "--ctx-size": askers * spec.n_ctx,
        "--threads": report.writing_threads if askers == 1 else report.threads,
        "--threads-batch": report.threads,
        "--gpu-layers": report.offloaded_layers,
    }
    words = (str(word) for option in options.items() for word in option)
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *words,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=clean_environment(),
        )
    except OSError as error:
        raise DependencyDown(
            f"{program} cannot be started ({error.strerror}): name llama.cpp's llama-server."
        ) from error
    try:
        # A connection for each request: the server closes those that it kept, and the next request would be lost.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
            server = LlamaServer(session, f"http://{LOOPBACK}:{port}")
            await _ready(server, process)
            yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ready(server: LlamaServer, process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                try:
                    async with server.session.get(f"{server.url}/health") as reply:
                        if reply.status == HTTPStatus.OK:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise DependencyDown(f"llama.cpp's server was not ready within {START_SECONDS:.0f} seconds.") from error
    raise DependencyDown(f"llama.cpp's server ended at its start (exit code {process.returncode}).")
