"""The work of `threadlore bench engine`: many askers at our engine, and the same prompts one after another."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.errors import DependencyDown
from bot.evaluation.engine_prompts import prompts_of, static_of
from bot.evaluation.engine_server import LlamaServer, llama_server
from bot.generation.child import clean_environment
from bot.generation.engine import Engine
from bot.generation.sequence import Finished, Generate, ModelSpec, Piece, Report, Segment
from knowledge.evaluation.metrics import percentile

ROUNDS = 2
ROOM = 64
LINE_BYTES = 1 << 24

Prompts = Sequence[tuple[Segment, ...]]


@dataclass(frozen=True, slots=True)
class Timed:
    """One answer: seconds from the question to the first token and to the last."""

    first: float
    last: float
    new_tokens: int


async def measured(
    spec: ModelSpec,
    concurrencies: Sequence[int],
    prompt_tokens: int,
    new_tokens: int,
    on_progress: Callable[[], None],
    *,
    server: Path | None = None,
    trace: Path | None = None,
) -> dict[str, Any]:
    """The document of the command. Each of `concurrencies` askers asks twice, the second time when he has his answer.

    `server`: llama.cpp's own, to be asked the same. `trace`: a file that holds the steps of the last run when all is
    done.
    Errors: `StartupError`, `ModelUnavailable`.
    """
    spec = replace(spec, n_ctx=max(512, prompt_tokens + new_tokens + ROOM))
    runs, sizes = [], (0, 0)
    report: Report | None = None
    for askers in concurrencies:
        engine = Engine(replace(spec, parallel=askers, trace=str(trace or "")))
        try:
            report = await engine.start()
            prompts = await prompts_of(engine.count, report, ROUNDS * askers + 1, prompt_tokens)
            warmer = prompts.pop()
            sizes = await _warm(engine, warmer, static_of(report))
            if trace is not None:
                await asyncio.to_thread(trace.write_bytes, b"")  # asked to warm up, nobody saw it
            ours, ours_seconds = await _ours(engine, prompts, askers, new_tokens, static_of(report))
        finally:
            await engine.close()
        on_progress()
        async with _serial(spec, report) as ask:
            await ask([warmer], 2)
            times = await ask(prompts, new_tokens)
        serial = _asked_by(times, askers, new_tokens)
        on_progress()
        run = _compared(askers, _figures(ours, ours_seconds), _figures(serial, times[-1][1]))
        if server is not None:
            async with llama_server(server, spec, report, askers) as theirs:
                run |= _beside(run["ours"], await _theirs(theirs, [*prompts, warmer], askers, new_tokens))
            on_progress()
        runs.append(run)
    return {
        "runs": runs,
        "model": report.name or spec.path if report else spec.path,
        "threads": report.threads if report else 0,
        "prompt_tokens": sizes[0],
        "prefix_tokens": sizes[1],
        "new_tokens": new_tokens,
    }


async def _warm(engine: Engine, prompt: tuple[Segment, ...], static: int) -> tuple[int, int]:
    """Asks twice; returns how many tokens the prompt has, and how many of them were there already."""
    for _ in range(2):
        request = Generate(engine.new_request_id(), prompt, max_tokens=2, static_segments=static, goes_on=True)
        events = [event async for event in engine.stream(request)]
    end = events[-1]
    return (end.prompt_tokens, end.cached_tokens) if isinstance(end, Finished) else (0, 0)


async def _ours(
    engine: Engine, prompts: Prompts, askers: int, new_tokens: int, static: int
) -> tuple[list[Timed], float]:
    clock = asyncio.get_running_loop().time

    async def ask(prompt: tuple[Segment, ...]) -> Timed:
        request = Generate(engine.new_request_id(), prompt, max_tokens=new_tokens, static_segments=static, goes_on=True)
        asked, first, written = clock(), 0.0, 0
        async for event in engine.stream(request):
            if isinstance(event, Piece):
                first = first or clock()
            elif isinstance(event, Finished):
                written = event.new_tokens
        return Timed((first or clock()) - asked, clock() - asked, written)

    async def asker(place: int) -> list[Timed]:
        return [await ask(prompt) for prompt in prompts[place::askers]]

    began = clock()
    answers = await asyncio.gather(*(asker(place) for place in range(askers)))
    return [one for several in answers for one in several], clock() - began


async def _theirs(server: LlamaServer, prompts: Prompts, askers: int, new_tokens: int) -> dict[str, Any]:
    """What llama.cpp's own server makes of the same prompts, asked by as many; the last one only warms it."""
    tokens = [await server.tokens(prompt) for prompt in prompts]
    await server.timed(tokens.pop(), 2)

    async def asker(place: int) -> list[Timed]:
        return [Timed(*await server.timed(one, new_tokens)) for one in tokens[place::askers]]

    clock = asyncio.get_running_loop().time
    began = clock()
    answers = await asyncio.gather(*(asker(place) for place in range(askers)))
    return _figures([one for several in answers for one in several], clock() - began)


@asynccontextmanager
async def _serial(spec: ModelSpec, report: Report) -> AsyncIterator[Callable[[Prompts, int], Any]]:
    """The yardstick's process; it answers one list of prompts at a time."""
    numbers = (spec.n_ctx, report.threads, report.writing_threads, report.offloaded_layers)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "bot.generation.serial", spec.path, *map(str, numbers)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=clean_environment(),
        limit=LINE_BYTES,
    )

    async def heard() -> Any:
        line = await process.stdout.readline() if process.stdout is not None else b""
        if not line:
            raise DependencyDown("llama-cpp-python's high-level object ended in the middle of the measurement.")
        return json.loads(line)

    async def ask(prompts: Prompts, new_tokens: int) -> Any:
        plain = [[[one.text, one.control] for one in prompt] for prompt in prompts]
        if process.stdin is not None:
            process.stdin.write(json.dumps([plain, new_tokens]).encode() + b"\n")
        return await heard()

    try:
        await heard()
        yield ask
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _asked_by(times: Sequence[Sequence[Any]], askers: int, new_tokens: int) -> list[Timed]:
    """The same answers as those who asked saw them: at once in the first round, then when they had their answer."""
    asked = [0.0] * askers + [last for _, last, *_ in times]
    return [
        Timed(first - before, last - before, new_tokens)
        for (first, last, *_), before in zip(times, asked, strict=False)
    ]


def _figures(answers: Sequence[Timed], seconds: float) -> dict[str, Any]:
    firsts = [one.first * 1000 for one in answers]
    return {
        "tokens_per_s": round(sum(one.new_tokens for one in answers) / seconds, 2),
        "ttft_ms": {"p50": round(percentile(firsts, 0.5), 1), "p95": round(percentile(firsts, 0.95), 1)},
        "total_s": round(seconds, 2),
    }


def _beside(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    return {
        "server": theirs,
        "server_throughput_ratio": round(ours["tokens_per_s"] / theirs["tokens_per_s"], 3),
        "server_ttft_p95_ratio": round(ours["ttft_ms"]["p95"] / theirs["ttft_ms"]["p95"], 3),
    }


def _compared(askers: int, ours: dict[str, Any], serial: dict[str, Any]) -> dict[str, Any]:
    return {
        "concurrency": askers,
        "ours": ours,
        "serial": serial,
        "throughput_ratio": round(ours["tokens_per_s"] / serial["tokens_per_s"], 3),
        "ttft_p95_ratio": round(ours["ttft_ms"]["p95"] / serial["ttft_ms"]["p95"], 3),
    }
