"""What `threadlore models tune` found out, kept beside the models: for one model on one machine, and no other.

Errors while reading are never fatal: a file that cannot be understood is left alone, and the usual values hold.
"""

import hashlib
import os
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
from pydantic import Field, TypeAdapter, ValidationError

from bot.errors import DependencyDown
from bot.generation.embedder import identity_of
from bot.generation.model_files import CHAT_SOURCE, FileType, models_directory
from bot.generation.sequence import CacheType, FlashAttention, SplitMode

log = structlog.get_logger()

FILE = "tuned.json"
PROCESSORS = Path("/proc/cpuinfo")
NVIDIA = Path("/proc/driver/nvidia/gpus")
BUILT_IN = f"built-in {CHAT_SOURCE[1].partition('.')[0]}"

Threads = Annotated[int, Field(ge=1, le=512)]
Speed = Annotated[float, Field(gt=0, lt=1e9)]


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides how fast a model is here. `llama_cpp`: version of the package, and what it was built with."""

    processor: str
    cores: int
    gpus: tuple[str, ...]
    llama_cpp: str


@dataclass(frozen=True, slots=True)
class Values:
    """Settings of the model of the same names, and for the built-in model the numbers that its file holds."""

    threads: Threads
    writing_threads: Threads
    batch: Annotated[int, Field(ge=16, le=8192)]
    flash_attention: FlashAttention
    cache_type_k: CacheType
    cache_type_v: CacheType
    gpu_layers: Annotated[int, Field(ge=-1)]
    split_mode: SplitMode
    file_type: FileType = "q4_0"


@dataclass(frozen=True, slots=True)
class Tuned:
    """One result. Speeds are those with these values; `measured_at` is a date."""

    model: str
    machine: Machine
    values: Values
    prefill_tokens_per_s: Speed
    decode_tokens_per_s: Speed
    measured_at: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The whole file."""

    version: Literal[1]
    results: tuple[Tuned, ...] = ()


CONTENTS = TypeAdapter(Contents)


def this_machine() -> Machine:
    """The machine as this process may use it."""
    return Machine(_processor(), _cores(), _gpus(), _llama_cpp())


def identity(path: Path | None) -> str:
    """A short name of a model file by its contents; without a path, of the built-in model. Errors: `OSError`."""
    return BUILT_IN if path is None else f"{path.name}@{identity_of(path, '')}"


def tuned_for(path: Path | None, home: Path, machine: Machine | None = None) -> Tuned | None:
    """What was found for this model on this machine, if anything."""
    try:
        model = identity(path)
    except OSError:
        return None  # whoever opens the file says what is wrong with it
    machine = machine or this_machine()
    known = _read(models_directory(home) / FILE)
    return next((one for one in known.results if (one.model, one.machine) == (model, machine)), None)


def keep(tuned: Tuned, home: Path) -> Path:
    """Writes a result, in place of an older one for the same model and machine; returns the file.

    Errors: `DependencyDown` where it cannot be written.
    """
    path = models_directory(home) / FILE
    known = _read(path)
    others = [one for one in known.results if (one.model, one.machine) != (tuned.model, tuned.machine)]
    text = CONTENTS.dump_json(Contents(1, (*others, tuned)), indent=2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".tuned-") as folder:
            draft = Path(folder, FILE)
            draft.write_bytes(text)
            draft.replace(path)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise DependencyDown(f"What was measured cannot be written to {path}: {why}.") from error
    return path


def chosen(tuned: Tuned | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the model for the engine: those that were given, then what was tuned. `file_type` is none of them."""
    values = asdict(tuned.values) if tuned is not None else {}
    values.pop("file_type", None)
    return {**values, **given}


def _read(path: Path) -> Contents:
    try:
        return CONTENTS.validate_json(path.read_bytes())
    except FileNotFoundError:
        pass
    except (OSError, ValidationError) as error:
        log.warning("tuning_ignored", error=type(error).__name__)
    return Contents(1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (
        line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "CPU part", "Hardware"))
    )
    return next(named, "") or platform.processor() or platform.machine()


def _gpus() -> tuple[str, ...]:
    """NVIDIA's cards by name; of others the libraries that llama.cpp was built with tell."""
    try:
        lines = [line for one in NVIDIA.glob("*/information") for line in one.read_text(errors="replace").splitlines()]
    except OSError:
        return ()
    return tuple(sorted(line.partition(":")[2].strip() for line in lines if line.startswith("Model")))


def _llama_cpp() -> str:
    """The version and a short hash of which libraries there are, and how large: another build has others."""
    try:
        number = version("llama-cpp-python")
    except PackageNotFoundError:
        number = ""
    found = find_spec("llama_cpp")
    folder = Path(found.origin).parent / "lib" if found is not None and found.origin else Path()
    libraries = sorted(f"{one.name} {one.stat().st_size}" for one in folder.glob("*ggml*")) if folder.is_dir() else []
    return f"{number} {hashlib.sha256(' '.join(libraries).encode()).hexdigest()[:8]}"
