"""What `threadlore models tune` tries, one thing after another, and when it takes another value. No I/O."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from bot.generation.model_files import FileType
from bot.generation.sequence import Report
from bot.tuned import Values

# An answer as the bot writes them: so much of its prompt is not in the model's memory yet, so much is written.
TYPICAL_READ, TYPICAL_WRITTEN = 430, 48
# Another value is taken when it is better in every round, and by so much in the middle one.
MARGIN = 0.05
# On a busy machine one round found a single thread faster than two.
FEWEST_ROUNDS = 3
BATCHES_ON_CPU, BATCHES_ON_GPU = (64, 128, 256, 512), (256, 512, 1024, 2048)

Part = Literal["reading", "writing", "both"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: tokens a second. What a knob does not ask for is 0."""

    reading: float = 0.0
    writing: float = 0.0

    @property
    def seconds(self) -> float:
        """How long a typical answer takes; of what was measured."""
        read = TYPICAL_READ / self.reading if self.reading else 0.0
        return read + (TYPICAL_WRITTEN / self.writing if self.writing else 0.0)


@dataclass(frozen=True, slots=True)
class Knob:
    """One thing to try: `candidates` makes the values to compare with those so far."""

    name: str
    settings: tuple[str, ...]
    part: Part
    candidates: Callable[[Values], list[Values]]


def knobs(report: Report, cores: int, *, built_in: bool) -> Iterator[Knob]:
    """What is worth trying with this model here, what promises most first."""
    on_gpu = report.offloaded_layers > 0
    if report.can_offload and report.devices and on_gpu:
        layers = (0, report.model_layers // 2)
        yield Knob("GPU layers", ("gpu_layers",), "both", lambda now: [replace(now, gpu_layers=one) for one in layers])
        if len(report.devices) > 1:
            yield Knob("split mode", ("split_mode",), "both", lambda now: [replace(now, split_mode="row")])
    yield Knob("reading threads", ("threads",), "reading", lambda now: _threads(now, "threads", cores))
    yield Knob("writing threads", ("writing_threads",), "writing", lambda now: _threads(now, "writing_threads", cores))
    yield Knob("batch", ("batch",), "reading", lambda now: _batches(now, BATCHES_ON_GPU if on_gpu else BATCHES_ON_CPU))
    yield Knob("flash attention", ("flash_attention",), "both", lambda now: _flash(now, report))
    if built_in:
        types: tuple[FileType, ...] = ("q4_1", "q8_0", "f16")
        yield Knob("numbers", ("file_type",), "both", lambda now: [replace(now, file_type=one) for one in types])
    cache = ("cache_type_k", "cache_type_v")
    yield Knob("cache", cache, "both", lambda now: [replace(now, cache_type_k="q8_0", cache_type_v="q8_0")])


def better(now: Sequence[Sample], others: Mapping[Values, Sequence[Sample]]) -> Values | None:
    """The one to take instead of the values so far; rounds are compared one by one, because the machine changes."""
    best, least = None, 1 - MARGIN
    for values, samples in others.items():
        ratios = ratios_of(samples, now)
        if len(ratios) >= FEWEST_ROUNDS and max(ratios) < 1 and median(ratios) < least:
            best, least = values, median(ratios)
    return best


def ratios_of(samples: Sequence[Sample], now: Sequence[Sample]) -> list[float]:
    """Of each round, its time over that of the values so far."""
    return [one.seconds / other.seconds for one, other in zip(samples, now, strict=False) if other.seconds]


def _threads(now: Values, name: Literal["threads", "writing_threads"], cores: int) -> list[Values]:
    numbers = sorted({1, cores, cores // 2, cores // 4, cores * 3 // 4} - {0, getattr(now, name)}, reverse=True)
    if name == "threads":
        return [replace(now, threads=one) for one in numbers]
    return [replace(now, writing_threads=one) for one in numbers]


def _batches(now: Values, sizes: Sequence[int]) -> list[Values]:
    return [replace(now, batch=size) for size in sizes if size != now.batch]


def _flash(now: Values, report: Report) -> list[Values]:
    """The other way than the one in use."""
    in_use = now.flash_attention == "on" or report.flash_attention in {"enabled", "auto"}
    return [replace(now, flash_attention="off" if in_use else "on")]
