"""Before a model is loaded: is the file one, is it the right one, and on how many layers of a GPU to try it."""

import hashlib
import hmac
import struct
from pathlib import Path

from bot.errors import BadConfiguration

MAGIC, VERSIONS = b"GGUF", (2, 3)
RERANKER_SETTING = "THREADLORE_RERANK__PATH"
# The tensors that make a reranker, as llama.cpp names them. Their names stand in front of the weights, behind the
# vocabulary, which takes 10 MB where it is as large as they come.
HEADS = (b"cls.output.weight", b"cls.weight")
LONGEST_HEADER = 64 << 20
# When not even the number of a model's layers is known, because it could not be loaded.
SOME_LAYERS = 24


def check_gguf(path: Path, setting: str = "THREADLORE_MODEL__PATH", what: str = "") -> None:
    """Reads the first bytes of a model file. `what` it is to be, where that is no model.

    Errors: `BadConfiguration`, one sentence that names the file and what to do.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise BadConfiguration(f"There is no readable model file at {path}; set {setting} to a GGUF file.") from error
    if len(head) < len(MAGIC) + 4 or not head.startswith(MAGIC):
        advice = f"{setting} wants {what}" if what else "download one with `threadlore models pull`"
        raise BadConfiguration(f"{path} is not a GGUF model; {advice}.")
    (version,) = struct.unpack_from("<I", head, len(MAGIC))
    if version not in VERSIONS:
        raise BadConfiguration(f"{path} is a GGUF of version {version}; versions 2 and 3 can be read.")


def check_reranker(path: Path) -> None:
    """As `check_gguf`, and that the model has a classification head: without one its numbers would mean nothing.

    Errors: `BadConfiguration`.
    """
    check_gguf(path, RERANKER_SETTING)
    with path.open("rb") as file:
        head = file.read(LONGEST_HEADER)
    if not any(struct.pack("<Q", len(name)) + name in head for name in HEADS):
        raise BadConfiguration(
            f"{path.name} is no reranker, for it has no classification head; set {RERANKER_SETTING} to one that has, "
            "such as those of `threadlore models list`."
        )


def check_sha256(path: Path, expected: str, whose: str) -> None:
    """Reads the whole file. `whose` names where the expected checksum comes from.

    Errors: `BadConfiguration`.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadConfiguration(f"The model file {path} cannot be read ({error.strerror}).") from error
    if not hmac.compare_digest(found, expected.strip().lower()):
        raise BadConfiguration(
            f"{path} is not the model file that it should be: its SHA-256 is {found}, and {whose} says {expected}."
        )


def fewer_and_fewer(gpu_layers: int) -> tuple[int, ...]:
    """Numbers of layers to try on a GPU, one after the other: as set, then fewer, at last none. -1 is all."""
    most = SOME_LAYERS if gpu_layers < 0 else gpu_layers // 2
    return tuple(dict.fromkeys((gpu_layers, most, most // 2, 0)))
