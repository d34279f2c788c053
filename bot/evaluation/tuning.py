"""The work of `threadlore models tune`: measures values of the engine's settings on this machine, by turns."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

from bot.errors import BotError, DependencyDown, StartupError
from bot.evaluation.engine_prompts import prompts_of
from bot.evaluation.tuning_plan import Knob, Part, Sample, better, knobs, ratios_of
from bot.generation.engine import Engine
from bot.generation.sequence import Finished, Generate, ModelSpec, Report, Segment
from bot.tuned import Machine, Tuned, Values

# Of a larger model one copy at a time is loaded, however long that takes.
LARGEST_BESIDE_OTHERS = 500_000_000
FEWEST_TOKENS, SHORT_PROMPT = 64, 96
ROOM = 160
SAMPLE_SECONDS = 2.0
"""A slow model reads fewer tokens for a sample, so that it takes no longer."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to tune. `spec_of` makes the engine's specification of values; `fixed` are settings that somebody chose."""

    spec_of: Callable[[Values], ModelSpec]
    start: ModelSpec
    name: str
    machine: Machine
    built_in: bool
    fixed: frozenset[str] = frozenset()
    rounds: int = 3
    tokens: int = 512
    new_tokens: int = 32
    seconds: float = 120.0


@dataclass(slots=True)
class Result:
    """What was found, and the document of all that was measured."""

    tuned: Tuned
    document: dict[str, Any]


