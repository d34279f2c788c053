"""Steps that are written down as they are done, for a picture. Only who sets `ModelSpec.trace` pays for it.

One JSON document a line, with times in seconds of one clock and numbers of tokens, never the tokens themselves:

    {"at": 1.0, "taken": "7"}                                                       a request is here
    {"from": 1.1, "to": 1.2, "slices": [["7", 0, 0, 128, false]], "preempted": []}  a step; a slice as in `Slice`
    {"at": 2.0, "left": "7"}                                                        it is finished, or cancelled
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.generation.scheduler import Plan, Scheduler
from bot.generation.sequence import Event, Finished, Work
from bot.generation.steps import LoadedModel, Steps


class TracedSteps(Steps):
    """The same steps, and a file that grows with each."""

    def __init__(self, model: LoadedModel, scheduler: Scheduler, path: Path) -> None:
        super().__init__(model, scheduler)
        # Appending: whoever empties the file in the middle has what comes behind.
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def take(self, work: Work) -> Iterator[Event]:
        """As `Steps.take`."""
        self._note(at=time.perf_counter(), taken=work.request_id)
        yield from super().take(work)

    def run(self, plan: Plan) -> Iterator[Event]:
        """As `Steps.run`."""
        began = time.perf_counter()
        yield from super().run(plan)
        slices = [[one.request_id, one.slot, one.start, one.count, one.ends] for one in plan.slices]
        preempted = [freed.request_id for freed in plan.preempted]
        self._note(**{"from": began, "to": time.perf_counter(), "slices": slices, "preempted": preempted})

    def release(self, request_id: str) -> Finished:
        """As `Steps.release`."""
        self._note(at=time.perf_counter(), left=request_id)
        return super().release(request_id)

    def _note(self, **what: Any) -> None:
        self._file.write(json.dumps(what, separators=(",", ":")) + "\n")
