"""A model child without a model: it speaks the protocol, and does what the words of a prompt tell it.

    python stub_child.py JOURNAL [on_load=...]

Every request and how it loaded goes to the journal, one line each: what reached a child is counted there.
"""

import os
import signal
import sys
import time
import zlib
from pathlib import Path

from bot.generation.sequence import (
    LENGTH,
    Cancel,
    Count,
    Counts,
    Embed,
    Failed,
    Finished,
    Generate,
    ModelSpec,
    Piece,
    Progress,
    Ready,
    Report,
    Shutdown,
    Step,
    Vectors,
    decode,
    encode,
)

JOURNAL = Path(sys.argv[1])
MOST_GPU_LAYERS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
DIMENSION = 256
DEATHS = {"SEGV": signal.SIGSEGV, "ABRT": signal.SIGABRT, "KILL": signal.SIGKILL, "HANG": signal.SIGSTOP}
ANSWER = ["The ", "tide ", "table ", "is ", "in ", "the ", "harbour ", "office."]


def note(line):
    with JOURNAL.open("a") as file:
        file.write(f"{os.getpid()} {line}\n")


def say(event):
    os.write(1, encode(event))


def hear():
    head = sys.stdin.buffer.read(LENGTH.size)
    if len(head) < LENGTH.size:
        os._exit(0)
    return decode(sys.stdin.buffer.read(LENGTH.unpack(head)[0]))


def obey(text, moment):
    """Dies of a text that says so: `SEGV!` at once, `SEGV@` in the middle of its answer."""
    for word, death in DEATHS.items():
        if f"{word}{moment}" in text:
            os.kill(os.getpid(), death)
    if f"MEMORY{moment}" in text:
        sys.stderr.write("CUDA error: out of memory\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGABRT)
    if "SLOW" in text:
        time.sleep(0.05)


def vector_of(text):
    """Texts that share words are near each other."""
    vector = [0.0] * DIMENSION
    for word in text.lower().split():
        vector[zlib.crc32(word.encode()) % DIMENSION] += 1.0
    length = sum(value * value for value in vector) ** 0.5 or 1.0
    return tuple(value / length for value in vector)


def work(request, n_ctx):
    match request:
        case Count():
            say(Counts(request.request_id, tuple(len(text.split()) for text in request.texts)))
        case Embed():
            vectors = []
            for text in request.texts:
                obey(text, "!")
                vectors.append(vector_of(text))
                say(Progress(request.request_id, len(vectors)))
            say(Vectors(request.request_id, tuple(vectors)))
        case Generate():
            prompt = " ".join(segment.text for segment in request.segments)
            obey(prompt, "!")
            size = len(prompt.split())
            if size + request.max_tokens > n_ctx:
                say(Failed(request.request_id, "too long", too_long=True))
                return
            say(Progress(request.request_id, size))
            begun = sum(request.segments[-1].text.startswith("".join(ANSWER[: n + 1])) for n in range(len(ANSWER)))
            for place, piece in enumerate(ANSWER[begun:], start=begun):
                if place == 4:
                    obey(prompt, "@")
                say(Piece(request.request_id, piece))
            say(Finished(request.request_id, "stop", prompt_tokens=size, new_tokens=len(ANSWER) - begun))


def main():
    spec = hear()
    assert isinstance(spec, ModelSpec)
    note(f"load layers={spec.gpu_layers} context={spec.n_ctx}")
    if not 0 <= spec.gpu_layers <= MOST_GPU_LAYERS:
        if MOST_GPU_LAYERS < 0:
            say(Failed("", "There is no such model."))
        elif spec.gpu_layers < 0:
            os.abort()  # as the CUDA back end does
        else:
            say(Failed("", "There is not enough memory.", on_gpu=True))
        return
    say(
        Ready(
            Report(True, spec.gpu_layers, 33, spec.gpu_layers, ("CUDA0",), "stub", "stub", 10**9, spec.n_ctx, 8192,
                   DIMENSION, "chatml", False, "mean", "bpe", 1, has_network=False)
        )
    )  # fmt: skip
    while True:
        match hear():
            case Shutdown():
                return
            case Cancel():
                pass
            case request:
                note(f"ask {type(request).__name__} {request}")
                say(Step((request.request_id,)))
                say(Progress(request.request_id, 0))
                work(request, spec.n_ctx)


main()