async def tune(order: Order, on_progress: Callable[[str, int, int], None]) -> Result:
    """Tries one thing after another, each with the values that the ones before it have led to.

    Errors: `StartupError`, `ModelUnavailable` when the model does not run with the values it has now.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    async with AsyncExitStack() as stack:
        lab = _Laboratory(order, stack)
        report, values = await lab.begin()
        tried: list[dict[str, Any]] = []
        plan = list(knobs(report, order.machine.cores, built_in=order.built_in))
        for place, knob in enumerate(plan):
            on_progress(knob.name, place, len(plan) + 1)
            if order.fixed & set(knob.settings):
                tried.append({"setting": knob.name, "note": "set by you", "values": []})
                continue
            if clock() - began > order.seconds:
                tried.append({"setting": knob.name, "note": "no time left", "values": []})
                continue
            values, entry = await _turned(lab, knob, values, began + order.seconds)
            tried.append(entry)
        on_progress("what was chosen", len(plan), len(plan) + 1)
        samples = [one for _ in range(order.rounds) if (one := await lab.sample(values, "both")) is not None]
        on_progress("done", len(plan) + 1, len(plan) + 1)
    if not samples:
        raise DependencyDown("The model does not answer with the values that were chosen; nothing was written.")
    tuned = Tuned(
        order.name,
        order.machine,
        values,
        round(median(one.reading for one in samples), 1),
        round(median(one.writing for one in samples), 1),
        datetime.now(UTC).date().isoformat(),
    )
    sizes = {"rounds": order.rounds, "prompt_tokens": lab.tokens, "new_tokens": order.new_tokens}
    return Result(tuned, {**asdict(tuned), **sizes, "seconds": round(clock() - began, 1), "tried": tried})


async def _turned(lab: "_Laboratory", knob: Knob, now: Values, until: float) -> tuple[Values, dict[str, Any]]:
    """The values after a knob was tried, and what its part of the document says. Each round begins with another one."""
    clock = asyncio.get_running_loop().time
    candidates = [now, *knob.candidates(now)]
    samples: dict[Values, list[Sample]] = {one: [] for one in candidates}
    for number in range(lab.order.rounds):
        if number and clock() > until:
            break
        turn = number % len(candidates)
        round_of = {one: await lab.sample(one, knob.part) for one in [*candidates[turn:], *candidates[:turn]]}
        for one, sample in round_of.items():
            if sample is not None:
                samples[one].append(sample)
    await lab.rest(now)
    whole = {one: kept for one, kept in samples.items() if len(kept) == len(samples[now]) and one != now}
    chosen = better(samples[now], whole) or now
    entry = {
        "setting": knob.name,
        "note": "",
        "values": [_row(one, knob, samples[one], samples[now], is_chosen=one == chosen) for one in candidates],
    }
    return chosen, entry


def _row(
    values: Values, knob: Knob, samples: Sequence[Sample], now: Sequence[Sample], *, is_chosen: bool
) -> dict[str, Any]:
    ratios = ratios_of(samples, now)
    return {
        "value": getattr(values, knob.settings[0]),
        "prefill_tokens_per_s": _middle([one.reading for one in samples if one.reading]),
        "decode_tokens_per_s": _middle([one.writing for one in samples if one.writing]),
        "time_ratio": round(median(ratios), 3) if ratios else None,
        "chosen": is_chosen,
    }


def _middle(figures: Sequence[float]) -> float | None:
    return round(median(figures), 1) if figures else None


class _Laboratory:
    """The engines that are measured."""

    def __init__(self, order: Order, stack: AsyncExitStack) -> None:
        self.order = order
        self.tokens = order.tokens
        self._stack = stack
        self._engines: dict[Values, Engine] = {}
        self._report: Report | None = None
        self._prompts: list[tuple[Segment, ...]] = []
        self._short: list[tuple[Segment, ...]] = []

    async def begin(self) -> tuple[Report, Values]:
        """The model as it is loaded without any tuning, and how long a prompt it reads in the time for a sample."""
        async with AsyncExitStack() as stack:
            engine = Engine(self._sized(self.order.start))
            stack.push_async_callback(engine.close)
            report = self._report = await engine.start()
            number = 2 * self.order.rounds + 2
            self._short = await prompts_of(engine.count, report, number, SHORT_PROMPT)
            for _ in range(2):
                end = await _answered(engine, self._short[0], 2)
            speed = (end.prompt_tokens - end.cached_tokens) / max(end.prefill_ms, 0.1) * 1000
            self.tokens = max(FEWEST_TOKENS, min(self.order.tokens, round(speed * SAMPLE_SECONDS)))
            self._prompts = await prompts_of(engine.count, report, number, self.tokens)
        start = self.order.start
        values = Values(
            threads=report.threads,
            writing_threads=report.writing_threads,
            batch=max(16, report.batch),
            flash_attention=start.flash_attention,
            cache_type_k=start.cache_type_k,
            cache_type_v=start.cache_type_v,
            gpu_layers=start.gpu_layers,
            split_mode=start.split_mode,
        )
        return report, values

    async def sample(self, values: Values, part: Part) -> Sample | None:
        """One answer with these values; None where the model cannot be run with them."""
        try:
            engine = await self._engine(values)
            prompts = self._short if part == "writing" else self._prompts
            prompt = prompts.pop(0)
            prompts.append(prompt)
            end = await _answered(engine, prompt, 2 if part == "reading" else self.order.new_tokens)
        except (StartupError, BotError):
            await self._close(values)
            return None
        finally:
            if self._report is not None and self._report.size_bytes > LARGEST_BESIDE_OTHERS:
                await self._close(values)
        read = (end.prompt_tokens - end.cached_tokens) / max(end.prefill_ms, 0.1) * 1000
        written = (end.new_tokens - 1) / max(end.generation_ms, 0.1) * 1000
        return Sample(0.0 if part == "writing" else read, 0.0 if part == "reading" else written)

    async def rest(self, values: Values) -> None:
        """Ends every engine but that of these values."""
        for one in list(self._engines):
            if one != values:
                await self._close(one)

    async def _engine(self, values: Values) -> Engine:
        engine = self._engines.get(values)
        if engine is None:
            engine = self._engines[values] = Engine(self._sized(await asyncio.to_thread(self.order.spec_of, values)))
            self._stack.push_async_callback(engine.close)
            report = await engine.start()
            if self._report is not None and report.requested_gpu_layers == self._report.requested_gpu_layers:
                _check_offload(report, self._report)
            await _answered(engine, self._short[-1], 2)  # brings the pages in
        return engine

    async def _close(self, values: Values) -> None:
        engine = self._engines.pop(values, None)
        if engine is not None:
            await engine.close()

    def _sized(self, spec: ModelSpec) -> ModelSpec:
        return replace(spec, n_ctx=self.order.tokens + self.order.new_tokens + ROOM, parallel=1, cells=0)


def _check_offload(report: Report, usual: Report) -> None:
    """A model that did not fit was loaded with fewer layers on the GPU: then not these values would be measured."""
    if report.offloaded_layers != usual.offloaded_layers:
        raise DependencyDown("The model does not fit on the GPU with these values.")


async def _answered(engine: Engine, prompt: tuple[Segment, ...], new_tokens: int) -> Finished:
    request = Generate(engine.new_request_id(), prompt, max_tokens=new_tokens, goes_on=True)
    events = [event async for event in engine.stream(request)]
    end = events[-1]
    return end if isinstance(end, Finished) else Finished(request.request_id, "cancelled")
