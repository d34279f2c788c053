"""The model child: `python -m bot.generation.worker`. Reads requests, schedules, runs, writes events.

It lives exactly as long as its standard input is open: when the bot dies, however it dies, the pipe
closes and the child ends at once, even in the middle of an answer. It holds no token and no
connection, and gives the network up before it opens the model file, where the system lets it.
"""

import os
import queue
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NoReturn

from bot import confinement
from bot.generation.scheduler import Scheduler
from bot.generation.sequence import (
    AddLora,
    Cancel,
    Count,
    DropLora,
    Embed,
    Event,
    Failed,
    Generate,
    Message,
    ModelSpec,
    Rank,
    Ready,
    Shutdown,
    Step,
    decode,
    encode,
    take_frames,
)
from bot.generation.steps import Steps
from bot.generation.trace import TracedSteps

READ_BYTES = 1 << 16
FILE_TYPES = {"q4_0": 2, "q4_1": 3, "q8_0": 7, "f16": 1}
USAGE_EXIT, FAILED_EXIT = 2, 1


class Pipe:
    """The two ends of the conversation with the bot."""

    def __init__(self) -> None:
        # Whatever a library prints must not end up between our frames.
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._told: tuple[str, ...] = ()
        self.inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def write(self, event: Event) -> None:
        """Sends one event, whole."""
        view = memoryview(encode(event))
        while view:
            view = view[os.write(self._out, view) :]

    def tell(self, request_ids: tuple[str, ...]) -> None:
        """Says what is worked on from now on: should this process die, the bot must know of what."""
        if request_ids != self._told:
            self._told = request_ids
            self.write(Step(request_ids))

    def _read(self) -> None:
        buffer = b""
        try:
            while chunk := os.read(0, READ_BYTES):
                frames, buffer = take_frames(buffer + chunk)
                for frame in frames:
                    self.inbox.put(decode(frame))
        except (ValueError, OSError):
            end(FAILED_EXIT)
        end(0)


def end(code: int) -> NoReturn:
    """Ends the process from any thread, without waiting for a computation."""
    os._exit(code)


def serve(pipe: Pipe, *, has_network: bool) -> None:
    """Loads the model named by the first message, then works until told to stop."""
    from bot.generation.load_log import LoadLog
    from bot.generation.runner import LoadError, Model

    spec = pipe.inbox.get()
    if not isinstance(spec, ModelSpec):
        return
    try:
        model = Model(spec, LoadLog())
    except LoadError as error:
        pipe.write(Failed("", str(error), on_gpu=error.on_gpu))
        return
    pipe.write(Ready(replace(model.report, has_network=has_network)))
    scheduler = Scheduler(slots=model.sequences, context=model.report.n_ctx, cells=model.cells, budget=model.budget)
    steps = TracedSteps(model, scheduler, Path(spec.trace)) if spec.trace else Steps(model, scheduler)
    while True:
        while not len(scheduler) or not pipe.inbox.empty():
            message = pipe.inbox.get()
            if isinstance(message, Shutdown):
                return
            receive(message, steps, scheduler, pipe)
        plan = steps.plan()
        pipe.tell(plan.request_ids)
        for event in chain(steps.beginning(plan), steps.run(plan)):
            pipe.write(event)


def receive(message: Message, steps: Steps, scheduler: Scheduler, pipe: Pipe) -> None:
    """Takes a request, or ends a cancelled one before its next step."""
    match message:
        case Cancel(request_id):
            was_here = request_id in scheduler
            cancelled = steps.release(request_id)
            if was_here:
                pipe.write(cancelled)
        case Generate() | Embed() | Rank() | Count() as work if work.request_id not in scheduler:
            pipe.tell((work.request_id,))
            for event in steps.take(work):
                pipe.write(event)
        case AddLora() | DropLora() as change:
            pipe.tell((change.request_id,))
            pipe.write(steps.change(change))
        case _:
            pass


def requantize(source: Path, target: Path, file_type: str) -> int:
    """Writes `source` again in another number format; `target` appears only when it is complete."""
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = FILE_TYPES[file_type]
    params.allow_requantize = True
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".requantize-") as folder:
        draft = Path(folder, target.name)
        code = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(draft), params)
        if code == 0:
            draft.replace(target)
    return int(code)


def main(arguments: Sequence[str]) -> int:
    """The child's life, with --network beside devices that are served elsewhere; or one conversion, --requantize."""
    match arguments:
        case ["--requantize", source, target, file_type] if file_type in FILE_TYPES:
            return FAILED_EXIT if requantize(Path(source), Path(target), file_type) else 0
        case [] | ["--network"]:
            pass
        case _:
            return USAGE_EXIT
    confinement.leave_ending_to_the_bot()
    confinement.leave_no_core()
    keeps_network = bool(arguments)
    has_network = keeps_network or not confinement.give_up_network()  # before the pipe starts a thread
    pipe = Pipe()
    import llama_cpp  # noqa: F401 -- its own start may ask the system about itself; what comes after may not

    if not keeps_network:
        confinement.start_nothing_and_call_nobody()
    serve(pipe, has_network=has_network)
    return 0


if __name__ == "__main__":
    end(main(sys.argv[1:]))
